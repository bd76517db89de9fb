"""How many examples hypothesis draws: few by default, many with `--hypothesis-profile thorough` (`-m hypothesis` selects those tests).

A test that draws leaves their number to the profile; its own `settings` say the rest.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")
