"""Promises of synthesis on a cluster: the bytes of one process, also where a node dies on the way."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from turngym.agents.executors.ray import OnRay
from turngym.cli import run
from turngym.envs.errors import RunError
from turngym.synthesis import Request, Roles, synthesize, template_roles, verify_directory
from turngym.synthesis.speaking import make_cast

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")]
TESTS = Path(__file__).parent
REQUEST = Request(("mini_world:Library", "planted_worlds:Market"), 400, seed=7)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes: a head without room for work, and two workers' nodes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


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


def test_a_data_set_survives_the_death_of_a_node_byte_for_byte(tmp_path, cluster):
    dead: list[int] = []

    def strike(done: int, wanted: int) -> None:
        if done > 60 and not dead:
            dead.append(done)
            die_hard(next(iter(cluster.worker_nodes)))

    synthesize(REQUEST, tmp_path / "here")
    there = synthesize(REQUEST, tmp_path / "there", executor=OnRay(cluster.address, workers=2), progress=strike)
    assert dead
    for name in ("samples.jsonl", "summary.json", "run.json"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    assert there["kept"] == 400
    report = verify_directory(tmp_path / "there", executor=OnRay(cluster.address, workers=1))
    assert report == {"rows": 400, "passed": 400, "failed": [], "torn": 0}


def test_a_cast_of_models_travels_to_a_cluster_and_what_cannot_is_refused(tmp_path, cluster):
    roles = {"reasoning": {"policy": f"{TESTS / 'library_model.py'}:LibraryModel"}}
    request = Request(("mini_world:Library",), 6, seed=3)
    found = [
        synthesize(request, tmp_path / name, roles=make_cast(roles), executor=executor)
        for name, executor in (("here", None), ("there", OnRay(cluster.address, workers=2)))
    ]
    assert (tmp_path / "there" / "samples.jsonl").read_bytes() == (tmp_path / "here" / "samples.jsonl").read_bytes()
    assert found[0]["roles"] == found[1]["roles"]
    usual = template_roles()
    locked = Roles(usual.tooling, usual.querying, usual.reasoning, Locked(), watch=None)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="the roles cannot be sent to another process"):
        synthesize(request, roles=locked, executor=OnRay(cluster.address, workers=1))


class Locked:
    """Nothing that travels."""

    def __reduce__(self) -> Any:
        raise TypeError("it is bolted to the floor")


def test_the_command_makes_the_same_on_a_ray_of_its_own(tmp_path, capsys):
    command = ["synthesize", *REQUEST.envs, "-n", "40", "--seed", "7", "--json"]
    assert run([*command, "--out", str(tmp_path / "here")]) == 0
    assert run([*command, "--out", str(tmp_path / "there"), "--ray", "local", "--workers", "1"]) == 0
    assert (tmp_path / "there" / "samples.jsonl").read_bytes() == (tmp_path / "here" / "samples.jsonl").read_bytes()
    made = [json.loads(line) for line in capsys.readouterr().out.replace("}\n{", "}\n\n{").split("\n\n")]
    assert made[0]["funnel"] == made[1]["funnel"]
