"""The pipeline: from envs and a seed to a directory of verified samples, streaming.

Sample i is a pure function of (seed, env, i): its worlds, its chance and its attempts, so a run can stop and go
on, and the same command writes the same bytes in every process. Law: every row of `samples.jsonl` has been
verified before it was written, every candidate that was not kept is counted with its reason, and the counts add
up: candidates = kept + the sum of rejected.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from .navigator import Rejected
from .roles import Roles, template_roles
from .sample import Sample
from .verify import verify_row

SAMPLES = "samples.jsonl"
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
    """One index of a request: the sample, or None after too many rejected candidates, and the funnel."""

    index: int
    sample: Sample | None
    rejected: Counter[str]
    rounds: Counter[str]


class Maker:
    """Makes samples by index. Graphs are probed once per env.

    Args:
        request: what to make. roles: the four agents, default templates. options: how conversations are made.
    """

    def __init__(self, request: Request, roles: Roles | None = None, options: AssemblyOptions | None = None) -> None:
        self.request = request
        self.options = options or AssemblyOptions()
        self._infos = [env_info(name) for name in request.envs]
        self._assemblers = [self._assembler(info, roles or template_roles()) for info in self._infos]

    def _assembler(self, info: EnvInfo, roles: Roles) -> Assembler:
        return Assembler(graph_of([world_class(name) for name in info.worlds]), roles, self.options)

    async def make(self, index: int) -> Made:
        """The sample of an index, after as many candidates as it takes (at most `MAX_CANDIDATES`)."""
        which = index % len(self._infos)
        info, assembler = self._infos[which], self._assemblers[which]
        stream = f"{self.request.seed}:{info.id}:{index}"
        rejected: Counter[str] = Counter()
        rounds: Counter[str] = Counter()
        for attempt in range(MAX_CANDIDATES):
            place = self._place(info, f"{stream}:{attempt // 6}")
            try:
                sample = await assembler.sample(place, Random(f"{stream}:{attempt}"), rounds)
            except Rejected as error:
                rejected[error.reason] += 1
                continue
            sample.origin = {
                "index": index,
                "seed": self.request.seed,
                "rejected": dict(sorted(rejected.items())),
                "rounds": dict(sorted(rounds.items())),
            }
            return Made(index, sample, rejected, rounds)
        return Made(index, None, rejected, rounds)

    def _place(self, info: EnvInfo, stream: str) -> Place:
        seed = int.from_bytes(blake2b(stream.encode(), digest_size=4).digest(), "big") >> 1
        return Place(
            info.id if info.pack else info.worlds[0],
            tuple((name, WorldSpec(world_class(name), seed, self.request.size)) for name in info.worlds),
        )

    def stream(self, skip: set[int] | None = None) -> Iterator[Made]:
        """All indices of the request in order, without those in `skip`."""
        box: list[Made] = []

        async def make(index: int) -> None:  # hands over by the box: asyncio would repr a returned value
            box.append(await self.make(index))

        with asyncio.Runner() as runner:
            for index in range(self.request.n):
                if not skip or index not in skip:
                    runner.run(make(index))
                    yield box.pop()


class Ledger:
    """Counts what was made: the funnel and the figures of the kept samples. Feed it records; memory is flat."""

    def __init__(self) -> None:
        self.kept = 0
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
        self._calls += sum(len(turn.get("gold", ())) for turn in turns)
        self._across += len(turns) > 1 and any(note["across"] for note in notes)
        self._jump += sum(note["jump"]["score"] for note in notes)

    def give_up(self, made: Made) -> None:
        """Count an index that gave nothing."""
        self.rejected.update(made.rejected)
        self.rounds.update(made.rounds)

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
        }


def synthesize(
    request: Request, out: str | Path | None = None, *, roles: Roles | None = None, options: AssemblyOptions | None = None,
    progress: Progress | None = None, keep: Callable[[Sample], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a data set.

    Args:
        request: what to make. out: a run directory (resumed if it holds a part already), or None.
        roles, options: see `Maker`. progress: told (done, wanted). keep: gets every new sample.

    Returns:
        The ledger's record, with `seconds` and, for a directory, `out`. Raises `RunError` if no sample could be
        made at all.
    """
    started = time.perf_counter()
    ledger = Ledger()
    maker = Maker(request, roles, options)
    config = {"envs": list(request.envs), "n": request.n, "seed": request.seed, "size": request.size, "options": _plain(maker.options)}
    if out is None:
        _make_all(maker, ledger, None, progress, keep)
    else:
        with RunStore(out, config, kind="synthesis", records=SAMPLES, on_record=ledger.add) as store:
            try:
                _make_all(maker, ledger, store, progress, keep)
            finally:
                store.write_summary(ledger.record())
    if request.n and not ledger.kept:
        why = ", ".join(f"{reason} {count}" for reason, count in ledger.rejected.most_common(4))
        raise RunError(f"no sample could be made of {', '.join(request.envs)}: {why}; try a lower --min-jump")
    return {**ledger.record(), "seconds": round(time.perf_counter() - started, 3), **({"out": str(out)} if out is not None else {})}


def _make_all(
    maker: Maker, ledger: Ledger, store: RunStore | None, progress: Progress | None, keep: Callable[[Sample], None] | None
) -> None:
    for made in maker.stream(set(ledger.indices)):
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
