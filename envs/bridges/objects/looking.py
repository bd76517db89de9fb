"""What an object holds: the part of it that is shown and compared, and the part that nobody shows and forks must keep.

Laws: looking calls nothing of the object but a function that was given for it, so no property is asked; what is not shown
(names that begin with `_`, or all that a given function leaves out) still stands in the fingerprint, as by-products.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import DefinitionError, shorten
from ..canon import attributes_of, canonical_text, parts_of

_MOST_KEPT, _MOST_BYTES = 4096, 4000
StateOf = str | Callable[[Any], Any] | None


class _Written:
    """Values written down, kept by their pickle: what did not change since is not written again.

    Equal pickles are equal values; a value that cannot be pickled is written each time.
    """

    def __init__(self, private: bool) -> None:
        self._private = private
        self._known: dict[bytes, str] = {}

    def __call__(self, value: Any) -> str:
        try:
            mark = pickle.dumps(value, 5)
        except Exception:
            return canonical_text(value, self._private)
        text = self._known.get(mark)
        if text is None:
            text = canonical_text(value, self._private)
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            if len(mark) < _MOST_BYTES:
                self._known[mark] = text
        return text


class Look:
    """How the objects of one class are looked at.

    Args:
        state: None for the public attributes (all of them where an object has no public one), `"all"`, the name of a
            method or attribute of the object, or a function of it.
    """

    def __init__(self, state: StateOf) -> None:
        self._state = state
        self._plainly, self._deeply = _Written(False), _Written(True)
        self._all: bool | None = True if state == "all" else None if state is None else False
        if not (state is None or isinstance(state, str) or callable(state)):
            raise DefinitionError(f"state={shorten(repr(state))} is neither a name nor a function of the object")

    @property
    def by_function(self) -> bool:
        """Whether a function says what counts."""
        return self._state is not None and self._state != "all"

    @property
    def shows_private(self) -> bool:
        """Whether names that begin with `_` are compared as well."""
        return self._all is True

    @property
    def was_told_nothing(self) -> bool:
        """Whether nobody said what counts."""
        return self._state is None

    def shown(self, thing: Any) -> Mapping[str, Any]:
        """The named parts that are compared."""
        if self.by_function:
            return self._given(thing)
        held = attributes_of(thing, True) or {}
        if self._all is None:  # told once, by the first object there is
            self._all = not any(not name.startswith("_") for name in held)
        return held if self._all else {name: part for name, part in held.items() if not name.startswith("_")}

    def hidden(self, thing: Any) -> Mapping[str, Any]:
        """The other attributes."""
        held = attributes_of(thing, True) or {}
        if self.by_function:
            return held
        return {} if self._all else {name: part for name, part in held.items() if name.startswith("_")}

    def parts(self, thing: Any) -> tuple[dict[str, str], dict[str, str]]:
        """Both as parts, `path -> canonical text`."""
        return parts_of(self.shown(thing), False, self._plainly), parts_of(self.hidden(thing), True, self._deeply)

    def picture(self, thing: Any) -> str:
        """All that an object holds, as one text, to compare copies by."""
        held = attributes_of(thing, True)
        whole = canonical_text(held if held is not None else thing, True)
        return f"{whole}{canonical_text(self._given(thing))}" if self.by_function else whole

    def _given(self, thing: Any) -> Mapping[str, Any]:
        if isinstance(self._state, str):
            found = getattr(thing, self._state, None)
            if found is None:
                raise DefinitionError(f"state={self._state!r} names nothing of {type(thing).__name__}")
            value = found() if callable(found) else found
        else:
            assert callable(self._state)
            value = self._state(thing)
        return value if isinstance(value, Mapping) else {"state": value}
