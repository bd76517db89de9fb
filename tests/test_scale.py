"""Promises of synthesis by workers: the bytes of one process, whatever the number of workers and whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import dying_roles

from turngym.agents import InfrastructureError
from turngym.agents.executors.processes import Processes
from turngym.agents.executors.reading import employed
from turngym.agents.executors.station import Station
from turngym.agents.executors.team import Lost, Team
from turngym.agents.executors.trade import Parcel, Report
from turngym.cli import run
from turngym.envs.errors import RunError
from turngym.synthesis import AssemblyOptions, Request, Roles, synthesize, template_roles, verify_directory
from turngym.synthesis.proving import verify_lines
from turngym.synthesis.speaking import make_cast
from turngym.synthesis.workshop import WINDOW, Samples

TESTS = Path(__file__).parent
ENV = "mini_world:Library"
MIXED = Request((ENV, "planted_worlds:Market"), 14, seed=7)
MODEL = f"{TESTS / 'library_model.py'}:LibraryModel"
FILES = ("samples.jsonl", "summary.json", "run.json")


def bytes_of(place: Path) -> dict[str, bytes]:
    return {name: (place / name).read_bytes() for name in FILES}


def rows_of(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "samples.jsonl").read_text().split("\n") if line]


def children_of(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state != "Z" and b"resource_tracker" not in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> Iterator[None]:
    before = children_of(os.getpid())
    yield
    assert children_of(os.getpid()) <= before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Any) -> Path:
    """What one process makes."""
    place = tmp_path_factory.mktemp("whole") / "set"
    synthesize(MIXED, place)
    return place


@pytest.fixture(scope="module")
def spread(tmp_path_factory: Any) -> tuple[Path, list[Any]]:
    """What two workers make, and what was handed over meanwhile."""
    place, kept = tmp_path_factory.mktemp("spread") / "set", list[Any]()
    synthesize(MIXED, place, executor=Processes(2), keep=kept.append)
    return place, kept


# -- the same bytes ---------------------------------------------------------------------------------------


def test_two_workers_write_the_bytes_of_one_process_and_hand_over_in_order_and_whole(whole, spread):
    place, kept = spread
    assert bytes_of(place) == bytes_of(whole)
    assert [json.loads(sample.line()) for sample in kept] == rows_of(whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_writes_the_bytes_of_one_process(tmp_path, whole, workers):
    made = synthesize(MIXED, tmp_path / "set", executor=Processes(workers))
    assert bytes_of(tmp_path / "set") == bytes_of(whole)
    assert made["kept"] == len((whole / "samples.jsonl").read_bytes().splitlines())


def test_an_index_that_gives_nothing_is_counted_as_in_one_process(tmp_path):
    hard = AssemblyOptions(min_jump=0.6)  # more than any query in the library leaps
    here = synthesize(MIXED, tmp_path / "here", options=hard)
    there = synthesize(MIXED, tmp_path / "there", options=hard, executor=Processes(1))
    assert 0 < here["kept"] < MIXED.n
    assert bytes_of(tmp_path / "there") == bytes_of(tmp_path / "here")
    assert there["funnel"] == here["funnel"]


@pytest.mark.parametrize("stop", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_a_run_that_was_stopped_goes_on_elsewhere_to_the_same_bytes(tmp_path, whole, stop):
    made = itertools.count(1)

    def halt(sample: Any) -> None:
        if next(made) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(MIXED, tmp_path, executor=Processes(2), keep=halt)
    part = (tmp_path / "samples.jsonl").read_bytes()
    assert (whole / "samples.jsonl").read_bytes().startswith(part)
    assert len(part.splitlines()) == stop
    synthesize(MIXED, tmp_path, executor=Processes(1) if stop == 1 else None)
    assert bytes_of(tmp_path) == bytes_of(whole)
    fresh: list[Any] = []
    synthesize(MIXED, tmp_path, executor=Processes(2), keep=fresh.append)
    assert fresh == []


def test_a_cast_of_models_travels_and_is_metered_as_here(tmp_path):
    request = Request((ENV,), 6, seed=3)
    roles = {"tooling": {"policy": MODEL}, "reasoning": {"policy": MODEL, "mistakes": 1, "tries": 2, "price": (1, 2)}}

    def made(name: str, executor: Any) -> dict[str, Any]:
        cast = make_cast(roles, ahead=4, keep_exchanges=True)
        found = synthesize(request, tmp_path / name, roles=cast, executor=executor)
        return {key: value for key, value in found.items() if key not in ("seconds", "out")}

    assert made("there", Processes(2)) == made("here", None)
    assert bytes_of(tmp_path / "there") == bytes_of(tmp_path / "here")
    said = [(tmp_path / name / "exchanges" / "exchanges.jsonl").read_bytes() for name in ("there", "here")]
    assert said[0] == said[1] != b""


def test_one_policy_serves_the_roles_that_share_it_over_there_too():
    cast = make_cast({"tooling": {"policy": MODEL}, "querying": {"policy": MODEL}, "reasoning": {"policy": MODEL, "mistakes": 1}})
    make, parts = cast.__reduce__()
    again = make(*parts)
    assert again.config == cast.config
    assert again.speakers["tooling"].policy is again.speakers["querying"].policy is not again.speakers["reasoning"].policy
    assert again.speakers["tooling"].policy is not cast.speakers["tooling"].policy


# -- what is proven ---------------------------------------------------------------------------------------


def test_workers_prove_what_one_process_proves_and_fail_what_it_fails(tmp_path, whole):
    lines = (whole / "samples.jsonl").read_bytes().splitlines(keepends=True)
    assert verify_directory(whole) == {"rows": len(lines), "passed": len(lines), "failed": [], "torn": 0}
    bad = json.loads(lines[2])
    bad["messages"][0]["content"] += " "
    broken = [
        lines[0],
        b"{garbled\n",
        b'{"id": "\xff"}\n',
        b'{"id": "\\ud800", "task": 3}\n',
        lines[1],
        lines[0],
        json.dumps(bad).encode() + b"\n",
        lines[3][:-9],
    ]
    numbered = list(enumerate([*broken[:-1], *lines[4:], broken[-1]], 1))
    here, there = (verify_lines(iter(numbered), executor=by) for by in (None, Processes(2)))
    assert there == here
    assert (here["rows"], here["passed"], len(here["failed"])) == (4 + len(lines), len(lines) - 2, 6)
    assert any("stands twice" in item["reason"] for item in here["failed"])


# -- death ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deaths", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_what_a_dead_worker_had_is_made_again(tmp_path, whole, deaths):
    lives = tmp_path / "lives"
    lives.write_text(deaths)
    synthesize(MIXED, tmp_path / "set", roles=dying_roles.mortal_roles(place=str(lives)), executor=Processes(2))
    assert lives.read_text() == "0"
    assert bytes_of(tmp_path / "set") == bytes_of(whole)


def test_an_index_that_nobody_survives_ends_the_run_with_its_number_and_keeps_what_was_before(tmp_path, whole):
    rows = rows_of(whole)
    deadly = rows[5]
    roles = dying_roles.mortal_roles(words=deadly["messages"][0]["content"])
    with pytest.raises(RunError, match=rf"3 workers died while they made index {deadly['origin']['index']} and no other.*SIGKILL"):
        synthesize(MIXED, tmp_path, roles=roles, executor=Processes(1))
    kept = (tmp_path / "samples.jsonl").read_bytes()
    assert (whole / "samples.jsonl").read_bytes().startswith(kept)
    assert len(kept.splitlines()) <= 5
    synthesize(MIXED, tmp_path)
    assert bytes_of(tmp_path) == bytes_of(whole)


@pytest.mark.slow
def test_a_worker_that_is_stopped_from_outside_changes_nothing(tmp_path, whole):
    rng, at = random.Random(5), [2, 7, 12]

    def strike(done: int, wanted: int) -> None:
        if at and done >= at[0] and (workers := children_of(os.getpid())):
            at.pop(0)
            os.kill(rng.choice(sorted(workers)), signal.SIGKILL)

    synthesize(MIXED, tmp_path / "set", executor=Processes(2), progress=strike)
    assert bytes_of(tmp_path / "set") == bytes_of(whole)


# -- what waits, with workers of the imagination ------------------------------------------------------------


class Doubles(Team[int, int]):
    """Numbers in, numbers out."""

    def parcel(self, item: int) -> Parcel:
        return Parcel(str(item), item, "")

    def read(self, line: bytes) -> tuple[str, int]:
        return line.decode(), int(line)

    def give_up(self, item: int, how: str) -> int:
        raise RunError(f"given up: {item}")


class Fake:
    """A worker without a process: finishes what it has in an order of its own; what `held` has waits for `free`."""

    def __init__(self, rng: random.Random, held: set[int], free: asyncio.Event) -> None:
        self.rng, self.held, self.free = rng, held, free
        self.has: list[Parcel] = []

    async def put(self, parcels: Sequence[Parcel]) -> None:
        self.has += parcels

    async def get(self) -> Report:
        await asyncio.sleep(0)
        if self.rng.random() < 0.02:
            raise Lost("struck")
        ready = [parcel for parcel in self.has if parcel.trial not in self.held or self.free.is_set()]
        if not ready:
            await self.free.wait()
            return Report((), 1)
        self.rng.shuffle(ready)
        done = ready[: self.rng.randrange(1, len(ready) + 1)]
        self.has = [parcel for parcel in self.has if parcel not in done]
        return Report([parcel.id.encode() for parcel in done], 4)

    async def close(self, kindly: bool) -> None:
        pass


@pytest.mark.parametrize("seed", range(30))
def test_results_come_in_order_once_each_and_no_item_is_taken_far_ahead_of_a_slow_one(seed):
    rng = random.Random(seed)
    size, window, held = rng.randrange(1, 4), rng.randrange(3, 40), {rng.randrange(100) for _ in range(2)}
    taken = itertools.count()
    most = [0]

    async def all_of() -> list[int]:
        free = asyncio.Event()

        async def hire() -> Fake:
            return Fake(rng, held, free)

        def items() -> Iterator[int]:
            for number in range(100):
                most[0] = next(taken)
                yield number

        team, found = Doubles(hire, size, 4 * size, window=window), list[int]()

        async def release() -> None:
            before = -1
            while before != most[0]:  # nothing moves any more
                before = most[0]
                await asyncio.sleep(0.02)
            assert most[0] - len(found) < window + 1
            free.set()

        waiting = asyncio.create_task(release())
        async for made in team.results(items()):
            assert most[0] - len(found) <= window
            found.append(made)
        await waiting
        return found

    assert asyncio.run(asyncio.wait_for(all_of(), 20)) == list(range(100))


def test_a_slow_index_holds_a_bounded_number_back(tmp_path):
    synthesize(Request((ENV,), 1, seed=7), tmp_path / "one")
    gate, taken, still, before = tmp_path / "gate", [0], 0, 0
    roles = dying_roles.mortal_roles(words=rows_of(tmp_path / "one")[0]["messages"][0]["content"], gate=str(gate))

    def indices() -> Iterator[int]:
        for taken[0] in range(400):
            yield taken[0]

    seen: list[int] = []
    with contextlib.closing(employed(Processes(2), Samples(Request((ENV,), 400, seed=7), roles, AssemblyOptions()), indices())) as stream:
        for made in stream:
            if made is not None:
                seen.append(made.index)
            elif not gate.exists():
                still = still + 1 if taken[0] == before else 0
                if still > 5 and taken[0] > WINDOW:  # nothing moves any more
                    assert taken[0] < 2 * WINDOW
                    gate.touch()
            before = taken[0]
            if len(seen) > 150:
                break
    assert seen == list(range(151))


# -- what cannot be done ----------------------------------------------------------------------------------


def test_what_cannot_leave_this_process_is_refused_with_the_remedy(tmp_path):
    usual = template_roles()
    watched = Roles(usual.tooling, usual.querying, usual.reasoning, usual.critiquing, watch=lambda turn, attempts: None)
    with pytest.raises(RunError, match=r"the roles cannot be sent to another process.*top of a module.*or run in this process"):
        synthesize(MIXED, tmp_path, roles=watched, executor=Processes(2))

    class OnlyRollouts:
        async def execute(self, policy: Any, jobs: Any, plan: Any) -> AsyncGenerator[Any, None]:
            yield None

    with pytest.raises(RunError, match=r"OnlyRollouts makes rollouts alone.*use Processes or OnRay"):
        synthesize(MIXED, tmp_path, executor=OnlyRollouts())  # type: ignore[arg-type]


def test_inside_an_event_loop_a_thread_is_asked_for_and_serves(whole):
    async def inside() -> Any:
        with pytest.raises(RunError, match=r"asyncio\.to_thread"):
            synthesize(MIXED, executor=Processes(1))
        return await asyncio.to_thread(synthesize, MIXED, executor=Processes(1))

    assert asyncio.run(inside())["kept"] == len(rows_of(whole))


def test_a_model_that_fails_over_there_stops_the_run_as_it_does_here(tmp_path):
    cast = make_cast({"reasoning": {"policy": "chat", "model": "m", "base_url": "http://127.0.0.1:9/v1"}})
    with pytest.raises((InfrastructureError, RunError), match=r"127\.0\.0\.1:9"):
        synthesize(Request((ENV,), 2), tmp_path, roles=cast, executor=Processes(1))


def test_a_station_tells_of_a_craft_that_cannot_be_made_there():
    async def opened() -> Any:
        return await Station(Samples(Request(("Bankng",), 1), None, AssemblyOptions()).order(1)).open()

    kind, words = asyncio.run(opened())
    assert (kind, "Bankng" in words) == ("run", True)


# -- commands ---------------------------------------------------------------------------------------------


def test_the_commands_take_workers_and_refuse_them_where_there_is_no_use(tmp_path, whole, capsys):
    command = ["synthesize", *MIXED.envs, "-n", str(MIXED.n), "--seed", "7", "--out", str(tmp_path / "set")]
    assert run([*command, "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == len((whole / "samples.jsonl").read_bytes().splitlines())
    assert bytes_of(tmp_path / "set") == bytes_of(whole)
    assert run(["verify", str(tmp_path / "set"), "--workers", "1"]) == 0
    assert run(["synthesize", "--from", str(tmp_path / "set"), "--out", str(tmp_path / "x"), "--workers", "2"]) == 2
    assert "leave --workers and --ray out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("when", "sent", "code"),
    [
        ("starting", signal.SIGTERM, 143),
        ("working", signal.SIGINT, 130),
        pytest.param("starting", signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param("working", signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_command_and_its_workers_within_seconds_and_keeps_what_is_finished(tmp_path, sent, code, when):
    command = [
        sys.executable,
        "-m",
        "turngym",
        "synthesize",
        "planted_worlds:Market",
        "-n",
        "100000",
        "--workers",
        "2",
        "--out",
        str(tmp_path / "set"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        record, end = tmp_path / "set" / "samples.jsonl", time.monotonic() + 60
        while time.monotonic() < end and not (
            len(children_of(child.pid)) == 2 if when == "starting" else record.exists() and record.stat().st_size
        ):
            time.sleep(0.01)
        workers, begun = children_of(child.pid), time.monotonic()
        os.killpg(child.pid, sent) if sent == signal.SIGINT else child.send_signal(sent)
        said = child.communicate()[1]
        assert child.returncode == code, said
        assert time.monotonic() - begun < 8
        assert "Traceback" not in said
    assert workers
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    if when == "working":
        rows = rows_of(tmp_path / "set")
        assert [row["origin"]["index"] for row in rows] == sorted(row["origin"]["index"] for row in rows)
        assert json.loads((tmp_path / "set" / "summary.json").read_text())["kept"] == len(rows)
