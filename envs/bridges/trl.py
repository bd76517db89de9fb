"""Our worlds behind TRL's `environment_factory`: GRPO in five lines.

    rows = prompts(pack_of("Banking"))                    # or a data set of `turngym export --format trl-grpo`
    trainer = GRPOTrainer(
        "Qwen/Qwen3-0.6B", reward_funcs=verdict_reward, train_dataset=Dataset.from_list(rows),
        environment_factory=environments(rows), args=GRPOConfig("out", max_completion_length=4096),
    )

TRL takes the public methods of a class for tools, and reads names, hints and docstrings off them; so a class is
built for each set of worlds and withheld tools, with one real method a tool. An episode there ends with the first
message without calls; so a row stands for one turn: the environment does again what the prompt shows was done,
and the verdict of the turn that the prompt opens is the reward. Laws: what a tool answers is what it answers
everywhere, errors included, for a call never raises; a turn that was left open earns nothing. Not here: TRL, which
this file never imports.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from ..episode import Episode
from ..errors import DefinitionError, TaskError, display
from ..messages import parse_action
from ..registry import world_class
from ..task import Task, parse_task
from ..tool import Tool, ToolCall, ToolResult
from ..worldset import tool_table

Row = dict[str, Any]
MAX_STEPS = 100
_TAKEN = ("reset", "get_reward")
_BOUNDS = {
    "minimum": "at least {}", "maximum": "at most {}", "minLength": "at least {} characters", "maxLength": "at most {} characters",
    "pattern": "pattern {}", "format": "format {}", "default": "default {}", "examples": "such as {}",
}  # fmt: skip
_HINTS: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict, "null": None}


def environment_name(task: Task, turn: int = 0) -> str:
    """What the environment of a task's turn is called: the env, and the tools that are withheld there."""
    hidden = _hidden(task, turn)
    return f"{task.env} without {', '.join(sorted(hidden))}" if hidden else task.env


def prompts(tasks: Iterable[Task]) -> list[Row]:
    """A row a task: its opening as `prompt`, the `task` as JSON, and the name of its `environment`."""
    return [
        {
            "prompt": [{"role": "user", "content": task.turns[0].user}],
            "task": task.line(),
            "environment": environment_name(task),
        }
        for task in tasks
    ]


def environments(rows: Iterable[Mapping[str, Any]]) -> dict[str, type[WorldEnvironment]]:
    """The environments that rows name, for `GRPOTrainer(environment_factory=...)`.

    Args:
        rows: of `prompts`, or of an export `trl-grpo`; each holds `prompt`, `task` and `environment`.

    Raises `TaskError` for a row that names another environment than its task needs.
    """
    found: dict[str, type[WorldEnvironment]] = {}
    for row in rows:
        name = row["environment"]
        if name not in found:
            task = parse_task(row["task"])
            turn = _turn_of(task, row["prompt"])
            if environment_name(task, turn) != name:
                raise TaskError(f"a row names the environment {display(name)}; its task needs {display(environment_name(task, turn))}")
            found[name] = environment_class(task, turn)
    return found


def environment_class(task: Task, turn: int = 0) -> type[WorldEnvironment]:
    """The class of a task's turn: `WorldEnvironment` with a method for each tool that is visible there.

    Raises `DefinitionError` for a tool whose name TRL would not take for one.
    """
    table = tool_table(tuple(world_class(part.world) for part in task.worlds))
    hidden = _hidden(task, turn)
    visible = {name: tool for name, tool in table.tools.items() if name not in hidden}
    for name in visible:
        if name in _TAKEN or name.startswith("_"):
            raise DefinitionError(f"a tool is called {name}, which TRL keeps for itself; give it another name")
    worlds = "".join(world_class(part.world).__name__ for part in task.worlds)
    return type(f"{worlds}Environment", (WorldEnvironment,), {name: _method(name, tool) for name, tool in visible.items()})


