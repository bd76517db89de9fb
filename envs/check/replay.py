"""Laws of repetition: the same seed and moves give the same texts and states, here and in every process.

Replays run under a shifted clock and another global random seed; the processes have other hash seeds. Only plain
JSON text travels between processes.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from ..bridges.foreign import ForeignWorld
from ..door import allow
from ..errors import shorten
from ..explore import ADVANCE, Move
from ..registry import world_class
from ..world import World
from .case import Case
from .report import Note

_WAIT = 90.0
_HASH_SEEDS = ("1", "4242")
_CLOCKS = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")
Script = tuple[int, list[Move]]


def play(world: World, moves: list[Move]) -> list[str]:
    """Make the moves; the text of each, and the state after it, as one line each."""
    return [f"{_make(world, move)} {world.fingerprint()}" for move in moves]


def _make(world: World, move: Move) -> str:
    if move.name != ADVANCE:
        return world.call(move.name, move.arguments).text
    try:
        world.advance(move.arguments)
    except Exception as error:
        world._journal.clear()
        return f"advance raised {type(error).__name__}"
    return ""


def deterministic(case: Case) -> str | None:
    """Equal seeds give equal worlds, and equal calls on them equal texts and states, whenever and however often."""
    with _conditions(1, 0):
        first = [_told(case.cls, script) for script in case.scripts]
    with _conditions(2, 86_400 * 1000 + 1):
        second = [_told(case.cls, script) for script in case.scripts]
    for script, one, two in zip(case.scripts, first, second, strict=True):
        if one != two:
            return f"{_where(script, one, two)} on a second run; take all chance from self.draw or rng, the time from self.now"
    return None


def _told(cls: type[World], script: Script) -> list[str]:
    """A line for the pristine world (and a swelled one), one for what the user knows, and one for each move."""
    world = cls(script[0])
    swelled = f" {cls(script[0], swell=1).fingerprint()}" if cls.can_swell else ""
    return [world.fingerprint() + swelled, repr(list(world.known())), *play(world, script[1])]


def _where(script: Script, one: list[str], two: list[str]) -> str:
    at = next((i for i, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]), 0)
    if at < 2:
        return f"seed {script[0]}: {('generate() or generate_more() makes another world', 'known() tells other facts')[at]}"
    move = script[1][at - 2]
    what = f"{move.name}({shorten(repr(move.arguments), 100)})" if move.name else f"advance({move.arguments})"
    return f"seed {script[0]}: {what} gives another {'state' if one[at].split(' ')[:-1] == two[at].split(' ')[:-1] else 'text'}"


@contextmanager
def _conditions(seed: int, shift: int) -> Iterator[None]:
    """The process's chance reseeded and its clock shifted by `shift` seconds, both put back afterwards."""
    chance = random.getstate()
    kept = {name: getattr(time, name) for name in _CLOCKS}
    random.seed(seed)
    for name, real in kept.items() if shift else ():
        step = shift * (10**9 if name.endswith("_ns") else 1)
        setattr(time, name, lambda real=real, step=step: real() + step)
    try:
        yield
    finally:
        random.setstate(chance)
        for name, real in kept.items():
            setattr(time, name, real)


def same_in_every_process(case: Case) -> str | None:
    """Another process with another `PYTHONHASHSEED` gives the same worlds, texts and states."""
    if not case.processes:
        return Note("not asked for (processes=False)")
    if reason := _homeless(case.cls):
        return Note(f"passed over: {reason}")
    mine = [[_digest(line) for line in _told(case.cls, script)] for script in case.scripts]
    for hash_seed, answer in _ask(case.cls, case.scripts):
        if "unable" in answer:
            return Note(f"passed over: {answer['unable']}")
        if "error" in answer:
            return f"{case.cls.__name__} cannot be made in another process: {answer['error']}; keep it in a module that imports alone"
        for script, here, there in zip(case.scripts, mine, answer["lines"], strict=True):
            if here != there:
                return f"{_where(script, here, there)} under PYTHONHASHSEED={hash_seed}; sort sets, and never use hash() or id()"
    return None


def _digest(line: str) -> str:
    text, _, state = line.rpartition(" ")
    return f"{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()} {state}"


def _registered(cls: type[World]) -> str:
    """The name of a foreign class that only the registry knows how to make; "" for all others."""
    return cls.place if issubclass(cls, ForeignWorld) else ""


def _homeless(cls: type[World]) -> str:
    """Why another process cannot find the class, or nothing."""
    module = sys.modules.get(cls.__module__)
    if _registered(cls):
        return "a daemonic process may start no other" if multiprocessing.current_process().daemon else ""
    if "<locals>" in cls.__qualname__:
        return "a class made inside a function cannot be found by another process; move it to module level"
    if getattr(module, "__file__", None) is None:
        return f"module {cls.__module__} has no file"
    if multiprocessing.current_process().daemon:
        return "a daemonic process may start no other"
    return ""


def _ask(cls: type[World], scripts: list[Script]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(hash seed, what a child with it answered); the children run side by side."""
    context = multiprocessing.get_context("spawn")
    name = next((n for n, value in vars(sys.modules[cls.__module__]).items() if value is cls), cls.__qualname__)
    registered = _registered(cls)
    place = (registered, "", "") if registered else (cls.__module__, str(sys.modules[cls.__module__].__file__), name)
    body = json.dumps([place, scripts])
    running = []
    for hash_seed in _HASH_SEEDS:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_answer, args=(sender, body), daemon=True)
        try:
            with _hash_seed(hash_seed):
                child.start()
        except (OSError, RuntimeError) as error:
            yield hash_seed, {"unable": f"no process could be started ({shorten(str(error).strip())})"}
            return
        sender.close()
        running.append((hash_seed, receiver, child))
    for hash_seed, receiver, child in running:
        try:
            answer = json.loads(receiver.recv_bytes()) if receiver.poll(_WAIT) else {"error": f"no answer in {_WAIT:.0f} s"}
        except EOFError:
            answer = {"error": "the process died before it answered; guard a script's calls by if __name__ == '__main__'"}
        if child.is_alive():
            child.join(1.0)
            child.kill()
        yield hash_seed, answer


@contextmanager
def _hash_seed(value: str) -> Iterator[None]:
    kept = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = value
    try:
        yield
    finally:
        if kept is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = kept


def _answer(sender: Any, body: str) -> None:
    """What a child does: find the class, play the scripts, send the lines' digests."""
    try:
        (module, file, name), scripts = json.loads(body)
        if not file:
            allow(module)  # the parent's own class: its user named it
        cls: Any = _module(module, file) if file else world_class(module)
        for part in name.split(".") if file else ():
            cls = getattr(cls, part)
        moves = [(seed, [Move(*move) for move in trail]) for seed, trail in scripts]
        answer: dict[str, Any] = {"lines": [[_digest(line) for line in _told(cls, script)] for script in moves]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {shorten(str(error), 160)}"}
    sender.send_bytes(json.dumps(answer).encode())
    sender.close()


def _module(name: str, file: str) -> Any:
    """A module by its name if that names the same file, else from the file."""
    if name == "__main__":
        return sys.modules["__main__"]
    try:
        found = importlib.import_module(name)
        if os.path.realpath(getattr(found, "__file__", None) or "") == os.path.realpath(file):
            return found
    except ImportError:
        pass
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no module {name} in {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
