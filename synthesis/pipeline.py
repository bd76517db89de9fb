"""The pipeline: from envs and a seed to a directory of verified samples, streaming.

A run can stop and go on, and the same command writes the same bytes, in one process or by any number of workers. Laws:
every row of `samples.jsonl` has been verified before it was written, rows stand in the order of their indices, every
candidate that was not kept is counted with its reason. Not here: how a sample is made (`maker.py`), and what makes them
elsewhere (`workshop.py`).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..agents.executors.reading import employed
from ..agents.executors.team import Workforce
from ..agents.store import RunStore
from ..envs.errors import RunError
from ..envs.registry import user_env
from .assemble import AssemblyOptions
from .ledger import Ledger
from .made import Made
from .maker import MAX_CANDIDATES, Maker, Request
from .meter import Meter
from .proving import verify_directory
from .roles import Cast, Roles
from .sample import SAMPLES, Sample
from .workshop import Samples

__all__ = ["EXCHANGES", "MAX_CANDIDATES", "SAMPLES", "Ledger", "Made", "Maker", "Progress", "Request", "synthesize", "verify_directory"]
EXCHANGES = "exchanges"  # a run directory of its own inside, and the name of its records
Progress = Callable[[int, int], None]


def synthesize(
    request: Request, out: str | Path | None = None, *, roles: Roles | Cast | None = None, options: AssemblyOptions | None = None,
    executor: Workforce | None = None, progress: Progress | None = None, keep: Callable[[Sample], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make a data set.

    Args:
        request: what to make. out: a run directory (resumed if it holds a part already), or None.
        roles, options: see `Maker`. executor: who makes the samples (`Processes(8)`, `OnRay(...)`); None is this process.
        progress: told (done, wanted), and by workers now and then between. keep: gets every new sample.

    Returns:
        The ledger's record, with `seconds` and, for a directory, `out`. Raises `RunError` if templates could make no
        sample at all; where models play, the record says so.
    """
    started = time.perf_counter()
    for name in request.envs:
        user_env(name)
    options = options or AssemblyOptions()
    cast = None if roles is None or isinstance(roles, Roles) else roles
    ledger = Ledger(Meter(cast.prices) if cast else None)
    intake = _Intake(Samples(request, roles, options), executor, ledger, progress, keep)
    config = {"envs": list(request.envs), "n": request.n, "seed": request.seed, "size": request.size, "options": _plain(options)}
    config |= {"roles": cast.config} if cast else {}
    if out is None:
        intake.run()
    else:
        with RunStore(out, config, kind="synthesis", records=SAMPLES, on_record=ledger.add) as store:
            try:
                with _exchanges(cast, out, config, ledger) as said:
                    intake.run(store, said)
            finally:
                store.write_summary(ledger.record())
    if request.n and not ledger.kept and cast is None:
        why = ", ".join(f"{reason} {count}" for reason, count in ledger.rejected.most_common(4))
        raise RunError(f"no sample could be made of {', '.join(request.envs)}: {why}; try a lower --min-jump")
    return {**ledger.record(), "seconds": round(time.perf_counter() - started, 3), **({"out": str(out)} if out is not None else {})}


@dataclass(frozen=True, slots=True)
class _Intake:
    """Samples as they come, into the ledger and the store."""

    trade: Samples
    executor: Workforce | None
    ledger: Ledger
    progress: Progress | None
    keep: Callable[[Sample], None] | None

    def run(self, store: RunStore | None = None, said: RunStore | None = None) -> None:
        """Make what is not there yet."""
        with contextlib.closing(self._stream()) as stream:
            for made in stream:
                if made is not None:
                    self._take(made, store, said)
                if self.progress is not None:
                    self.progress(self.ledger.kept, self.trade.request.n)

    def _stream(self) -> Generator[Made | None, None, None]:
        request, done = self.trade.request, set(self.ledger.indices)
        if self.executor is None:
            return Maker(*self.trade).stream(done)
        return employed(self.executor, self.trade, (index for index in range(request.n) if index not in done))

    def _take(self, made: Made, store: RunStore | None, said: RunStore | None) -> None:
        if said is not None:  # before the sample, so that none is there without them
            for exchange in made.exchanges:
                said.append(exchange)
        made = made.told()
        if made.brief is None:
            self.ledger.give_up(made)
            return
        if store is not None:
            store.append(made.brief, made.line)
        self.ledger.take(made.brief)
        if self.keep is not None:
            self.keep(made.sample or Sample.from_record(json.loads(made.line)))


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