class WorldEnvironment:
    """One rollout's worlds. TRL makes instances, resets them with a row, and calls their tools by name."""

    def __init__(self) -> None:
        self._episode: Episode | None = None
        self._before = 0.0
        self._outcome: tuple[bool, float] | None = None

    def reset(self, task: str | dict[str, Any] = "", prompt: Iterable[Mapping[str, Any]] = (), **row: Any) -> None:
        """Begin the turn that a row's prompt opens, after doing again what the prompt shows.

        Raises `TaskError` where the prompt and the task do not belong together.
        """
        wanted, messages = parse_task(task), list(prompt)
        refused = _refused(messages)
        episode = Episode(wanted, max_steps=MAX_STEPS + len(messages), interceptors=(lambda call, _: refused.get(call.id),))
        arrived = episode.start()[-1]["content"]
        spoken = [i for i, message in enumerate(messages) if message["role"] == "user"]
        for index, message in enumerate(messages[spoken[0] :] if spoken else [], spoken[0] if spoken else 0):
            if message["role"] == "user" and message["content"] != arrived:
                raise TaskError(f"the prompt and task {wanted.id} part at message {index}: {display(message['content'], 60)}")
            if message["role"] == "assistant":
                arrived = _again(episode, message, messages[index + 1] if index + 1 < len(messages) else {})
        if not spoken or messages[-1]["role"] != "user":
            raise TaskError(f"a prompt ends with what the user says; that of task {wanted.id} does not")
        refused.clear()
        self._episode, self._before, self._outcome = episode, episode.reached(), None

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        episode = self._episode
        if episode is None:
            raise RuntimeError("call reset() first")
        if episode.over:
            return ToolResult.failure(name, "limit_exceeded", f"the conversation is over after {episode.steps} steps").text
        return episode.step("", (ToolCall(name, arguments),)).results[0].text

    def _judged(self, completion: Any) -> tuple[bool, float]:
        """Whether the turn passed, and its progress, once the closing words are known; see the two rewards."""
        episode = self._episode
        if episode is None:
            return False, 0.0
        if self._outcome is None:
            closing = _closing(completion)
            checks, reached, judged = episode.task.turns[episode.turn].checks, episode.reached(), None
            if not episode.over:
                judged = episode.step(closing or "", ()).judged
            parts = [(reached - self._before) / (1 - self._before)] if self._before < 1 else []
            if judged is not None:
                parts += [
                    1 - len(left) / len(all_) for all_, left in ((checks.outputs, judged.unseen), (checks.told, judged.untold)) if all_
                ]
            passed = closing is not None and judged is not None and judged.passed
            self._outcome = passed, 1.0 if passed else max(0.0, sum(parts) / len(parts)) if parts else 0.0
        return self._outcome


def verdict_reward(completions: Iterable[Any], environments: Iterable[WorldEnvironment], **row: Any) -> list[float]:
    """1 where the turn passed every check, else 0; for `reward_funcs`."""
    return [float(env._judged(completion)[0]) for completion, env in zip(completions, environments, strict=True)]


def progress_reward(completions: Iterable[Any], environments: Iterable[WorldEnvironment], **row: Any) -> list[float]:
    """How much of the turn was done, 0 to 1; for `reward_funcs`, beside the verdict.

    The mean of the share of its effects, of its outputs seen and of its values told, as far as it asks for them.
    """
    return [env._judged(completion)[1] for completion, env in zip(completions, environments, strict=True)]


# -- inside -----------------------------------------------------------------------------------------------


def _hidden(task: Task, turn: int) -> frozenset[str]:
    return frozenset(task.held_out).difference(*(part.release for part in task.turns[: turn + 1]))


def _turn_of(task: Task, prompt: Iterable[Mapping[str, Any]]) -> int:
    turn = -1
    for message in prompt:
        turn += message["role"] == "user" and message["content"] in [part.user for part in task.turns[turn + 1 : turn + 2]]
    return max(turn, 0)


