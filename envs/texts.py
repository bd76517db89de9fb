"""The JSON text of results, put together from the texts of their records, which are kept with them.

A record never changes, so its text does not either: the text of a table's record is written once for all forks,
and so is that of an entry made by a function that is `kept`. Law: a text is what pydantic writes of the whole value
by its type, byte for byte; where something is not of its declared type, pydantic gets the whole, and refuses it.

Not here: what a tool gives back, and how its values are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter

from .records import fields_of, is_record, keep_text

Write = Callable[[Any], str]


def writer_of(returns: Any, made: bool = False) -> Write:
    """How results of a tool's return type become text; raises what pydantic raises for a value that is not of the type.

    Args:
        returns: the return type. made: whether a single record was mostly just made, so that no text can be kept yet.
    """
    whole = _whole(returns)
    if is_record(returns):
        return whole if made else _pen(returns).write
    if get_origin(returns) is not list or not is_record(get_args(returns)[0]):
        return whole
    pen = _pen(get_args(returns)[0])

    def write(value: Any) -> str:
        try:
            texts = pen.texts(value) if type(value) is list else None
        except Exception:  # let the whole say where it is wrong
            texts = None
        return whole(value) if texts is None else f"[{','.join(texts)}]"

    return write


def _whole(annotation: Any) -> Write:
    serialize = TypeAdapter(annotation).serializer.to_json
    return lambda value: serialize(value, warnings="error").decode()


class _Pen:
    """Writes the records of one class.

    `_pens`: fields that are tuples of records -> their pen. `_runs`: all fields in order; those between two such as a set.
    """

    def __init__(self, cls: Any) -> None:
        self._cls = cls
        self._whole = _whole(cls)
        self._serialize = TypeAdapter(cls).serializer.to_json

    @cached_property  # not at once: a record may hold records of its own class
    def _pens(self) -> dict[str, _Pen]:
        return {name: _pen(item) for name, hint in fields_of(self._cls).items() if (item := _item_of(hint)) is not None}

    @cached_property
    def _runs(self) -> list[str | set[str]]:
        runs: list[str | set[str]] = []
        for name in fields_of(self._cls):
            if name in self._pens:
                runs.append(name)
            elif runs and isinstance(runs[-1], set):
                runs[-1].add(name)
            else:
                runs.append({name})
        return runs

    def write(self, row: Any) -> str:
        """The text of one record, kept with it where that is of use."""
        cls = self._cls
        if cls.__turngym_texts__ and type(row) is cls and (text := getattr(row, "_text", "")):
            return text
        return self.write_new(row)

    def write_new(self, row: Any) -> str:
        """As `write`, for a record of which no text is kept yet."""
        cls = self._cls
        for pen in self._pens.values():
            if pen._cls.__turngym_texts__:
                made = self._fresh(row)
                break
        else:
            made = self._serialize(row, warnings="error").decode()
        if cls.__turngym_texts__ and type(row) is cls:
            keep_text(row, made)
        return made

    def texts(self, rows: Sequence[Any]) -> list[str] | None:
        """The texts of records; None where writing all at once is quicker, for they are not kept, or some are no such records."""
        cls = self._cls
        if not rows:
            return []
        if not cls.__turngym_texts__ or set(map(type, rows)) != {cls}:
            return None
        if getattr(rows[0], "_text", None) is None:  # shown for the first time, many for the only time
            keep_text(rows[0], "")
            return None
        return [getattr(row, "_text", "") or self.write_new(row) for row in rows]

    def _fresh(self, row: Any) -> str:
        if type(row) is not self._cls:
            return self._whole(row)
        inner = {}
        for name, pen in self._pens.items():
            rows = getattr(row, name)
            try:
                texts = pen.texts(rows) if type(rows) is tuple else None
            except Exception:  # let the whole say where it is wrong
                texts = None
            if texts is None:
                return self._whole(row)
            inner[name] = f'"{name}":[{",".join(texts)}]'
        plain = self._serialize
        parts = [inner[run] if isinstance(run, str) else plain(row, include=run, warnings="error").decode()[1:-1] for run in self._runs]
        return f"{{{','.join(parts)}}}"


@lru_cache(maxsize=1024)
def _pen(cls: type) -> _Pen:
    return _Pen(cls)


def _item_of(hint: Any) -> type | None:
    """The record class of a field that is an open tuple of records and nothing else."""
    parts = get_args(hint) if get_origin(hint) is tuple else ()
    return parts[0] if len(parts) == 2 and parts[1] is Ellipsis and is_record(parts[0]) else None
