"""The rollout: one policy lives through one task, and the trajectory tells how it went.

Laws: a bad rollout is data and not a crash; a limit ends an episode as `truncated`; an error that is not the
policy's is told apart from a failed task; equal policy, task, trial and seed give equal trajectories but for
times. Gymnasium stands beside this loop and not inside it. Not here: many rollouts (`runner.py`).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..envs.episode import Episode, Interceptor
from ..envs.errors import TaskError, TurngymError, WorldError, WorldRefusedError, shorten
from ..envs.messages import Message, number_calls
from ..envs.spoken import spoken
from ..envs.task import Task
from ..envs.tool import ToolCall, ToolResult
from .dialogue import Dialogue, is_stopped, opening_message
from .limits import Limits, Meter, cut, held
from .policy import AssistantMessage, Conversation, EndEpisode, InfrastructureError, Opening, Policy, policy_record, understand
from .trajectory import (
    INFRASTRUCTURE,
    POLICY_ERROR,
    Status,
    Trajectory,
    assistant_message,
    installed_versions,
    plain,
    step_record,
    task_record,
    trajectory_id,
)
from .user import Said, ScriptedUser, User, UserError


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes an episode harder without touching its task.

    Attributes:
        hidden: tools withheld. interceptors: functions `(call, number) -> ToolResult | None` that may answer in
            a tool's place; pure functions, since they serve many episodes. label: tells them apart in records.
    """

    hidden: tuple[str, ...] = ()
    interceptors: tuple[Interceptor, ...] = ()
    label: str = ""

    def record(self) -> dict[str, Any]:
        """As plain JSON data; empty where nothing is withheld."""
        found = {"hidden": list(self.hidden), "label": self.label, "interceptors": len(self.interceptors)}
        return {name: value for name, value in found.items() if value}


_PLAIN, _OPEN = Limits(), Conditions()


async def rollout(
    policy: Policy,
    task: Task,
    *,
    trial: int = 0,
    seed: int = 0,
    limits: Limits = _PLAIN,
    conditions: Conditions = _OPEN,
    user: User | None = None,
) -> Trajectory:
    """Let a policy live through a task once; never raises for what the policy or the task does.

    `trial` and `seed` reach the policy alone: the task's worlds have their own seeds. `user` speaks to the policy;
    None plays the task's own words.
    """
    life = _Life(policy, task, trial, seed, limits, user)
    await life.live(policy, conditions)
    return life.trajectory


_Heard = tuple[Said, Said | None]  # the user's answer; where it ends the turn, the words that begin the next


