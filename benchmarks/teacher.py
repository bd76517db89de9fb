"""What synthesis adds to a teacher model's own time: a model behind a socket that takes a fixed time for every answer.

    python benchmarks/teacher.py                            # 480 samples, 0.5 s an answer, 16 samples under way at once
    python benchmarks/teacher.py --delay 2 --concurrency 64 --workers 2

The model plays the reasoning role through the `chat` policy, over HTTP to a server in a process of its own, which knows
the right answers: they are those that a first run with templates gave. `model_seconds` is all that the model waited,
shared by the concurrency: what the run would take if the pipeline cost nothing and kept every place filled to the end.
`overhead` is how much longer it took; its last part, in which fewer samples are left than places, is told as `tail`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from instant_server import instant_server, key_of
from measure import report

from turngym.agents.executors.processes import Processes
from turngym.synthesis import Maker, Request, Roles, synthesize, template_roles
from turngym.synthesis.roles import Prompt, Scene, TemplateReasoning, Thought, assistant_message
from turngym.synthesis.speaking import make_cast

ENVS = ("FileSystem", "Travel", "Banking")


class Remembering(TemplateReasoning):
    """A template whose answers are written down, and whose chance is its own, so that a model in its place sees the same."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}

    async def think(self, messages: Sequence[dict[str, Any]], brief: Any, prompt: Prompt, scene: Scene, rng: Random) -> Thought:
        """The template's thought."""
        key = key_of(messages)
        thought = await super().think(messages, brief, prompt, scene, Random(key))
        self.answers[key] = assistant_message(thought)
        return thought


def answers_of(request: Request) -> dict[str, dict[str, Any]]:
    """What a template answers in every conversation of a request."""
    reasoning, usual = Remembering(), template_roles()
    maker = Maker(request, Roles(usual.tooling, usual.querying, reasoning, usual.critiquing))
    for _ in maker.stream():
        pass
    return reasoning.answers


def run(request: Request, url: str, delay: float, concurrency: int, workers: int, out: Path) -> dict[str, Any]:
    """One run with the model, timed."""
    cast = make_cast({"reasoning": {"policy": "chat", "model": "fake", "base_url": url}}, ahead=concurrency)
    times: list[float] = []

    def progress(done: int, wanted: int) -> None:
        if done > len(times):
            times.append(time.perf_counter())

    executor = Processes(workers) if workers else None
    begun, used = time.perf_counter(), time.process_time()
    made = synthesize(request, out, roles=cast, progress=progress, executor=executor)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    requests = made["roles"]["reasoning"]["requests"]
    model = requests * delay / concurrency
    return {
        "kept": made["kept"],
        "requests": requests,
        "requests_a_sample": round(requests / made["kept"], 2),
        "failed_attempts": made["failed_attempts"],
        "wall_seconds": round(seconds, 2),
        "model_seconds": round(model, 2),
        "overhead": round(seconds / model - 1, 4),
        "tail_seconds": round(times[-1] - times[-min(concurrency, len(times))], 2),
        "cpu_ms_a_sample_in_this_process": round(cpu / made["kept"] * 1000, 1),
        **({"seconds_to_the_first_sample": round(times[0] - begun, 2)} if workers else {}),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=480, help="samples")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds that the model takes for an answer")
    parser.add_argument("--concurrency", type=int, default=16, help="samples under way at once")
    parser.add_argument("--workers", type=int, default=0, help="worker processes; 0 is this process")
    options = parser.parse_args()
    request = Request(ENVS, options.n, seed=1)
    with tempfile.TemporaryDirectory(prefix="turngym-bench-") as place:
        answers = Path(place) / "answers.json"
        answers.write_text(json.dumps(answers_of(request)))
        with instant_server(options.delay, str(answers)) as url:
            figures = run(request, url, options.delay, options.concurrency, options.workers, Path(place) / "set")
    report("teacher", {"delay": options.delay, "concurrency": options.concurrency, "workers": options.workers, **figures})


if __name__ == "__main__":
    main()
