"""The page of an audit: one HTML file that needs nothing else, each finding beside the turn it is about.

Laws: all that comes from tasks, worlds and models is escaped, and nothing is fetched; the page can be read without its script,
which only filters. Large audits: conversations are folded and laid out when they come into sight; beyond `MOST` tasks only the
findings are listed, and beyond `MOST_LISTED` it is said how many there are.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import Any

from .audit import AuditReport
from .audited import Audited
from .finding import KINDS, LEVELS, Finding, Level
from .report import counts, summary, worst_first
from .style import SCRIPT, STYLE

MOST, MOST_LISTED = 1000, 10_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_CLEAN = "No finding: every task replays, is checked by what it does, and asks for nothing that nobody can know."


def page(report: AuditReport, title: str, confidence: Level = "low") -> Iterator[str]:
    """The page, part by part."""
    told = summary(report, confidence)
    yield "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
    yield f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">\n'
    yield f"<meta name=viewport content='width=device-width'>\n<title>Audit of {_safe(title)}</title>\n<style>{STYLE}</style>\n"
    yield f"<header><h1>Audit of {_safe(title)}</h1>{_figures(told)}</header>\n"
    if not told["findings"]:
        yield f"<main><p class=clean>{_CLEAN}</p></main>\n</html>\n"
        return
    yield f"<main>{_table(report, confidence)}\n{_filters(report, confidence)}\n<section id=tasks>\n"
    ranked = worst_first(report, confidence)
    for one, found in ranked[:MOST]:
        yield _card(one, found)
    if len(ranked) > MOST:
        yield _list(ranked[MOST:])
    yield f"</section></main>\n<script>{SCRIPT}</script>\n</html>\n"


def _safe(text: object) -> str:
    """Text that is text alone: escaped, control and direction characters shown as what they are."""
    said = "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in str(text))
    return html.escape(said, quote=True)


def _figures(told: dict[str, Any]) -> str:
    parts = ((told["tasks"], "tasks"), (told["clean"], "clean"), (len(told["findings"]), "findings"))
    return "<p class=figures>" + "".join(f"<span><b>{number:,}</b> {name}</span>" for number, name in parts) + "</p>"


def _table(report: AuditReport, confidence: Level) -> str:
    rows = "".join(
        f"<tr><td><span class='kind {kind}'>{kind}</span><td>{_safe(code)}<td>{tasks:,}" + "".join(f"<td>{by[level]:,}" for level in LEVELS)
        for kind, code, tasks, by in counts(report, confidence)
    )
    return f"<table><thead><tr><th>kind<th>rule<th>tasks{''.join(f'<th>{level}' for level in LEVELS)}<tbody>{rows}</table>"


def _filters(report: AuditReport, confidence: Level) -> str:
    present = {f.kind for one in report.audited for f in one.findings}
    levels = LEVELS[: LEVELS.index(confidence) + 1]
    kinds = "".join(_box("kind", kind) for kind in KINDS if kind in present)
    return (
        f"<form id=filters><fieldset><legend>kind</legend>{kinds}</fieldset><fieldset><legend>confidence</legend>"
        f"{''.join(_box('confidence', level) for level in levels)}</fieldset>"
        "<input type=search placeholder='find in the tasks shown' aria-label='find'><output></output></form>"
    )


def _box(name: str, value: str) -> str:
    return f"<label><input type=checkbox name={name} value={value} checked> {value}</label>"


def _card(one: Audited, found: list[Finding]) -> str:
    badges = "".join(f"<span class='kind {kind}'>{kind}</span>" for kind in dict.fromkeys(f.kind for f in found))
    whole = "".join(_note(f) for f in found if f.turn is None or one.view is None)
    turns = "".join(_turn(number, turn, found) for number, turn in enumerate(one.view or ()))
    opened = " open" if any(f.confidence == "high" for f in found) else ""
    return (
        f"<details class=task{opened}><summary><code>{_safe(one.id)}</code>{badges}<span class=count>{len(found)}</span></summary>"
        f"<div class=whole>{whole}</div>{turns}</details>\n"
    )


def _turn(number: int, turn: dict[str, Any], found: list[Finding]) -> str:
    mine = [f for f in found if f.turn == number]
    released = f"<p class=released>handed over: {_safe(', '.join(turn['released']))}</p>" if turn["released"] else ""
    about = {f.call for f in mine if f.call}
    calls = "".join(_call(call, call["label"] in about) for call in turn["calls"]) or "<p class=nocall>no gold call</p>"
    reply = f"<p class=reply>{_safe(turn['reply'])}</p>" if turn["reply"] else ""
    notes = "".join(_note(f) for f in mine)
    return (
        f"<div class='turn{' marked' if mine else ''}'><div class=said><h3>turn {number}</h3>"
        f"<p class=user>{_safe(turn['user'])}</p>{released}"
        f"<ol start=0>{calls}</ol>{reply}</div><aside>{notes}</aside></div>"
    )


def _call(call: dict[str, Any], marked: bool) -> str:
    classes = " ".join(name for name, there in (("marked", marked), ("failed", call["failed"])) if there)
    sign = "<span class=changed title='it changed the state'>&#9998;</span>" if call["changed"] else ""
    return (
        f"<li class='{classes}'><code><b>{_safe(call['name'])}</b> {_safe(call['arguments'])}</code>{sign}"
        f"<pre>{_safe(call['result'])}</pre></li>"
    )


def _note(finding: Finding) -> str:
    where = f"<span class=where>{_safe(finding.call)}</span>" if finding.call else ""
    return (
        f"<div class='note {finding.severity}' data-kind={finding.kind} data-confidence={finding.confidence}>"
        f"<span class='kind {finding.kind}'>{finding.kind}</span> <b>{_safe(finding.code)}</b> {where}"
        f"<p>{_safe(finding.why)}</p><small>severity {finding.severity}, confidence {finding.confidence}</small></div>"
    )


def _list(ranked: Iterable[tuple[Audited, list[Finding]]]) -> str:
    rows = [(one.id, finding) for one, found in ranked for finding in found]
    lines = "".join(
        f"<li class=note data-kind={f.kind} data-confidence={f.confidence}><code>{_safe(task)}</code> "
        f"<span class='kind {f.kind}'>{f.kind}</span> <b>{_safe(f.code)}</b> {_safe(f.why)}</li>"
        for task, f in rows[:MOST_LISTED]
    )
    more = f"<p>and {len(rows) - MOST_LISTED:,} more, in audit.jsonl</p>" if len(rows) > MOST_LISTED else ""
    return (
        f"<details class=task><summary>{len(rows):,} more findings, without their conversations</summary><ul>{lines}</ul>{more}</details>"
    )
