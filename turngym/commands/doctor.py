"""The command `doctor`: does a server do what rollouts need, and what should change if not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..console import answering, bar, plain, styled, table
from ..envs.errors import RunError
from .options import AsJson

if TYPE_CHECKING:
    from ..agents.models.doctor import Finding

_MARKS = {True: ("well", "green"), False: ("fails", "red"), None: ("unclear", "yellow")}

_BAD = "Something that rollouts need does not work."
_GOOD = "Rollouts can run on this server."
_UNSEEN = "The server works, but no call was seen that was asked for: a model that calls no tools passes no task."


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(doctor)


def doctor(
    model: Annotated[str, typer.Option(help="The model's name as the server knows it.")],
    base_url: Annotated[str | None, typer.Option(help="The server; default OPENAI_BASE_URL, then OpenAI's.")] = None,
    tools: Annotated[str, typer.Option(help="native, or text for servers without tool calls.")] = "native",
    timeout: Annotated[float, typer.Option(help="Seconds for one request.")] = 60.0,
    key_env: Annotated[str, typer.Option(help="The environment variable that holds the key.")] = "OPENAI_API_KEY",
    as_json: AsJson = False,
) -> None:
    """Examine a model server; exit 1 if something that rollouts need does not work, 2 if there is no server."""
    import asyncio

    from ..agents.models.chat import ChatPolicy
    from ..agents.models.doctor import diagnose, failed

    try:
        policy = ChatPolicy(model, base_url, "text" if tools == "text" else "native", timeout=timeout, key_env=key_env)
    except ValueError as error:
        raise RunError(str(error)) from None
    if tools not in ("native", "text"):
        raise RunError(f"--tools is native or text, not {tools}")
    with answering(as_json) as answer:
        with bar("asking the server"):
            findings = asyncio.run(diagnose(policy))
        bad = failed(findings)
        answer.data({"url": policy.url, "model": model, "ok": not bad, "findings": [finding._asdict() for finding in findings]})
        shown = table("is", "what", "what was seen", "what to change")
        for finding in findings:
            mark, style = _MARKS[finding.ok]
            shown.add_row(styled(mark, style), plain(finding.name), styled(finding.detail), styled(finding.remedy))
        answer.show(shown, _BAD if bad else _GOOD if _called(findings) else _UNSEEN)
    if bad:
        raise typer.Exit(1)


def _called(findings: Sequence[Finding]) -> bool:
    return any(finding.ok for finding in findings if finding.name in ("tool calls", "named tool_choice"))
