"""Commands that show and examine worlds: `envs`, `graph`, `check`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import Answer, answering, bar, plain, styled, table, tell
from ..envs.errors import RunError
from ..sources import env_and_worlds, one_world, writable_file, write_whole
from ..stopping import Stopped
from .options import AsJson, EnvArgument

if TYPE_CHECKING:
    from ..envs.check import CheckReport
    from ..envs.graph import ToolGraph
    from ..envs.registry import EnvInfo
    from ..envs.world import World

envs = typer.Typer(help="List the envs; `envs show ENV` tells about one.", invoke_without_command=True)
PICTURES = (".svg", ".json", ".graphml")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.add_typer(envs, name="envs")
    app.command()(graph)
    app.command()(check)


# -- envs -------------------------------------------------------------------------------------------------


@envs.callback()
def list_envs(context: typer.Context, as_json: AsJson = False) -> None:
    """List the envs; `envs show ENV` tells about one."""
    if context.invoked_subcommand is not None:
        return
    from ..envs.registry import ENVS, FOREIGN_ENVS

    with answering(as_json) as answer:
        rows = [_row(info) for info in (*ENVS, *FOREIGN_ENVS)]
        shown = table("env", "worlds", "tools", "tasks", "available", right="tools,tasks")
        for row in rows:
            names = row["worlds"]
            worlds = f"{len(names)} classes of {names[0].partition(':')[0].upper()}" if ":" in names[0] else ", ".join(names)
            here = styled("yes", "green") if row["available"] else styled("no", "yellow")
            shown.add_row(row["id"], worlds, str(row["tools"] or "-"), str(row["tasks"] or "-"), here)
        answer.data(rows)
        lacking = sorted({row["needs"] for row in rows if not row["available"]})
        answer.show(shown, *[styled(f"What is not available here comes with: {needs}", "dim") for needs in lacking])
        answer.show("A short name does as well (Banking), and so does a world of your own: module:World, file.py:Class, mcp:server.json.")


def _row(info: EnvInfo) -> dict[str, Any]:
    """An env as the list tells it; one that cannot be made here has no counts, and says what to install."""
    from ..envs.errors import MissingExtraError
    from ..envs.extras import lacking
    from ..envs.packed import pack_of
    from ..envs.worldset import tool_table

    row: dict[str, Any] = {"id": info.id, "worlds": list(info.worlds), "tools": None, "tasks": None, "available": True}
    needs = lacking(info.worlds)
    if not needs:
        try:
            return row | {"tools": len(tool_table(env_and_worlds(info.id)[1]).tools), "tasks": len(pack_of(info.id))}
        except MissingExtraError as error:  # something deeper inside
            needs = error.remedy
    return row | {"available": False, "needs": needs}


@envs.command("show")
def show_env(env: EnvArgument, as_json: AsJson = False) -> None:
    """An env's page, tools, state and tasks."""
    with answering(as_json) as answer:
        info, classes = env_and_worlds(env)
        about = _about(info, classes)
        answer.data(about)
        if not as_json:
            _show(answer, about)


def _about(info: EnvInfo, classes: tuple[type[World], ...]) -> dict[str, Any]:
    from ..envs.packed import pack_of
    from ..envs.tool import predicate_name
    from ..envs.world import SIZES
    from ..envs.worldset import tool_table

    tools = [
        {
            "name": name,
            "world": tool.owner,
            "summary": tool.summary,
            "parameters": [p.name if p.required else f"{p.name}?" for p in tool.parameters.values()],
            "writes": sorted(tool.writes),
            "requires": [predicate_name(tool, predicate) for predicate in tool.requires],
        }
        for name, tool in tool_table(classes).tools.items()
    ]
    state = {
        f"{cls.__name__}.{name}": {
            "record": spec.record.__name__,
            "fields": list(spec.fields),
            **{size: len(cls.create(0, size).tables()[name]) for size in SIZES},
        }
        for cls in classes
        for name, spec in cls.table_specs.items()
    }
    pack = pack_of(info.id) if info.pack else ()
    counts = {split: len(pack.indices(split)) for split in ("train", "test")} if pack else {"train": 0, "test": 0}
    return {
        "id": info.id,
        "worlds": [{"name": cls.__name__, "version": cls.version, "page": cls.page(), **_foreign(cls)} for cls in classes],
        "tools": tools,
        "state": state,
        "tasks": counts,
    }


def _foreign(cls: type[World]) -> dict[str, Any]:
    """What there is to tell of a world that was not written as one: what its definition leaves open, and what a fork costs."""
    from ..envs.bridges.foreign import ForeignWorld
    from ..envs.bridges.objects import ObjectWorld, fork_cost

    if not issubclass(cls, ForeignWorld):
        return {}
    cost = fork_cost(cls) if issubclass(cls, ObjectWorld) else {}
    return {"gaps": list(cls.gaps), "forking": cls.forking(), **({"fork_cost": cost} if cost else {})}


