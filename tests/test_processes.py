"""Promises of worker processes: the same record as in one process, whatever dies, and nobody left behind."""

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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import working_policies
from mini_tasks import borrow_task, some_tasks

from turngym.agents import Conditions, Job, Limits, Plan, Trajectory, as_policy, make_policy, read_records, run, run_all
from turngym.agents.executors.crew import Crew, Lost
from turngym.agents.executors.processes import Processes
from turngym.agents.executors.station import Parcel, Report, Station, pack, task_of
from turngym.agents.runner import RunReport
from turngym.agents.user import make_user
from turngym.envs.errors import RunError, TaskError
from turngym.envs.task import Task

TESTS = Path(__file__).parent


def made_by(name: str, **options: Any) -> Any:
    return make_policy(f"working_policies:{name}", **options)


def timeless(trajectories: Sequence[Trajectory]) -> dict[str, Any]:
    assert len({made.id for made in trajectories}) == len(trajectories)
    return {made.id: made.comparable() for made in trajectories}


def processes_of(parent: int) -> set[int]:
    """The live processes below one, but for multiprocessing's own tracker."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state != "Z" and b"resource_tracker" not in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def wait_for(happens: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def nobody_is_left_behind() -> Iterator[None]:
    before = processes_of(os.getpid())
    yield
    assert processes_of(os.getpid()) <= before


# -- the same as here -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["random", pytest.param("working_policies:mute", marks=pytest.mark.slow)])
def test_workers_make_the_same_trajectories_as_one_process(policy):
    options: dict[str, Any] = {"trials": 3, "seed": 5, "conditions": Conditions(interceptors=(working_policies.no_books,), label="shut")}
    here = run_all(make_policy(policy), some_tasks(8), **options)
    there = run_all(make_policy(policy), some_tasks(8), executor=Processes(2), **options)
    assert timeless(there.trajectories) == timeless(here.trajectories)
    assert (there.made, there.exit_code) == (24, 0)


def test_a_simulated_user_speaks_elsewhere_as_it_does_here():
    user = make_user("simulated", policy="scripted", messages=["###DONE###"] * 9)
    here = run_all(make_policy("oracle"), some_tasks(4), user=user)
    there = run_all(make_policy("oracle"), some_tasks(4), user=user, executor=Processes(1))
    assert timeless(there.trajectories) == timeless(here.trajectories)
    assert all(made.conditions["user"]["name"] for made in there.trajectories)


def test_a_policy_made_here_is_sent_and_runs_elsewhere(tmp_path):
    tasks = some_tasks(12)
    report = run_all(working_policies.told_pid, tasks, executor=Processes(2), out=tmp_path / "run")
    records = list(read_records(tmp_path / "run"))
    pids = {record["messages"][1]["content"] for record in records}
    assert len(records) == report.made == 12
    assert f"I am {os.getpid()}" not in pids
    assert len(pids) <= 2
    assert run_all(working_policies.told_pid, tasks, executor=Processes(2), out=tmp_path / "run").made == 0  # starts nobody


def test_no_more_workers_start_than_jobs_need_and_each_prepares_and_closes_once(tmp_path):
    run_all(made_by("Told", place=str(tmp_path / "log")), some_tasks(2), trials=20, executor=Processes(2))
    words = (tmp_path / "log").read_text().splitlines()
    assert words.count(words[0]) == 1
    for pid in {word.split()[1] for word in words}:
        lived = [word.split()[0] for word in words if word.endswith(f" {pid}")]
        assert lived[0] == "prepare"
        assert lived[-1] in ("prepare", "close")  # one that came too late for work is not waited for
        assert set(lived[1:-1]) <= {"act"}
    assert any(word.startswith("close") for word in words)


def test_episodes_that_wait_share_a_worker_and_batches_fill():
    batched = run_all(made_by("Batches"), some_tasks(6), trials=20, concurrency=16, executor=Processes(1))
    sizes = {int(m["content"].split()[0]) for made in batched.trajectories for m in made.messages if m["role"] == "assistant"}
    assert max(sizes) == 16


def test_concurrency_is_shared_among_the_workers(tmp_path):
    run_all(made_by("Waits", place=str(tmp_path / "w")), some_tasks(2), trials=40, concurrency=16, executor=Processes(2))
    together: dict[str, int] = {}
    for path in tmp_path.iterdir():
        _, pid, count = path.name.split(".")
        together[pid] = max(together.get(pid, 0), int(count))
    assert sorted(together.values()) == [8, 8]  # each worker lets as many wait at once as are its share


def test_records_of_any_size_pass():
    report = run_all(working_policies.long_winded, some_tasks(4), executor=Processes(1), limits=Limits(said=4_000_000))
    assert [len(made.messages[1]["content"]) for made in report.trajectories] == [3_000_000] * 4


# -- taking and giving ------------------------------------------------------------------------------------


def test_endless_tasks_are_taken_as_there_is_room_and_the_run_ends_when_it_is_closed():
    taken = itertools.count()

    def tasks() -> Iterator[Task]:
        for seed in itertools.cycle(range(4)):
            next(taken)
            yield borrow_task(seed)

    async def some() -> tuple[int, int]:
        made = 0
        async with contextlib.aclosing(run(made_by("mute"), tasks(), concurrency=4, executor=Processes(2))) as rollouts:
            async for _ in rollouts:
                made += 1
                if made == 30:
                    await asyncio.sleep(0.3)  # a slow reader is waited for
                    break
            ahead = next(taken)
        return made, ahead

    made, ahead = asyncio.run(some())
    assert made == 30
    assert ahead < 30 + 4 + 4 + 2 * 66 + 2


def test_tasks_that_break_off_keep_what_is_finished(tmp_path):
    def tasks() -> Iterator[Task]:
        yield from some_tasks(3)
        raise TaskError("line 4 is garbled")

    with pytest.raises(TaskError, match="line 4 is garbled"):
        run_all(made_by("mute"), tasks(), executor=Processes(2), out=tmp_path / "run")
    assert len(list(read_records(tmp_path / "run"))) <= 3


def test_a_task_that_was_tampered_with_is_named():
    broken = borrow_task().model_copy(update={"family": "other"})
    with pytest.raises(TaskError, match="does not match the content"):
        run_all(made_by("mute"), [broken], executor=Processes(1))


# -- what cannot be done ----------------------------------------------------------------------------------


def test_what_cannot_leave_this_process_is_refused_with_the_remedy():
    def local(conversation: Any) -> str:
        return "no"

    with pytest.raises(RunError, match=r"the policy cannot be sent.*module:Class"):
        run_all(local, some_tasks(1), executor=Processes(1))
    hard = Conditions(interceptors=(lambda call, number: None,))
    with pytest.raises(RunError, match=r"the plan cannot be sent.*top of a module"):
        run_all(made_by("mute"), some_tasks(1), executor=Processes(1), conditions=hard)
    with pytest.raises(ValueError, match="at least one worker"):
        Processes(0)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("Refuses", "there is no such model; name another"),
        ("ClosesBadly", "the model cannot be put away"),
        ("DiesAtOnce", r"workers do not start: a worker process ended with exit code 3"),
        ("Drifts", r"config is not the same there"),
    ],
)
def test_what_a_worker_cannot_do_ends_the_run_in_a_line(tmp_path, policy, words):
    with pytest.raises(RunError, match=words):
        run_all(made_by(policy, place=str(tmp_path / "log")), some_tasks(2), executor=Processes(1), out=tmp_path / "run")


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from mini_tasks import some_tasks\nfrom turngym.agents import make_policy, run_all\n"
        "from turngym.agents.executors.processes import Processes\n"
        "run_all(make_policy('null'), some_tasks(2), executor=Processes(1))\n"
    )
    run = subprocess.run([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].endswith('guard it with: if __name__ == "__main__":')


# -- death ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [pytest.param("kill", marks=pytest.mark.slow), "fork"])
def test_what_a_dead_worker_had_is_made_again(tmp_path, way):
    tasks = some_tasks(20)
    for task in tasks[3:14:5]:
        (tmp_path / task.id).write_text("1")
    policy = made_by("Mortal", place=str(tmp_path), way=way)
    there = run_all(policy, tasks, trials=3, executor=Processes(2))
    assert {path.read_text() for path in tmp_path.iterdir()} == {"0"}  # all deaths were died
    assert timeless(there.trajectories) == timeless(run_all(policy, tasks, trials=3).trajectories)
    assert there.exit_code == 0


@pytest.mark.parametrize("deadly", [(7,), pytest.param((0, 7), marks=pytest.mark.slow)])
def test_a_task_that_kills_its_worker_again_and_again_is_given_up_alone(tmp_path, deadly):
    tasks = some_tasks(12)
    for task in (tasks[number] for number in deadly):
        (tmp_path / task.id).write_text("1000")
    report = run_all(made_by("Mortal", place=str(tmp_path), way="exit"), tasks, executor=Processes(2), out=tmp_path / "run")
    records = {record["task"]["id"]: record for record in read_records(tmp_path / "run")}
    assert len(records) == report.made == 12
    lost = {identity for identity, record in records.items() if record["status"] == "error"}
    assert lost == {tasks[number].id for number in deadly}
    assert {records[identity]["reason"] for identity in lost} == {"infrastructure"}
    assert all("3 workers died" in records[identity]["detail"] for identity in lost)
    assert (report.summary["episodes"], report.summary["excluded"], report.exit_code) == (12 - len(deadly), len(deadly), 1)


RUN = """
import sys
from mini_tasks import some_tasks
from turngym.agents import make_policy, run_all
from turngym.agents.executors.processes import Processes
if __name__ == "__main__":
    policy = make_policy("working_policies:Hangs", computes=len(sys.argv) > 2)
    report = run_all(policy, some_tasks(6), out=sys.argv[1], executor=Processes(2),
                     on_trajectory=lambda made: print(made.id, flush=True))
    sys.exit(report.exit_code)
