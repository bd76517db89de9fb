"""The command `play`: be the agent of an env in a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import Answer, answering, bar, plain, styled, table
from ..conversation import call_text, conversation, verdict_text
from ..envs.errors import RunError
from ..sources import tasks_of
from .options import EnvArgument, Seed, opens_data

if TYPE_CHECKING:
    from ..envs.episode import Episode
    from ..envs.task import Task
    from ..envs.tool import Tool

HELP = (
    "[dim]A line [/]tool {json}[dim] calls a tool; any other line is said to the user and ends the turn. "
    "Also: [/]tools[dim], [/]help TOOL[dim], [/]gold[dim], [/]quit[dim].[/]"
)


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(opens_data(play))


def play(
    env: EnvArgument,
    task: Annotated[str | None, typer.Option(help="The id of a task of the env; default one drawn by the seed.")] = None,
    seed: Seed = 0,
) -> None:
    """Be the agent in a terminal: read the user, call tools, answer."""
    from ..envs.episode import Episode

    with answering() as answer:
        with bar("making a task") as shown:
            tasks = tasks_of(env, None if task else 1, seed, None, shown)
        chosen = next((item for item in tasks if task in (None, item.id)), None)
        if chosen is None:
            raise RunError(f"there is no task {task} in {env}; `turngym play {env}` draws one")
        episode = Episode(chosen)
        answer.show(f"[bold]{plain(chosen.env)}[/]  {plain(chosen.id)}", HELP, "")
        answer.show(conversation(episode.start()))
        while not episode.over:
            try:
                line = answer.ask("> ")
            except EOFError:
                break
            if line in ("quit", "exit"):
                break
            _follow(answer, episode, line)
        _end(answer, episode)


def _follow(answer: Answer, episode: Episode, line: str) -> None:
    from ..envs.tool import ToolCall

    word, _, rest = line.partition(" ")
    rest = rest.strip()
    if not line:
        return
    if line == "tools":
        shown = table("tool", "what it does")
        for name in episode.visible:
            shown.add_row(styled(name, "yellow"), styled(episode.worlds.tools[name].summary))
        answer.show(shown)
    elif word == "help" and rest in episode.visible:
        _explain(answer, episode.worlds.tools[rest])
    elif word == "help":
        answer.show(HELP)
    elif line == "gold":
        _show_gold(answer, episode)
    elif word in episode.visible and (not rest or rest.startswith("{")):
        step = episode.step("", (ToolCall(word, rest or "{}"),))
        result = step.results[0]
        answer.show(styled(_pretty(result.text), "red" if result.error else ""))
    else:
        step = episode.step(line, ())
        if step.judged is not None:
            answer.show(
                styled("that turn passed" if step.judged.passed else "that turn did not pass", "green" if step.judged.passed else "red")
            )
        answer.show(conversation(step.messages))


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except ValueError:
        return text


def _explain(answer: Answer, tool: Tool) -> None:
    answer.show(styled(tool.name, "bold yellow"), styled(tool.description))
    shown = table("argument", "schema", "what it is")
    for name, part in tool.parameter_schema["properties"].items():
        schema = json.dumps({key: value for key, value in part.items() if key != "description"}, ensure_ascii=False)
        need = "" if tool.parameters[name].required else " (optional)"
        shown.add_row(styled(name + need, "bold"), styled(schema, "dim"), styled(part.get("description", "")))
    answer.show(shown)


def _show_gold(answer: Answer, episode: Episode) -> None:
    task: Task = episode.task
    turn = task.turns[episode.turn]
    for call in turn.gold:
        answer.show(call_text(call.name, call.arguments))
    answer.show(styled(turn.reply or "Done.", "dim"))


def _end(answer: Answer, episode: Episode) -> None:
    verdict = episode.verdict()
    answer.show("", verdict_text(verdict.success, verdict.progress))
    shown = table("turn", "state", "outputs", "told", "nothing forbidden", "effects missing or unexpected")
    for number, turn in enumerate(verdict.turns, 1):
        marks = ["yes" if holds else "NO" for holds in (turn.state, turn.outputs, turn.told, turn.forbidden)]
        amiss = "; ".join([*(f"missing {item}" for item in turn.missing), *(f"unexpected {item}" for item in turn.unexpected)])
        shown.add_row(str(number), *marks, styled(amiss, "dim", limit=300))
    answer.show(shown)
