"""The connections to one server, lent to whoever wants the server to stand at a moment of its own history.

A connection is to a world what a cache is to memory: many worlds are alive, few servers are, and a server is brought to a
moment (reset, then every call made again) only where none stands there already. Laws: a lent connection is nobody
else's; the least used goes first; at most `capacity` are open; a call that is made again and answers otherwise is told
(`NotRepeated`), and that connection is brought anew.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from ...errors import shorten
from .answers import error_of, failed, text_of
from .background import BACKGROUND
from .declaration import RESTART, Ask, Declaration, filled
from .history import Moment, Start, mark_of
from .link import Link, ServerError
from .sdk import Refused

_ANY = Start(0, "small", "")  # a connection that is only asked what there is


class NotRepeated(ServerError):
    """A call that was made again answered otherwise: the server's state depends on more than its calls."""


class Seat:
    """One connection, where it stands (None: nobody knows), and whose it was last."""

    __slots__ = ("busy", "link", "moment", "owner", "used")

    def __init__(self) -> None:
        self.link: Link | None = None
        self.moment: Moment | None = None
        self.owner: weakref.ref[Any] | None = None
        self.busy = True
        self.used = 0

    def stands_at(self, moment: Moment) -> bool:
        """Whether the server is where somebody wants it."""
        return self.link is not None and not self.link.broken and self.moment is not None and self.moment.key == moment.key

    @property
    def spare(self) -> bool:
        """Whether nobody loses anything: the owner is gone, or has made no call yet."""
        return self.owner is None or self.owner() is None or self.moment is None or self.moment.depth == 0


class Pool:
    """The connections to one server.

    Attributes:
        said: the declaration. opened, resets, replayed: how many connections, resets and repeated calls there were.
    """

    def __init__(self, said: Declaration) -> None:
        self.said = said
        self.takes_seed = False  # whether the reset tool has a parameter of that name
        self.opened = self.resets = self.replayed = 0
        self._seats: list[Seat] = []
        self._turn = 0
        self._free = threading.Condition()
        weakref.finalize(self, _close_all, self._seats).atexit = False  # at exit the background closes what is open

    @contextlib.contextmanager
    def at(self, moment: Moment, owner: object) -> Iterator[Seat]:
        """A connection whose server stands at `moment`; whoever moves it on says so (`seat.moment`)."""
        seat = self._take(moment)
        try:
            seat.owner = weakref.ref(owner)
            if not seat.stands_at(moment):
                self._bring(seat, moment)
            yield seat
        finally:
            self._give_back(seat)

    @contextlib.contextmanager
    def anywhere(self) -> Iterator[Link]:
        """A connection, wherever its server stands."""
        seat = self._take(Moment(_ANY))
        try:
            link = seat.link if seat.link is not None and not seat.link.broken else self._open(seat, _ANY)
            yield link
        finally:
            seat.owner = None
            self._give_back(seat)

    def close(self) -> None:
        """Close every connection; the next need opens others."""
        with self._free:
            seats, self._seats[:] = list(self._seats), []
        _close_all(seats)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return sum(seat.link is not None and not seat.link.broken for seat in self._seats)

    # -- lending ---------------------------------------------------------------------------------------

    def _take(self, moment: Moment) -> Seat:
        with self._free:
            while (seat := self._choose(moment)) is None:
                self._free.wait()
            self._turn += 1
            seat.busy, seat.used = True, self._turn
            return seat

    def _choose(self, moment: Moment) -> Seat | None:
        free = [seat for seat in self._seats if not seat.busy]
        for fitting in ([seat for seat in free if seat.stands_at(moment)], [seat for seat in free if seat.spare]):
            if fitting:
                return min(fitting, key=lambda seat: seat.used)
        if len(self._seats) < self.said.capacity:
            self._seats.append(seat := Seat())
            return seat
        return min(free, key=lambda seat: seat.used, default=None)

    def _give_back(self, seat: Seat) -> None:
        with self._free:
            seat.busy = False
            if seat.link is None or seat.link.broken:
                seat.link = seat.moment = None
                if seat in self._seats:
                    self._seats.remove(seat)
            self._free.notify_all()

    # -- bringing --------------------------------------------------------------------------------------

    def _open(self, seat: Seat, start: Start) -> Link:
        if seat.link is not None:
            seat.link.close()
        seat.link, seat.moment = None, None
        link = Link(self.said, start.names)
        link.open()
        self.opened += 1
        seat.link = link
        return link

    def _bring(self, seat: Seat, moment: Moment) -> None:
        """Reset the server, and make every call again that led to `moment`."""
        seat.moment = None
        link, how = seat.link, self.said.reset
        if link is None or link.broken or how == RESTART:
            link = self._open(seat, moment.start)
        if isinstance(how, Ask):
            self._reset(link, how, moment.start)
        self.resets += 1
        for number, step in enumerate(moment.calls(), 1):
            self.replayed += 1
            told = asked(link, step.name, step.arguments)[1]
            if told != step.told and (self.said.strict or told[0] != step.told[0]):
                raise NotRepeated(
                    f"the server does not repeat itself: call {number} since the reset, {shorten(step.name)}, answered otherwise when"
                    " it was made again; a world cannot be forked on it"
                )
        seat.moment = moment

    def _reset(self, link: Link, how: Ask, start: Start) -> None:
        held = dict(start.names)
        arguments = dict(filled(how.arguments, held)) if how.arguments is not None else {"seed": start.seed} if self.takes_seed else {}
        arguments.update({name: value for name, value in held.items() if name not in ("seed", "size")})
        try:
            result = link.call(how.tool, arguments)
        except Refused as error:
            raise ServerError(f"the reset {shorten(how.tool)} failed: {shorten(error.message, 200)}") from error
        if failed(result):
            raise ServerError(f"the reset {shorten(how.tool)} failed: {shorten(error_of(result).message, 200)}")


def asked(link: Link, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any] | Refused, str]:
    """Make a call: what came, and the mark of it. A refusal by protocol comes as the `Refused` that it is."""
    try:
        result = link.call(name, arguments)
    except Refused as error:
        return error, mark_of(error.message, True)
    return result, mark_of(text_of(result), failed(result))


def _close_all(seats: list[Seat]) -> None:
    for seat in seats:
        if seat.link is not None:
            seat.link.close()


def close_connections() -> None:
    """Close every connection to any server, and end the thread that speaks with them; the next need starts again."""
    BACKGROUND.close()