def _refused(messages: Iterable[Mapping[str, Any]]) -> dict[str, ToolResult]:
    """Call id -> the error that the prompt shows for it. These stand as shown: no error changes a state, and an outage is not repeated."""
    found = {}
    for message in messages:
        content = message.get("content")
        if message["role"] == "tool" and message.get("tool_call_id") and isinstance(content, str) and content.startswith('{"error"'):
            try:
                kind = json.loads(content)["error"]["kind"]
            except (ValueError, LookupError, TypeError):
                continue
            found[message["tool_call_id"]] = ToolResult(str(message.get("name", "")), content, kind)
    return found


def _again(episode: Episode, message: Mapping[str, Any], following: Mapping[str, Any]) -> str:
    """Do what a message did; returns what the user said last."""
    current = episode.task.turns[episode.turn].user
    content, calls, _ = parse_action({"content": message.get("content") or "", "tool_calls": message.get("tool_calls") or ()})
    if calls:
        episode.step(content, calls)
        return current
    later = episode.task.turns[episode.turn + 1 : episode.turn + 2]
    if following.get("role") == "user" and [following["content"]] != [part.user for part in later]:
        return str(episode.converse(content, following["content"]).messages[0]["content"])
    arrived = episode.step(content, ()).messages
    return str(arrived[-1]["content"]) if arrived else ""


def _closing(completion: Any) -> str | None:
    """The words that ended the turn, None where nothing did."""
    if isinstance(completion, str):
        return completion
    last = completion[-1] if completion else {}
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return None
    return last.get("content") or ""


def _method(name: str, tool: Tool) -> Callable[..., str]:
    """A method that TRL shows as this tool: real signature, hints and docstring; any arguments reach the world's own door."""

    def call(self: WorldEnvironment, **arguments: Any) -> str:
        return self._call(name, arguments)

    schema = tool.parameter_schema
    defs = schema.get("$defs", {})
    hints = {key: _hint(part, defs) for key, part in schema["properties"].items()}
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, annotation=hints[key],
            default=inspect.Parameter.empty if parameter.required else schema["properties"][key].get("default"),
        )
        for key, parameter in tool.parameters.items()
    ]  # fmt: skip
    call.__name__, call.__qualname__ = name, f"WorldEnvironment.{name}"
    call.__annotations__ = {**hints, "return": str}
    call.__signature__ = inspect.Signature([itself, *taken], return_annotation=str)  # type: ignore[attr-defined]
    call.__doc__ = _docstring(tool, schema["properties"], defs)
    return call


def _docstring(tool: Tool, properties: dict[str, Any], defs: dict[str, Any]) -> str:
    lines = [tool.description]
    if properties:
        lines += ["", "Args:", *(f"    {key}: {_described(part, defs)}" for key, part in properties.items())]
    return "\n".join(lines)


def _described(part: dict[str, Any], defs: dict[str, Any]) -> str:
    """A parameter's words, with the bounds that hints cannot say."""
    bounds = [words.format(_plain(value)) for key, words in _BOUNDS.items() if (value := _bound(part, key, defs)) is not None]
    return f"{part.get('description', '')} ({'; '.join(bounds)})" if bounds else str(part.get("description", ""))


def _bound(part: dict[str, Any], key: str, defs: dict[str, Any]) -> Any:
    """A bound of a parameter, of what it refers to, of one of its options, or of its items."""
    inside = [defs[part["$ref"].rsplit("/", 1)[-1]]] if "$ref" in part else []
    inside += [*part.get("anyOf", ()), *([part["items"]] if isinstance(part.get("items"), dict) else [])]
    found = part.get(key)
    return found if found is not None else next((value for item in inside if (value := _bound(item, key, defs)) is not None), None)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _hint(part: dict[str, Any], defs: dict[str, Any]) -> Any:
    if "$ref" in part:
        part = {**defs[part["$ref"].rsplit("/", 1)[-1]], **part}
    if values := part.get("enum") or ([part["const"]] if "const" in part else None):
        return Literal[tuple(values)]
    if options := part.get("anyOf"):
        hint = _hint(options[0], defs)
        for option in options[1:]:
            hint = hint | _hint(option, defs)
        return hint
    kind = part.get("type", "object")
    if kind == "array" and isinstance(items := part.get("items"), dict):
        return list[_hint(items, defs)]  # type: ignore[misc]
    return _HINTS[kind]
