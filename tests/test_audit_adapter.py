"""The example of an adapter works as the documents say, and finds what is wrong with a line of a foreign format."""

from __future__ import annotations

import json
from pathlib import Path

from turngym.cli import run

ADAPTER = str(Path(__file__).resolve().parent.parent / "examples" / "audit_adapter.py:case_of")


def test_a_foreign_format_is_audited_through_one_function(tmp_path: Path, capsys):
    look = {"says": "Which services cost something? Show the fee schedule.", "calls": [["fee_schedule", {}]]}
    pay = {"says": "Move 5.00 between my accounts.", "calls": [["transfer", {"source": "AC-00000001", "target": "AC-2", "amount": "5.00"}]]}
    lines = [{"name": "fees-1", "bank": 3, "talk": [look]}, {"name": "pay-1", "bank": 3, "talk": [pay]}]
    file = tmp_path / "their.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(["audit", str(file), "--adapter", ADAPTER, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"tasks", "clean", "findings"}
    found = {(finding["task"], finding["kind"], finding["code"]) for finding in told["findings"]}
    assert ("fees-1", "effects", "idle-passes") in found
    assert any(task == "pay-1" and kind == "replays" for task, kind, _ in found)
