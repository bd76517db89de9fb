"""The Gymnasium env: an episode of a task behind `reset` and `step`.

    env = gym.make("turngym/Banking-v0")
    messages, info = env.reset(seed=3)                    # a real task; messages[0] is the user's
    messages, reward, terminated, truncated, info = env.step({"name": "list_accounts", "arguments": {}})
    messages, reward, terminated, truncated, info = env.step("Your balance is 12.50.")   # ends the turn

Rewards: `success` gives 1 at the end iff every turn passed; `progress` gives 1/turns for each turn that passes;
a function `(Episode, Step) -> float` is asked after every step. Law: an invalid action never raises, it is
answered as a real API would. `info` is free of clocks, so equal seeds give equal infos.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Self, SupportsFloat

import gymnasium

from .door import allow_given, allowed
from .episode import Episode, Interceptor, Step
from .errors import TaskError, display
from .messages import Message, parse_action
from .packed import pack_of as pack_of  # users find it here, beside the env
from .packed import packed
from .registry import EnvInfo, user_env, world_class
from .spaces import ActionSpace, MessageSpace
from .task import Task, TaskFile, parse_task
from .tool import ToolCall, ToolResult
from .worldset import tool_table

RewardFunction = Callable[[Episode, Step], float]
Tasks = str | Path | TaskFile | Iterable[Task] | None


class ToolEnv(gymnasium.Env[tuple[Message, ...], Any]):
    """An env over one or more worlds. Usually made by `gym.make("turngym/<Name>-v0", ...)`.

    Args:
        name: a registered env (`Banking`, `turngym/Banking-v0`) or `module:World` of one's own.
        tasks: a JSONL file, a `TaskFile` or tasks; default the pack that ships with the env.
        split: `train`, `test` or `all`; default `train` of a pack of ours, and all of others and of one's own.
        reward: `success`, `progress`, or a function `(Episode, Step) -> float`.
        max_steps: steps until the episode is truncated.
        signals: put process signals into `info` (costs some microseconds a step).
        allow: worlds of one's own that the tasks may name, as `turngym.allow` takes them; `name` is allowed by itself.

    `reset(options={"task": ...})` takes a `Task`, its JSON, an id, or an index. It pickles and deep-copies, in the middle of
    an episode too.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        name: str,
        *,
        tasks: Tasks = None,
        split: Literal["train", "test", "all"] | None = None,
        reward: Literal["success", "progress"] | RewardFunction = "success",
        max_steps: int = 100,
        signals: bool = False,
        render_mode: str | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        allow_given(allow)
        self.env_info: EnvInfo = user_env(name)
        classes = tuple(world_class(world) for world in self.env_info.worlds)
        self.tools = tool_table(classes).tools
        self.tasks = _open(tasks, self.env_info)
        self._has_own_tasks = tasks is not None
        chosen = split or ("train" if tasks is None and ":" not in self.env_info.pack else "all")
        self._choices = self.tasks.indices(None if chosen == "all" else chosen)
        if callable(reward):
            self._reward: RewardFunction = reward
        else:
            self._reward = {"success": _success, "progress": _progress}[reward]
        self.max_steps = max_steps
        self.signals = signals
        self.render_mode = render_mode
        self.hidden: frozenset[str] = frozenset()
        self.interceptors: tuple[Interceptor, ...] = ()
        self.observation_space = MessageSpace()
        self.action_space = ActionSpace(self.tools)
        self._episode: Episode | None = None

    # -- Gymnasium -------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[tuple[Message, ...], dict[str, Any]]:
        """Begin a task: drawn from the split by `seed`, or `options["task"]`."""
        super().reset(seed=None if seed is None else _whole(seed, "seed"))
        wanted = (options or {}).get("task")
        task = self._draw() if wanted is None else self._find(wanted)
        self._episode = Episode(task, max_steps=self.max_steps, hidden=self.hidden, interceptors=self.interceptors)
        messages = self._episode.start()
        if self.render_mode:
            self._episode.log = list(messages)
        return messages, self._info(self._episode)

    def step(self, action: Any) -> tuple[tuple[Message, ...], SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step; see the module for the forms of an action."""
        episode = self.episode
        content, calls, wrong = parse_action(action)
        if wrong:  # answered like a call that no tool understands
            calls, content = (ToolCall("", {"action": wrong}),), ""
        step = episode.step(content, calls)
        if self.render_mode:
            episode.log += [{"role": "assistant", "content": content, "tool_calls": calls}, *step.messages]
        info = self._info(episode)
        if step.results:
            info["errors"] = tuple([result.error for result in step.results if result.error])
        if self.signals:
            info["signals"] = self._signals(episode, step, calls)
        if step.terminated or step.truncated:
            info["verdict"] = episode.verdict().record()
        if wrong:
            info["errors"] = ("invalid_arguments",)
            step = step._replace(messages=({**step.messages[0], "content": _told_wrong(wrong)},))
        return step.messages, self._reward(episode, step), step.terminated, step.truncated, info

    def render(self) -> str:
        """The conversation so far as text (`render_mode="ansi"`)."""
        return "\n".join(
            f"{m['role']:>9}: {m['content'] or display(list(m.get('tool_calls', ())), 2000)}"
            for m in (self._episode.log if self._episode else ())
        )

    # -- search ----------------------------------------------------------------------------------------

    @property
    def episode(self) -> Episode:
        """The running episode; raises `RuntimeError` before the first reset."""
        if self._episode is None:
            raise RuntimeError("call reset() first")
        return self._episode

    def fork(self) -> Self:
        """An independent env at this moment, for tree search and group rollouts."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._episode = self.episode.fork()
        twin._np_random, twin._np_random_seed = None, None
        return twin

    def snapshot(self) -> Episode:
        """This moment, to come back to with `restore` any number of times."""
        return self.episode.fork()

    def restore(self, snapshot: Episode) -> None:
        """Go back to a moment."""
        self._episode = snapshot.fork()

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes, also in the middle of an episode; what can be made again over there is not sent.

        Raises `NotPortableError` for a world that no other process can have: a live server, a class made in a function.
        """
        state = {name: value for name, value in self.__dict__.items() if name not in ("env_info", "tools", "tasks")}
        return _arrived, (type(self), self.env_info, self.tasks if self._has_own_tasks else None, allowed()), state

    # -- inside ----------------------------------------------------------------------------------------

    def _draw(self) -> Task:
        if not self._choices:
            raise TaskError(
                f"{self.env_info.id} has no tasks here; make some with `turngym synthesize {self.env_info.short}` or pass tasks="
            )
        return self.tasks[self._choices[int(self.np_random.integers(len(self._choices)))]]

    def _find(self, wanted: Any) -> Task:
        if isinstance(wanted, Task):
            return wanted
        if (place := _index(wanted)) is not None and -len(self.tasks) <= place < len(self.tasks):
            return self.tasks[place]
        if isinstance(wanted, dict):
            return parse_task(wanted)
        if isinstance(wanted, str):
            if wanted.lstrip().startswith("{"):
                return parse_task(wanted)
            for task in self.tasks:
                if task.id == wanted:
                    return task
        raise TaskError(f"there is no task {display(wanted)} here; give a Task, its JSON, an id, or an index")

    def _info(self, episode: Episode) -> dict[str, Any]:
        return {"task": episode.task.id, "turn": episode.turn, "tools": episode.visible, "errors": ()}

    def _signals(self, episode: Episode, step: Step, calls: Iterable[ToolCall]) -> dict[str, Any]:
        redundant = 0
        for call, result in zip(calls, step.results, strict=False):
            mark = (call.name, call.arguments if isinstance(call.arguments, str) else display(call.arguments, 1 << 20), result.text)
            redundant += mark in episode.tried and not result.written
            episode.tried.add(mark)
        kinds = [result.error for result in step.results]
        ended = step.judged
        return {
            "goal": 1.0 if episode.over else episode.reached(),
            "invalid": sum(kind in ("invalid_arguments", "unknown_tool") for kind in kinds),
            "precondition_missing": kinds.count("precondition_failed"),
            "redundant": redundant,
            "unexpected": ended.unexpected if ended else (),
            "forbidden": bool(ended and not ended.forbidden),
        }


def _arrived(cls: type[ToolEnv], info: EnvInfo, tasks: TaskFile | None, places: tuple[str, ...]) -> ToolEnv:
    """An env that another process sent, before its state: its worlds are loaded, so that what is in the state can be read.

    `places`: what its user allowed over there, which is allowed here too.
    """
    allow_given(places)
    env = object.__new__(cls)
    env.env_info = info
    env.tools = tool_table(tuple([world_class(name) for name in info.worlds])).tools
    env.tasks = _open(tasks, info)
    return env


def _success(episode: Episode, step: Step) -> float:
    return float(step.terminated and episode.verdict().success)


def _progress(episode: Episode, step: Step) -> float:
    return float(step.judged.passed) / len(episode.task.turns) if step.judged else 0.0


def _index(value: Any) -> int | None:
    """A whole number of any kind (numpy's too) as one of Python's; None for all else, truth values among them."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _whole(value: Any, name: str) -> int:
    found = _index(value)
    if found is None:
        raise TypeError(f"{name}={display(value)} is no whole number")
    return found


def _told_wrong(wrong: str) -> str:
    return ToolResult.failure("", "invalid_arguments", wrong).text


def _open(tasks: Tasks, info: EnvInfo) -> TaskFile:
    if tasks is None:
        return packed(info.pack)
    if isinstance(tasks, TaskFile):
        return tasks
    if isinstance(tasks, (str, Path)):
        return TaskFile.read(tasks)
    return TaskFile((task.line() for task in tasks), "the given tasks")
