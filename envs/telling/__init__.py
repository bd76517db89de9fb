"""How a reply is heard: sentences, numbers and money, days and moments, names and codes, questions, refusals.

`envs/told.py` is the face; each file here holds one concept. Law: a text is read once, in time proportional to its
length, and what was read is kept; no rule knows a task, a tool or a world.

Not by library: `babel` parses a number or a date that stands alone, in one locale; here they have to be found in prose
of any locale, without cutting one out of another. `dateutil` and `dateparser` fill what a text does not say from today
and take `only 5 may board` for a day. Tests hold this reader against `babel`'s spellings instead.
"""
