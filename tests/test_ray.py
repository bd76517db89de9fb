"""Promises of a run on a cluster: two nodes, one of them killed on the way, and the same record as in one process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import working_policies
from mini_tasks import some_tasks

from turngym.agents import Conditions, make_policy, read_records, run, run_all
from turngym.agents.executors.ray import OnRay
from turngym.envs.errors import RunError

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")]
TESTS = Path(__file__).parent


@pytest.fixture(autouse=True)
def _ray_is_there() -> None:
    pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes: a head without room for work, and two workers' nodes."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def timeless(records: Any) -> dict[str, Any]:
    rows = list(records)
    found = {record["id"]: {**record, "timings": 0} for record in rows}
    assert len(found) == len(rows)
    return found


def die_hard(node: Any) -> None:
    """What a power cut does to a node: its manager and all its workers are gone at once."""
    raylet = node.all_processes["raylet"][0].process.pid
    below = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and parent_of(entry) == raylet]
    for pid in (raylet, *below):
        os.kill(pid, signal.SIGKILL)


def parent_of(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def test_a_run_survives_the_death_of_a_node_with_every_task_exactly_once(tmp_path, cluster):
    policy = make_policy("working_policies:Burns", seconds=0.01)
    tasks, options = some_tasks(10), {"trials": 80, "seed": 3, "conditions": Conditions(interceptors=(working_policies.no_books,))}
    dead: list[int] = []

    def count(made: Any) -> None:
        dead.append(0)
        if len(dead) == 150:
            die_hard(next(iter(cluster.worker_nodes)))

    place = tmp_path / "run"
    report = run_all(policy, tasks, out=place, on_trajectory=count, executor=OnRay(cluster.address, workers=2), concurrency=4, **options)
    run_all(policy, tasks, out=tmp_path / "here", **options)
    assert (report.made, report.summary["complete"], report.exit_code) == (800, True, 0)
    assert timeless(read_records(place)) == timeless(read_records(tmp_path / "here"))


def test_a_node_that_comes_later_takes_part(tmp_path, cluster):
    async def some() -> set[str]:
        pids: set[str] = set()
        for node in list(cluster.worker_nodes)[1:]:
            cluster.remove_node(node)
        done = 0
        async for made in run(slow_pid, some_tasks(4), trials=300, executor=OnRay(cluster.address, workers=2)):
            pids.add(made.messages[1]["content"])
            done += 1
            if done == 20:
                assert len(pids) == 1
                cluster.add_node(wait=False, num_cpus=1)
            if len(pids) > 1:
                break
        return pids

    assert len(asyncio.run(some())) == 2


def slow_pid(conversation: Any) -> str:
    """Sent by value: a function of a test module that no worker could import."""
    time.sleep(0.02)
    return f"I am {os.getpid()}"


def test_what_no_node_can_hold_is_told_in_a_line(cluster, monkeypatch):
    from turngym.agents.executors import ray as module

    monkeypatch.setattr(module, "_PLACE_SECONDS", 1.0)
    with pytest.raises(RunError, match="no node of the Ray cluster has the CPUs"):
        run_all(make_policy("null"), some_tasks(2), executor=OnRay(cluster.address, workers=1, cpus=64))
    with pytest.raises(RunError, match="there is no such model"):
        run_all(make_policy("working_policies:Refuses", place="x"), some_tasks(2), executor=OnRay(cluster.address))


ALONE = """
import signal, sys
from mini_tasks import some_tasks
from turngym.agents import make_policy, run_all
from turngym.agents.executors.ray import OnRay
before = signal.getsignal(signal.SIGTERM)
report = run_all(make_policy("working_policies:Burns"), some_tasks(4), trials=1000, out=sys.argv[1], executor=OnRay(workers=2),
                 on_trajectory=lambda made: print(made.id, flush=True))
assert signal.getsignal(signal.SIGTERM) is before
sys.exit(report.exit_code)
"""


def test_a_signal_ends_a_run_on_a_ray_of_its_own_and_all_that_it_started(tmp_path):
    command = [sys.executable, "-c", ALONE, str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stdout is not None
        for _ in range(10):
            assert child.stdout.readline()
        begun = time.monotonic()
        child.send_signal(signal.SIGTERM)
        said = child.communicate()[1]
        assert child.returncode == 143, said
        assert time.monotonic() - begun < 8
        assert "Traceback" not in said, said  # Ray itself tells on stderr that a signal came
    assert len(list(read_records(tmp_path / "run"))) >= 10
    time.sleep(1.0)
    assert not [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and in_session(entry, child.pid)]


def in_session(entry: Path, session: int) -> bool:
    try:
        state, _, _, found = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return False
    return int(found) == session and state != "Z"


def test_a_wrong_address_is_told_within_seconds():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for address in (f"127.0.0.1:{port}", "nonsense", "ray://127.0.0.1:1", "127.0.0.1:99999999", "auto"):
        begun = time.monotonic()
        with pytest.raises(RunError, match="Ray cluster"):
            run_all(make_policy("null"), some_tasks(1), executor=OnRay(address))
        assert time.monotonic() - begun < 10


def test_something_else_at_the_address_is_told_before_ray_takes_the_process_down(tmp_path):
    code = (
        "import sys\nfrom mini_tasks import some_tasks\nfrom turngym.agents import make_policy, run_all\n"
        "from turngym.agents.executors import ray\nfrom turngym.envs.errors import RunError\nray._JOIN_SECONDS = 5.0\n"
        "try:\n    run_all(make_policy('null'), some_tasks(1), executor=ray.OnRay(sys.argv[1]))\n"
        "except RunError as error:\n    print(error)\n    sys.exit(2)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        run = subprocess.run(
            [sys.executable, "-c", code, place],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert (run.returncode, "cannot join the Ray cluster" in run.stdout) == (2, True), run
