"""Trajectories as rows of BFCL's result files, so that its own runner can score them: `bfcl evaluate --model <name> ...`.

A row is `{"id", "result"}`: of a multi-turn entry, per turn each step; of a single-turn one, its one message. A message with
calls is `[{name: arguments as JSON text}]`, one without is what it says. Laws: arguments stand as the model emitted them; an
entry is written once (its lowest trial); an episode that was cut in its last turn gets no row for that turn, so that both sides
count it as not finished; what says nothing of the policy (infrastructure) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..envs.bridges.bfcl.judge import error_type
from ..envs.errors import RunError
from .directory import refusal
from .owned import Owned
from .trajectory import Trajectory

MODEL = "gpt-4o-2024-11-20-FC"  # whose handler decodes function calls; the name of the folder decides nothing else
_GROUPS = (("multi_turn", "multi_turn"), ("live", "live"))


def category_of(trajectory: Trajectory) -> str:
    """BFCL's category of a trajectory's task, "" for a task that is not BFCL's."""
    meta = trajectory.task.get("meta", {})
    return str(meta.get("category", "")) if str(meta.get("foreign", "")).startswith("bfcl") else ""


def result_row(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as a row of a result file. Raises `RunError` where another user than BFCL's spoke."""
    if trajectory.user:
        raise RunError(f"{trajectory.id}: a simulated user spoke in it; BFCL's result files know only its own words")
    turns = list(_turns(trajectory))
    if not category_of(trajectory).startswith("multi_turn"):
        return {"id": trajectory.task_id, "result": turns[0][0] if turns and turns[0] else ""}
    if trajectory.status != "completed" and len(turns) == len(trajectory.task["turns"]):
        del turns[-1]
    return {"id": trajectory.task_id, "result": turns}


def _turns(trajectory: Trajectory) -> Iterator[list[Any]]:
    """Per turn, its steps: from one message of the user to the next."""
    own = {step["message"] for step in trajectory.steps}
    steps: list[Any] | None = None
    for place, message in enumerate(trajectory.messages):
        if message["role"] == "user":
            if steps is not None and any(earlier in own for earlier in range(place)):
                yield steps
            steps = []
        elif place in own and steps is not None:
            steps.append(_step(message))
    if steps is not None:
        yield steps


def _step(message: dict[str, Any]) -> Any:
    if not message.get("tool_calls"):
        return message["content"]
    functions = [call["function"] for call in message["tool_calls"]]
    return [{f["name"]: a if isinstance(a := f["arguments"], str) else json.dumps(a)} for f in functions]


def write_results(trajectories: Iterable[Trajectory], folder: str | Path, model: str = MODEL) -> dict[str, Path]:
    """Write the result files of trajectories under `folder/result/<model>/`; gives category -> file.

    `folder` is then what `BFCL_PROJECT_ROOT` names. What is not BFCL's is passed over. Raises `RunError` for a folder that holds
    other things than what was written here before (`owned.py`); what others add beside it, the scores say, stays.
    """
    rows: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}
    for trajectory in trajectories:
        category = category_of(trajectory)
        if not category or not trajectory.counts:
            continue
        kept = rows.setdefault(category, {})
        if trajectory.task_id not in kept or trajectory.trial < kept[trajectory.task_id][0]:
            kept[trajectory.task_id] = trajectory.trial, result_row(trajectory)
    if not rows:
        return {}
    written = {}
    try:
        with Owned(folder, "set of BFCL results") as place:
            for category, found in rows.items():
                group = next((group for start, group in _GROUPS if category.startswith(start)), "non_live")
                name = Path("result") / model.replace("/", "_") / group / f"BFCL_v4_{category}_result.json"
                lines = [json.dumps(row) for _, (_, row) in sorted(found.items(), key=lambda item: _number(item[0]))]
                (place.staging / name).parent.mkdir(parents=True, exist_ok=True)
                (place.staging / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
                written[category] = Path(folder) / name
            place.settle(keep=True)
    except OSError as error:
        raise refusal(error, f"cannot write {folder}") from error
    return written


def _number(name: str) -> tuple[int, str]:
    number = name.rsplit("_", 1)[-1].split("-")[0]
    return (int(number) if number.isdigit() else 0), name


def error_types(trajectories: Iterable[Trajectory]) -> dict[str, dict[str, int]]:
    """Category -> BFCL's error type -> how many entries failed by it."""
    found: dict[str, dict[str, int]] = {}
    for trajectory in trajectories:
        if (category := category_of(trajectory)) and trajectory.counts:
            kinds = found.setdefault(category, {})
            if kind := error_type(trajectory.verdict, len(trajectory.task["turns"])):
                kinds[kind] = kinds.get(kind, 0) + 1
    return found
