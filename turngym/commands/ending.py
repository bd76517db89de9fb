"""How the episodes of a run ended, and what of a file could not be read, in words for people.

Law: whatever is in no figure, or is a failure through an error, is told with its cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..console import plain

_CAUSES = 5  # told of each kind


def ends_of(figures: Mapping[str, Any]) -> list[str]:
    """Lines about the ends of a run's episodes, from its figures (`Setting.run`)."""
    ends = [f"{figures[key]} {key}" for key in ("completed", "truncated", "errors", "excluded") if figures[key]]
    lines = [", ".join(ends)] if ends else []
    for label, kind in (("truncated by", "truncated_reasons"), ("refused calls", "error_kinds")):
        if figures[kind]:
            lines.append(f"{label}: {', '.join(f'{name} {count}' for name, count in figures[kind].items())}")
    if set(figures["trials"]) - {str(figures["trials_wanted"])}:
        counts = [f"{k} for {count} tasks" for k, count in figures["trials"].items()]
        lines.append(f"trials that count, of {figures['trials_wanted']}: {', '.join(counts)}")
    if figures["missing"]:
        lines.append(f"missing: {figures['missing']} of {figures['missing'] + figures['recorded']} episodes")
    return [*lines, *_causes("error", figures["error_causes"]), *_causes("excluded", figures["excluded_causes"])]


def torn_words(report: Mapping[str, Any]) -> str:
    """A tail for the line that counts rows: what was torn, "" where nothing was."""
    return f"; {report['torn']} torn last line passed over" if report.get("torn") else ""


def _causes(label: str, found: Mapping[str, int]) -> Iterator[str]:
    causes = list(found.items())
    for cause, count in causes[:_CAUSES]:
        yield f"{label}, {count} times: {plain(cause, newlines=False)}"
    if len(causes) > _CAUSES:
        yield f"{label}, {sum(count for _, count in causes[_CAUSES:])} times: {len(causes) - _CAUSES} other causes"
