"""Auditing: whether each task of a set is sound, decided by execution and explained, without a model.

`audited.py` audits one of the cases that `adapters.py` makes of a task file, a pack or a foreign format; one file per kind of
finding says what is wrong; `audit.py` goes over a whole set; `report.py` and `page.py` show it.
"""
