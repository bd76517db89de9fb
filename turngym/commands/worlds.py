"""Commands that show and examine worlds: `envs`, `graph`, `check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..console import Answer, answering, bar, plain, styled, table
from ..envs.errors import RunError
from ..sources import env_and_worlds, one_world, writable_file, write_whole
from .options import AsJson, EnvArgument

if TYPE_CHECKING:
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
    from ..envs.errors import MissingExtraError
    from ..envs.packed import pack_of
    from ..envs.registry import ENVS, FOREIGN_ENVS
    from ..envs.worldset import tool_table

    with answering(as_json) as answer:
        rows = []
        shown = table("env", "worlds", "tools", "tasks", right="tools,tasks")
        for info in ENVS:
            _, classes = env_and_worlds(info.id)
            rows.append(
                {"id": info.id, "worlds": list(info.worlds), "tools": len(tool_table(classes).tools), "tasks": len(pack_of(info.id))}
            )
            shown.add_row(info.id, ", ".join(info.worlds), str(rows[-1]["tools"]), str(rows[-1]["tasks"]))
        missing = ""
        for info in FOREIGN_ENVS:
            row: dict[str, Any] = {"id": info.id, "worlds": list(info.worlds), "tools": None, "tasks": None}
            try:
                row.update(tools=len(tool_table(env_and_worlds(info.id)[1]).tools), tasks=len(pack_of(info.id)))
            except MissingExtraError as error:
                missing = str(error)
            rows.append(row)
            shown.add_row(info.id, f"{len(info.worlds)} classes of BFCL", str(row["tools"] or "-"), str(row["tasks"] or "-"))
        answer.data(rows)
        answer.show(shown, *([styled(missing, "dim")] if missing else []))
        answer.show("A short name does as well (Banking), and so does a world of your own: module:World, file.py:Class, mcp:server.json.")


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
            writable_file(out)
        info, classes = env_and_worlds(env)
        found = graph_of(classes)
        if out is not None and out.suffix.lower() == ".svg":
            from ..drawing import draw

            write_whole(out, draw(found, info.short, classes))
        elif out is not None and out.suffix.lower() == ".json":
            write_whole(out, found.to_json())
        elif out is not None:
            aside = out.with_name(f".{out.name}.aside")
            found.to_graphml(aside)
            aside.replace(out)
        answer.data({"id": info.id, **found.summary(), **({"out": str(out)} if out else {})})
        answer.show(graph_table([(info.id, found.summary())]), *([styled(f"Written to {out}")] if out else []))


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
    """Hold a world against every law of a world; exit 1 if one is broken."""
    with answering(as_json) as answer:
        cls = one_world(world)
        from ..envs.check import check_world

        with bar(f"checking {cls.__name__}"):
            report = check_world(cls, calls=calls)
        shown = table("", "law", "detail")
        for result in report.checks:
            mark = styled("ok", "green") if result.passed else styled("NO", "bold red")
            shown.add_row(mark, result.name, styled(result.detail, "dim" if result.passed else ""))
        answer.data(report.record())
        broken = len(report.failures)
        verdict = f"[red]{broken} of {len(report.checks)} laws broken[/]" if broken else f"[green]all {len(report.checks)} laws hold[/]"
        answer.show(shown, f"[bold]{plain(report.world)}[/]: {verdict}")
    if not report.passed:
        raise typer.Exit(1)