class _Stop(Exception):
    """Ends a life: status, reason, detail."""

    def __init__(self, status: Status, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.detail = status, reason, detail


class _Life:
    """One rollout while it lasts: the episode, what the policy sees, and the record of both."""

    def __init__(self, policy: Policy, task: Task, trial: int, seed: int, limits: Limits, user: User | None) -> None:
        self._begun = perf_counter()
        self._limits, self._meter = limits, Meter(limits)
        self._user = None if isinstance(user, ScriptedUser) else user  # the task's own words need nobody to say them
        self._dialogue: Dialogue | None = None
        self._task = task
        made_by = policy_record(policy)
        self.trajectory = Trajectory(
            id=trajectory_id(task.id, trial, made_by["hash"], seed),
            task=task_record(task),
            policy=made_by,
            seed=seed,
            trial=trial,
            worlds={part.world: part.version for part in task.worlds},
            versions=dict(installed_versions()),
        )
        self._conversation = Conversation(task.id, task.env, trial, seed)
        self._act_times: list[float] = []
        self._env_times: list[float] = []
        self._calls = 0
        self._injected: set[int] = set()

    async def live(self, policy: Policy, conditions: Conditions) -> None:
        trajectory = self.trajectory
        episode: Episode | None = None
        trajectory.conditions = conditions.record()
        try:
            episode = self._open(conditions)
            await self._greet(episode)
            actor = self._begin(policy)
            while not episode.over:
                message, lost = held(await self._ask(actor), self._limits.said)
                calls = self._note(message, lost)
                heard = None if calls or self._dialogue is None else await self._hear(self._dialogue, spoken(message.content), episode.turn)
                self._take(episode, message, calls, heard)
        except _Stop as stop:
            trajectory.status, trajectory.reason, trajectory.detail = stop.status, stop.reason, stop.detail
        except WorldRefusedError:  # a task that the user never allowed ends the run
            raise
        except Exception as error:  # the env's or ours: recorded, and counted as nobody's failure
            trajectory.status, trajectory.reason, trajectory.detail = "error", "env_error", _words(error)
        if episode is not None:
            self._judge(episode)
        trajectory.timings = {"total": round(perf_counter() - self._begun, 6), "act": self._act_times, "env": self._env_times}
        if self._dialogue is not None:
            trajectory.user, trajectory.timings["user"] = self._dialogue.record, self._dialogue.times

    def _judge(self, episode: Episode) -> None:
        try:
            self.trajectory.verdict = plain(episode.verdict().record())
            self.trajectory.fingerprint = episode.worlds.fingerprint()
        except Exception as error:
            self.trajectory.status, self.trajectory.reason, self.trajectory.detail = "error", "env_error", _words(error)

    # -- opening ---------------------------------------------------------------------------------------

    def _open(self, conditions: Conditions) -> Episode:
        watched = [self._watch(intercept) for intercept in conditions.interceptors]
        try:
            episode = Episode(self._task, max_steps=self._limits.steps, hidden=conditions.hidden, interceptors=watched)
        except (WorldError, WorldRefusedError):
            raise  # the world's fault, or the user's choice, and not the task's
        except TurngymError as error:
            raise _Stop("error", "task_error", _words(error)) from error
        self._conversation.tools = episode.schemas()
        return episode

    async def _greet(self, episode: Episode) -> None:
        messages = episode.start()
        if self._user is not None:
            self.trajectory.conditions["user"] = policy_record(self._user)
            about = self._conversation
            try:
                self._dialogue = Dialogue(self._user, self._task, about.trial, about.seed)
                said = await self._dialogue.open(0, self._left())
            except Exception as error:
                raise _users_stop(error) from error
            self._dialogue.keep(said, 0, "opening", 0)
            messages = opening_message(said, messages)
        self._arrive(messages)

    def _watch(self, intercept: Interceptor) -> Interceptor:
        def asked(call: ToolCall, number: int) -> ToolResult | None:
            answer = intercept(call, number)
            if answer is not None:
                self._injected.add(number)
            return answer

        return asked

    def _begin(self, policy: Policy) -> Any:
        start: Callable[[Opening], Any] | None = getattr(policy, "start", None)
        if start is None:
            return policy
        task, about = self._task, self._conversation
        shown = task if getattr(policy, "sees_task", False) else None
        opening = Opening(task.id, task.env, tuple([part.world for part in task.worlds]), about.trial, about.seed, shown)
        try:
            return start(opening)
        except (Exception, SystemExit) as error:
            raise _stop_for(error) from error

    # -- one step --------------------------------------------------------------------------------------

    async def _ask(self, actor: Any) -> AssistantMessage:
        before, left = perf_counter(), self._left()
        try:
            answer = await (actor.act(self._conversation) if left is None else _within(left, actor, self._conversation))
        except _Stop:
            raise
        except asyncio.CancelledError as error:
            if is_stopped():
                raise
            raise _stop_for(error) from error
        except (Exception, SystemExit) as error:  # no policy ends the run of all others
            raise _stop_for(error) from error
        finally:
            self._act_times.append(round(perf_counter() - before, 6))
        return understand(answer)

    def _left(self) -> float | None:
        if self._limits.seconds is None:
            return None
        left = self._limits.seconds - (perf_counter() - self._begun)
        if left <= 0:
            raise _Stop("truncated", "seconds")
        return left

    def _note(self, message: AssistantMessage, lost: list[dict[str, Any]]) -> list[ToolCall]:
        """Put what the policy emitted on record, and what was cut of it; gives its calls with ids."""
        trajectory, conversation = self.trajectory, self._conversation
        calls = number_calls(message.tool_calls, self._calls)
        self._calls += len(calls)
        trajectory.steps.append(step_record(message, len(trajectory.messages)) | ({"cut": lost} if lost else {}))
        trajectory.messages.append(assistant_message(message, calls))
        conversation.messages.append(assistant_message(message, calls))
        conversation.step += 1
        return calls

    async def _hear(self, dialogue: Dialogue, text: str, turn: int) -> _Heard:
        """Ask the user; a message that it failed to hear is marked, since the episode did not live through it."""
        step = self.trajectory.steps[-1]
        step["heard"] = False
        try:
            said, following = await dialogue.answer(text, turn, self._left())
        except Exception as error:
            raise _users_stop(error) from error
        if said.text is not None:
            step["heard"] = True
        else:
            del step["heard"]
        return said, following

    def _talk(self, dialogue: Dialogue, heard: _Heard, turn: int, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages that arrive after the user was asked, in its own words, and their record."""
        (said, following), place = heard, len(self.trajectory.messages)
        dialogue.keep(said, turn, "answer", None if said.text is None else place)
        if following is not None:
            dialogue.keep(following, turn + 1, "opening", place)
        return opening_message(following, messages)

    def _take(self, episode: Episode, message: AssistantMessage, calls: list[ToolCall], heard: _Heard | None) -> None:
        before = perf_counter()
        trajectory, conversation = self.trajectory, self._conversation
        visible, first, turn = episode.visible, episode.calls, episode.turn
        answer = heard[0].text if heard is not None else None
        step = episode.step(message.content, calls) if answer is None else episode.converse(message.content, answer)
        for offset, (call, result) in enumerate(zip(calls, step.results, strict=True), first + 1):
            trajectory.results.append(self._result(call, result, offset))
        if heard is None or self._dialogue is None:
            self._arrive(step.messages)
        else:
            self._arrive(self._talk(self._dialogue, heard, turn, step.messages))
        conversation.turn = episode.turn
        if episode.visible is not visible:
            conversation.tools = episode.schemas()
        self._env_times.append(round(perf_counter() - before, 6))
        if step.truncated:
            raise _Stop("truncated", "steps")
        if not step.terminated:
            reason, detail = self._meter.count(calls, message)
            if reason:
                raise _Stop("truncated", reason, detail)

    def _result(self, call: ToolCall, result: ToolResult, number: int) -> dict[str, Any]:
        record: dict[str, Any] = {"call": call.id, "name": result.name, "error": result.error}
        if result.detail:
            record["detail"] = shorten(result.detail, 1000)
        if number in self._injected:
            record["injected"] = number
        if (kept := self._limits.kept) is not None and cut(result.text, kept) is not result.text:
            record["kept"] = kept
        return record

    def _arrive(self, messages: Sequence[Message]) -> None:
        kept, shown = self._limits.kept, self._limits.shown
        for message in messages:
            content = message["content"]
            if message["role"] == "tool":
                self.trajectory.messages.append({**message, "content": cut(content, kept)})
                self._conversation.messages.append({**message, "content": cut(content, shown)})
            else:
                self.trajectory.messages.append(message)
                self._conversation.messages.append(dict(message))


async def _within(seconds: float, actor: Any, conversation: Conversation) -> Any:
    try:
        async with asyncio.timeout(seconds) as clock:
            return await actor.act(conversation)
    except TimeoutError:
        if clock.expired():
            raise _Stop("truncated", "seconds") from None
        raise


_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT))  # the machine's, whoever meets it


def _stop_for(error: BaseException) -> _Stop:
    if isinstance(error, EndEpisode):
        return _Stop("truncated", error.reason, _words(error))
    if isinstance(error, InfrastructureError) or (isinstance(error, OSError) and error.errno in _EXHAUSTED):
        return _Stop("error", INFRASTRUCTURE, _words(error))
    if isinstance(error, UserError):
        return _Stop("error", "user_error", _words(error))
    if isinstance(error, TaskError):
        return _Stop("error", "task_error", _words(error))
    return _Stop("error", POLICY_ERROR, _words(error))


def _users_stop(error: BaseException) -> _Stop:
    stop = error if isinstance(error, _Stop) else _stop_for(error)
    stop.detail = f"user: {stop.detail}"
    return stop


def _words(error: BaseException) -> str:
    try:
        said = str(error)
    except Exception:  # an exception that cannot even say what it is
        said = ""
    return shorten(f"{type(error).__name__}: {said}", 500)