"""


def hanging_run(folder: Path, *computes: str) -> subprocess.Popen[str]:
    """A run in a process group of its own, two workers of which are busy for ever by now."""
    (folder / "run.py").write_text(RUN)
    child = subprocess.Popen(
        [sys.executable, str(folder / "run.py"), str(folder / "run"), *computes],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    for _ in range(2):
        assert child.stdout.readline()
    return child


@pytest.mark.parametrize("computes", [(), pytest.param(("computes",), marks=pytest.mark.slow)])
def test_no_worker_outlives_a_run_that_is_killed(tmp_path, computes):
    with hanging_run(tmp_path, *computes) as child:
        workers = processes_of(child.pid)
        assert len(workers) == 2
        child.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 5)


@pytest.mark.parametrize(
    ("sent", "code", "computes"),
    [
        (signal.SIGINT, 130, ()),
        pytest.param(signal.SIGINT, 130, ("computes",), marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, ("computes",), marks=pytest.mark.slow),
    ],
)
def test_a_signal_of_the_terminal_ends_all_within_seconds_and_keeps_what_is_finished(tmp_path, sent, code, computes):
    with hanging_run(tmp_path, *computes) as child:
        workers = processes_of(child.pid)
        begun = time.monotonic()
        os.killpg(child.pid, sent) if sent == signal.SIGINT else child.send_signal(sent)
        assert child.stderr is not None
        said = child.stderr.read()
        assert child.wait() == code
        assert time.monotonic() - begun < 5
        assert said == ""
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert len(list(read_records(tmp_path / "run"))) >= 2
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["complete"] is False


@pytest.mark.slow
def test_a_worker_that_is_stopped_from_outside_is_replaced(tmp_path):
    async def kill_some() -> list[Trajectory]:
        made = []
        async for trajectory in run(made_by("Burns", seconds=0.005), some_tasks(10), trials=12, executor=Processes(2), concurrency=4):
            made.append(trajectory)
            if len(made) in (5, 40):
                os.kill(sorted(processes_of(os.getpid()))[-1], signal.SIGKILL)
        return made

    assert len(timeless(asyncio.run(kill_some()))) == 120


# -- the share of work, with workers of the imagination ----------------------------------------------------


class Fake:
    """A worker without a process: finishes all it has in order, or dies of what `kills` holds."""

    def __init__(self, log: list[Any], kills: set[str], busy: int = 0) -> None:
        self.log, self.kills, self.busy = log, kills, busy
        self.parcels: list[Parcel] = []

    async def put(self, parcels: Sequence[Parcel]) -> None:
        self.parcels += parcels
        self.log.append([parcel.id for parcel in self.parcels])

    async def get(self) -> Report:
        await asyncio.sleep(0)
        if any(parcel.id in self.kills for parcel in self.parcels):
            raise Lost("killed")
        parcels, self.parcels = self.parcels, []
        lines = [Trajectory(p.id, json.loads(task_of(p.line).line()), {"name": "fake"}, trial=p.trial).line() for p in parcels]
        return Report(lines, self.busy)

    async def close(self, kindly: bool) -> None:
        self.log.append(kindly)


def crew_run(count: int, log: list[Any], kills: set[str] = frozenset(), size: int = 2, busy: int = 0) -> list[Trajectory]:  # type: ignore[assignment]
    task = borrow_task()

    async def hire() -> Fake:
        return Fake(log, kills, busy)

    async def all_of() -> list[Trajectory]:
        crew = Crew(hire, size, as_policy(working_policies.mute), Plan(concurrency=8 * size))
        return [made async for made in crew.results(iter([Job(f"j{number}", task, number) for number in range(count)]))]

    return asyncio.run(all_of())


def test_a_crew_gives_each_job_once_and_ends_its_workers_kindly():
    log: list[Any] = []
    assert {made.id for made in crew_run(50, log)} == {f"j{number}" for number in range(50)}
    assert log.count(True) == 2
    assert False not in log


def test_a_policy_that_waits_fills_its_seats_and_one_that_computes_gets_one_job_to_begin_with():
    log: list[Any] = []
    crew_run(200, log, size=1, busy=8)
    puts = [entry for entry in log if isinstance(entry, list)]
    assert len(puts[0]) == 1
    assert len(puts[1]) >= 8


def test_suspects_are_tried_alone_and_only_the_culprit_is_given_up():
    log: list[Any] = []
    made = {item.id: item for item in crew_run(60, log, kills={"j20", "j41"}, busy=8)}
    assert set(made) == {f"j{number}" for number in range(60)}
    assert {identity for identity, item in made.items() if item.status == "error"} == {"j20", "j41"}
    for culprit in ("j20", "j41"):
        assert log.count([culprit]) >= 3
    assert sum(isinstance(entry, list) and "j20" in entry for entry in log) <= 6


def test_a_crew_whose_workers_never_come_gives_up_and_one_that_has_others_goes_on():
    tries = itertools.count()
    log: list[Any] = []

    async def never() -> Fake:
        raise Lost("no machine")

    async def once() -> Fake:
        if next(tries):
            raise Lost("no machine")
        return Fake(log, set())

    async def all_of(hire: Any) -> int:
        jobs = iter([Job(f"j{number}", borrow_task(), number) for number in range(9)])
        return len([made async for made in Crew(hire, 3, as_policy(working_policies.mute), Plan(concurrency=12)).results(jobs)])

    with pytest.raises(RunError, match="workers do not start: no machine"):
        asyncio.run(all_of(never))
    assert asyncio.run(all_of(once)) == 9


def test_the_report_of_a_run_elsewhere_is_that_of_a_run_here():
    report = run_all(made_by("mute"), some_tasks(3), executor=Processes(1))
    assert isinstance(report, RunReport)
    assert (report.made, report.summary["complete"], report.summary["episodes"]) == (3, True, 3)


# -- the worker's side ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 60), marks=pytest.mark.slow)])
def test_a_station_loses_no_job_however_they_come_in(seeds):
    task = borrow_task()

    async def all_of(rng: random.Random) -> tuple[int, set[str]]:
        station = Station(pack(as_policy(working_policies.mute), Plan(), rng.randrange(1, 4)))
        assert await station.open() is None
        given, made = 0, set()
        while given < 60 or len(made) < given:
            if given < 60:
                few = rng.randrange(1, 6)
                station.put([Parcel("", trial, task.line()) for trial in range(given, given + few)])
                given += few
            for _ in range(rng.randrange(6)):
                await asyncio.sleep(0)
            if rng.random() < 0.5 or given >= 60:
                report = await asyncio.wait_for(station.get(rng.choice((0.0, 0.0, 0.001))), 5)
                lines = {json.loads(line)["id"] for line in report.lines}
                assert not lines & made
                made |= lines
        assert await station.close() is None
        return given, made

    for seed in seeds:
        given, made = asyncio.run(all_of(random.Random(seed)))
        assert len(made) == given
