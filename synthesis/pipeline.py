"""The pipeline: from envs and a seed to a directory of verified samples, streaming.

Sample i is a pure function of (seed, env, i): its worlds, its chance and its attempts, so a run can stop and go
on, and the same command writes the same bytes in every process. Law: every row of `samples.jsonl` has been
verified before it was written, every candidate that was not kept is counted with its reason, and the counts add
up: candidates = kept + the sum of rejected. Where models play roles (a `Cast`), several indices are under way at
once and written in order, and what each role used stands beside the sample.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from ..agents.records import lines_of, parse_line
from ..agents.store import RunStore
from ..envs.errors import RunError
from ..envs.graph import graph_of
from ..envs.registry import EnvInfo, env_info, world_class
from ..envs.world import Size
from ..envs.worldset import WorldSpec
from .assemble import Assembler, AssemblyOptions, Place
from .meter import Meter, add_usage
from .navigator import Rejected
from .roles import Cast, Roles, Session, template_roles
from .sample import Sample
from .verify import verify_row

SAMPLES = "samples.jsonl"
EXCHANGES = "exchanges"  # a run directory of its own inside, and the name of its records
MAX_CANDIDATES = 30
Progress = Callable[[int, int], None]


class Request(NamedTuple):
    """What to make: env names, how many samples over all of them, the seed, and the size of the worlds."""

    envs: tuple[str, ...]
    n: int
    seed: int = 0
    size: Size = "small"


@dataclass(frozen=True, slots=True)
class Made:
    """One index of a request: the sample, or None after too many rejected candidates, and the funnel.

    Where models play: `usage` (role -> counts) and `attempts` (kind -> failed ones) of all its candidates, `exchanges`.
    """

    index: int
    sample: Sample | None
    rejected: Counter[str]
    rounds: Counter[str]
    usage: dict[str, dict[str, int]] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    exchanges: list[dict[str, Any]] = field(default_factory=list)


class Maker:
    """Makes samples by index. Graphs are probed once per env.

    Args:
        request: what to make. roles: the four agents, default templates. options: how conversations are made.
    """

    def __init__(self, request: Request, roles: Roles | Cast | None = None, options: AssemblyOptions | None = None) -> None:
        self.request = request
        self.cast = None if roles is None or isinstance(roles, Roles) else roles
        usual = roles if isinstance(roles, Roles) else template_roles()
        self.options = options or AssemblyOptions()
        self._infos = [env_info(name) for name in request.envs]
        self._assemblers = [self._assembler(info, usual) for info in self._infos]

    def _assembler(self, info: EnvInfo, roles: Roles) -> Assembler:
        return Assembler(graph_of([world_class(name) for name in info.worlds]), roles, self.options)

    async def make(self, index: int) -> Made:
        """The sample of an index, after as many candidates as it takes (at most `MAX_CANDIDATES`, or the cast's)."""
        which = index % len(self._infos)
        info, assembler = self._infos[which], self._assemblers[which]
        stream = f"{self.request.seed}:{info.id}:{index}"
        rejected: Counter[str] = Counter()
        rounds: Counter[str] = Counter()
        made = Made(index, None, rejected, rounds)
        for attempt in range(self.cast.candidates if self.cast else MAX_CANDIDATES):
            place = self._place(info, f"{stream}:{attempt // 6}")
            session = self.cast.begin(index, attempt, stream, info.id) if self.cast else None
            try:
                sample = await _played(assembler, session).sample(place, Random(f"{stream}:{attempt}"), rounds)
            except Rejected as error:
                rejected[error.reason] += 1
                continue
            finally:
                if session is not None:
                    add_usage(made.usage, session.usage)
                    made.attempts.update(session.attempts)
                    made.exchanges.extend(session.exchanges)
            sample.origin = {
                "index": index,
                "seed": self.request.seed,
                "rejected": dict(sorted(rejected.items())),
                "rounds": dict(sorted(rounds.items())),
                **({"usage": made.usage, "failed_attempts": dict(sorted(made.attempts.items()))} if self.cast else {}),
            }
            return replace(made, sample=sample)
        return made

    def _place(self, info: EnvInfo, stream: str) -> Place:
        seed = int.from_bytes(blake2b(stream.encode(), digest_size=4).digest(), "big") >> 1
        return Place(
            info.id if info.pack else info.worlds[0],
            tuple((name, WorldSpec(world_class(name), seed, self.request.size)) for name in info.worlds),
        )

    def stream(self, skip: set[int] | None = None) -> Iterator[Made]:
        """All indices of the request in order, without those in `skip`.

        Raises what a cast's `prepare` raises, and `InfrastructureError` where a server fails a role.
        """
        wanted = (index for index in range(self.request.n) if not skip or index not in skip)
        if self.cast is not None:
            yield from self._ahead(self.cast, wanted)
            return
        box: list[Made] = []

        async def make(index: int) -> None:  # hands over by the box: asyncio would repr a returned value
            box.append(await self.make(index))

        with asyncio.Runner() as runner:
            for index in wanted:
                runner.run(make(index))
                yield box.pop()

    def _ahead(self, cast: Cast, wanted: Iterator[int]) -> Iterator[Made]:
        """Several indices under way, handed over in order; the loop runs while the next one is waited for."""
        under_way: deque[asyncio.Task[Made]] = deque()
        box: list[Made] = []

        async def following() -> bool:
            while len(under_way) < cast.ahead and (index := next(wanted, None)) is not None:
                under_way.append(asyncio.create_task(self.make(index)))
            if under_way:
                box.append(await under_way.popleft())
            return bool(box)

        async def leave() -> None:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            await cast.close()

        with asyncio.Runner() as runner:
            try:
                runner.run(cast.prepare())
                while runner.run(following()):
                    yield box.pop()
            finally:
                runner.run(leave())


def _played(assembler: Assembler, session: Session | None) -> Assembler:
    """The assembler with the roles of a session."""
    if session is None:
        return assembler
    played = copy.copy(assembler)
    played.roles = session.roles
    return played


class Ledger:
    """Counts what was made: the funnel and the figures of the kept samples. Feed it records; memory is flat.

    `meter`, if any, counts what models used.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self.kept = 0
        self.meter = meter
        self.rejected: Counter[str] = Counter()
        self.rounds: Counter[str] = Counter()
        self.turns: Counter[int] = Counter()
        self.envs: Counter[str] = Counter()
        self.indices: set[int] = set()
        self._calls = self._across = 0
        self._jump = 0.0

    def add(self, row: dict[str, Any]) -> None:
        """Count a kept row."""
        origin, notes, turns = row["origin"], row["notes"], row["task"]["turns"]
        self.kept += 1
        self.indices.add(origin.get("index", self.kept))
        self.rejected.update(origin.get("rejected", {}))
        self.rounds.update(origin.get("rounds", {}))
        self.turns[len(turns)] += 1
        self.envs[row["env"]] += 1
        if self.meter is not None:
            self.meter.add(origin.get("usage", {}), origin.get("failed_attempts", {}))
        self._calls += sum(len(turn.get("gold", ())) for turn in turns)
        self._across += len(turns) > 1 and any(note["across"] for note in notes)
        self._jump += sum(note["jump"]["score"] for note in notes)

    def give_up(self, made: Made) -> None:
        """Count an index that gave nothing."""
        self.rejected.update(made.rejected)
        self.rounds.update(made.rounds)
        if self.meter is not None:
            self.meter.add(made.usage, made.attempts)

    def record(self) -> dict[str, Any]:
        """The figures as plain JSON data; see the module for how they add up."""
        turns = sum(n * count for n, count in self.turns.items())
        drawn = self.rounds.get("rounds_drawn", 0)
        return {
            "kept": self.kept,
            "funnel": {
                "candidates": self.kept + sum(self.rejected.values()),
                "kept": self.kept,
                "rejected": dict(sorted(self.rejected.items())),
                "rounds": {
                    "drawn": drawn,
                    "kept": self.rounds.get("rounds_kept", 0),
                    "rejected": {k.removeprefix("round:"): v for k, v in sorted(self.rounds.items()) if k.startswith("round:")},
                },
            },
            "envs": dict(sorted(self.envs.items())),
            "turns": {str(k): v for k, v in sorted(self.turns.items())},
            "calls_per_turn": round(self._calls / turns, 3) if turns else 0.0,
            "across_turns": round(self._across / self.kept, 4) if self.kept else 0.0,
            "jump_score": round(self._jump / turns, 4) if turns else 0.0,
            **(self.meter.record(self.kept) if self.meter is not None else {}),
        }


def synthesize(
    request: Request, out: str | Path | None = None, *, roles: Roles | Cast | None = None, options: AssemblyOptions | None = None,
    progress: Progress | None = None, keep: Callable[[Sample], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a data set.

    Args:
        request: what to make. out: a run directory (resumed if it holds a part already), or None.
        roles, options: see `Maker`. progress: told (done, wanted). keep: gets every new sample.

    Returns:
        The ledger's record, with `seconds` and, for a directory, `out`. Raises `RunError` if templates could make no
        sample at all; where models play, the record says so.
    """
    started = time.perf_counter()
    maker = Maker(request, roles, options)
    cast = maker.cast
    ledger = Ledger(Meter(cast.prices) if cast else None)
    config = {"envs": list(request.envs), "n": request.n, "seed": request.seed, "size": request.size, "options": _plain(maker.options)}
    config |= {"roles": cast.config} if cast else {}
    if out is None:
        _make_all(maker, ledger, None, progress, keep)
    else:
        with RunStore(out, config, kind="synthesis", records=SAMPLES, on_record=ledger.add) as store:
            try:
                with _exchanges(cast, out, config, ledger) as said:
                    _make_all(maker, ledger, store, progress, keep, said)
            finally:
                store.write_summary(ledger.record())
    if request.n and not ledger.kept and cast is None:
        why = ", ".join(f"{reason} {count}" for reason, count in ledger.rejected.most_common(4))
        raise RunError(f"no sample could be made of {', '.join(request.envs)}: {why}; try a lower --min-jump")
    return {**ledger.record(), "seconds": round(time.perf_counter() - started, 3), **({"out": str(out)} if out is not None else {})}


def _make_all(
    maker: Maker, ledger: Ledger, store: RunStore | None, progress: Progress | None, keep: Callable[[Sample], None] | None,
    said: RunStore | None = None,
) -> None:  # fmt: skip
    for made in maker.stream(set(ledger.indices)):
        if said is not None:  # before the sample, so that none is there without them
            for exchange in made.exchanges:
                said.append(exchange)
        if made.sample is None:
            ledger.give_up(made)
        else:
            row = made.sample.record()
            if store is not None:
                store.append(row)
            ledger.add(row)
            if keep is not None:
                keep(made.sample)
        if progress is not None:
            progress(ledger.kept, maker.request.n)


def _exchanges(
    cast: Cast | None, out: str | Path, config: dict[str, Any], ledger: Ledger
) -> contextlib.AbstractContextManager[RunStore | None]:
    """The store of what models said, if it is kept; that of indices without a sample is made again, and set aside."""
    if cast is None or not cast.keep_exchanges:
        return contextlib.nullcontext()
    return RunStore(
        Path(out) / EXCHANGES, config, kind=EXCHANGES, records=f"{EXCHANGES}.jsonl",
        redo=lambda record: record.get("index") not in ledger.indices,
    )  # fmt: skip


def _plain(options: AssemblyOptions) -> dict[str, Any]:
    plain = options._asdict()
    plain["turns"] = {str(k): v for k, v in options.turns.items()}
    plain["sampler"] = {**options.sampler._asdict(), "failures": dict(options.sampler.failures)}
    return plain


def verify_directory(directory: str | Path, progress: Progress | None = None) -> dict[str, Any]:
    """Verify every row of a data set; see `verify.py`.

    Returns:
        `{rows, passed, failed: [{id, reason}]}`. Raises `RunError` if the directory holds no data set.
    """
    path = Path(directory) / SAMPLES
    if not path.is_file():
        raise RunError(f"{directory} holds no {SAMPLES}; `turngym synthesize ... --out {directory}` makes one")
    rows = passed = 0
    failed: list[dict[str, str]] = []
    seen: set[str] = set()
    for number, line in lines_of(path):
        rows += 1
        row, why = parse_line(line)
        if row is None:
            failed.append({"id": f"line {number}", "reason": why})
            continue
        identity = str(row["id"])
        reasons = verify_row(row)
        if identity in seen:
            reasons.append("the id stands twice in the data set")
        seen.add(identity)
        if reasons:
            failed.append({"id": identity, "reason": "; ".join(reasons)})
        else:
            passed += 1
        if progress is not None:
            progress(rows, 0)
    return {"rows": rows, "passed": passed, "failed": failed}
