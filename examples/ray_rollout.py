"""Roll a policy that computes out on a Ray cluster, or on this machine's worker processes, and go on after anything.

    python examples/ray_rollout.py runs/graph                      # Ray on this machine alone, for the time of the run
    python examples/ray_rollout.py runs/graph 10.0.0.1:6379        # a cluster; every node has turngym installed
    python examples/ray_rollout.py runs/graph processes            # no Ray: one worker process for each core
    python examples/ray_rollout.py runs/few processes 20           # its first tasks alone

The same from the command line: turngym rollout Banking --policy graph -k 4 --ray 10.0.0.1:6379 --out runs/graph
"""

import sys

from turngym.agents import make_policy, run_all
from turngym.agents.executors.processes import Processes
from turngym.agents.executors.ray import OnRay
from turngym.envs.env import pack_of


def main(out: str, place: str | None = None, tasks: str | None = None) -> int:
    executor = Processes() if place == "processes" else OnRay(place)
    policy = make_policy("graph")  # by name, so that each worker makes its own; your own: make_policy("my_module:MyPolicy")
    pack = list(pack_of("Banking"))[: int(tasks) if tasks else None]
    report = run_all(policy, pack, trials=4, executor=executor, concurrency=16, out=out)
    figures = report.summary
    print(f"{report.made} episodes made, {report.resumed} found; {figures['success']:.0%} of {figures['episodes']} solved")
    print(f"{figures['excluded']} ended by errors that are not the policy's; the same command goes on with what is missing")
    return report.exit_code


if __name__ == "__main__":  # worker processes import this file, and must not run it
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