def _show(answer: Answer, about: dict[str, Any]) -> None:
    answer.show(styled(about["id"], "bold cyan"))
    for world in about["worlds"]:
        answer.show(styled(f"\n{world['name']} (version {world['version']})", "bold"), styled(world["page"]))
        if world.get("forking"):
            cost = world.get("fork_cost")
            times = f"; {cost['keep_us']:,.0f} us to keep one, {cost['make_us']:,.0f} us to make one of it" if cost else ""
            answer.show(styled(f"A foreign world: {world['forking']}{times}.", "dim"))
        answer.show(*[styled(f"Left open: {gap}", "yellow") for gap in world.get("gaps", ())])
    tools = table("tool", "arguments (? optional)", "what it does", title="\nTools: w writes, r reads")
    for item in about["tools"]:
        name = styled(f"{'w' if item['writes'] else 'r'} {item['name']}", "yellow" if item["writes"] else "green")
        tools.add_row(name, styled(", ".join(item["parameters"]), "dim"), styled(item["summary"]))
    sizes = ("small", "medium", "large")
    state = table("table", "record", *sizes, "fields", title="\nState: records at the start, by size of the world", right=",".join(sizes))
    for name, part in about["state"].items():
        state.add_row(plain(name), plain(part["record"]), *[str(part[size]) for size in sizes], styled(", ".join(part["fields"]), "dim"))
    counts = about["tasks"]
    answer.show(tools, state)
    if any(counts.values()):
        answer.show(f"Tasks that ship with it: {counts['train']} train, {counts['test']} test.")
    else:
        answer.show("No tasks ship with it; `turngym rollout` makes some on the spot.")


# -- graph ------------------------------------------------------------------------------------------------


def graph(
    env: EnvArgument,
    out: Annotated[Path | None, typer.Option(help="Where to: a .svg (picture), .json or .graphml file.")] = None,
    as_json: AsJson = False,
) -> None:
    """The tool graph of an env: which tool prepares which, found from types and by execution."""
    from ..envs.graph import graph_of

    with answering(as_json) as answer:
        if out is not None and out.suffix.lower() not in PICTURES:
            raise RunError(f"{out} is no {', '.join(PICTURES)} file; the ending says what is drawn")
        if out is not None:
            writable_file(out, is_graph)
        info, classes = env_and_worlds(env)
        found = graph_of(classes)
        if out is not None:
            write_whole(out, _drawn(found, out.suffix.lower(), info.short, classes), is_graph)
        answer.data({"id": info.id, **found.summary(), **({"out": str(out)} if out else {})})
        answer.show(graph_table([(info.id, found.summary())]), *([styled(f"Written to {out}")] if out else []))


def _drawn(found: ToolGraph, ending: str, title: str, classes: tuple[type[World], ...]) -> str | bytes:
    if ending == ".svg":
        from ..drawing import draw

        return draw(found, title, classes)
    if ending == ".json":
        return found.to_json()
    written = io.BytesIO()
    found.to_graphml(written)
    return written.getvalue()


def is_graph(head: bytes) -> bool:
    """Whether a file begins as a picture or a text of a tool graph of ours, which may be replaced."""
    from html import escape

    from ..svg import FONT

    picture = head.startswith(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ') and escape(FONT).encode() in head[:400]
    text = head.startswith(b'{\n "nodes": [') and b'"given": [' in head
    return picture or text or (b"<graphml " in head[:400] and b'attr.name="given"' in head)


def graph_table(rows: list[tuple[str, dict[str, Any]]]) -> Any:
    """Summaries of graphs side by side."""
    shown = table("graph", *[name for name, _ in rows], right=",".join(name for name, _ in rows))
    for key in rows[0][1]:
        shown.add_row(key.replace("_", " "), *[str(summary[key]) for _, summary in rows])
    return shown


# -- check ------------------------------------------------------------------------------------------------


def check(
    world: Annotated[str, typer.Argument(help="A world: short name, id, module:World or file.py:World.")],
    calls: Annotated[int, typer.Option(min=1, help="Random calls to make in all.")] = 3000,
    as_json: AsJson = False,
) -> None:
    """Hold a world against every law of a world; exit 1 if one is broken. Stopped, it tells the laws it has looked at."""
    from ..envs.check import CheckReport as Report
    from ..envs.check import CheckResult, check_world

    done: list[CheckResult] = []
    stopped: Stopped | None = None
    with answering(as_json) as answer:
        cls = one_world(world)
        with bar(f"checking {cls.__name__}") as shown:

            def take(result: CheckResult, laws: int) -> None:
                done.append(result)
                shown(len(done), laws)

            try:
                check_world(cls, calls=calls, told=take)
            except Stopped as stop:
                stopped = stop
        report = Report(cls.__name__, tuple(done))
        answer.data({**report.record(), **({"stopped": str(stopped)} if stopped else {})})
        answer.show(*_laws(report, stopped))
    if stopped is not None:
        tell(f"turngym: stopped by {stopped}; {len(done)} laws were looked at, and nothing of it is kept")
        raise typer.Exit(stopped.exit_code)
    if not report.passed:
        raise typer.Exit(1)


def _laws(report: CheckReport, stopped: Stopped | None) -> Iterator[Any]:
    shown = table("", "law", "detail")
    for result in report.checks:
        mark = styled("ok", "green") if result.passed else styled("NO", "bold red")
        shown.add_row(mark, result.name, styled(result.detail, "dim" if result.passed else ""))
    yield shown
    broken, laws = len(report.failures), f"{len(report.checks)} laws" + (" that were looked at" if stopped else "")
    verdict = f"[red]{broken} of {laws} broken[/]" if broken else f"[green]all {laws} hold[/]"
    yield f"[bold]{plain(report.world)}[/]: {verdict}"
