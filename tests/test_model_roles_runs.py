"""Runs whose roles models play: the same data again, every request counted, nothing unproven kept, an honest funnel."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from faulty_server import FaultyServer
from library_model import USAGE, LibraryModel

from turngym.agents import Conversation, InfrastructureError
from turngym.cli import run
from turngym.synthesis import AssemblyOptions, Request, synthesize, verify_directory, verify_row
from turngym.synthesis.speaking import ROLES, ModelCast, Speaker, make_cast
from turngym.synthesis.speaking.speaker import prompt_of

ENV = "mini_world:Library"
MODEL = f"{Path(__file__).parent / 'library_model.py'}:LibraryModel"
ONE_TURN = AssemblyOptions(turns={1: 1.0})


def cast_of(model: Any = None, **options: Any) -> ModelCast:
    model = model or LibraryModel()
    return ModelCast([Speaker(role, model, prompt_of(role)) for role in ROLES], **{"keep_exchanges": True, **options})


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.fixture(scope="module")
def made(tmp_path_factory: Any) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("made") / "run"
    return synthesize(Request((ENV,), 12, seed=3), out, roles=cast_of(prices=dict.fromkeys(ROLES, (1.0, 2.0)))), out


def test_what_models_make_is_proven_like_all_else(made: Any):
    summary, out = made
    assert summary["kept"] == 12
    assert verify_directory(out) == {"rows": 12, "passed": 12, "failed": [], "torn": 0}
    assert {note["noise"][0] for row in rows_of(out / "samples.jsonl") for note in row["notes"]} == {"model"}


def test_the_funnel_of_a_cast_adds_up(made: Any):
    summary, _ = made
    funnel = summary["funnel"]
    assert funnel["candidates"] == funnel["kept"] + sum(funnel["rejected"].values())
    rounds = funnel["rounds"]
    assert rounds["drawn"] == rounds["kept"] + sum(rounds["rejected"].values())


def test_every_request_is_metered_by_role_and_by_kept_sample(made: Any):
    summary, out = made
    said = [row for row in rows_of(out / "exchanges" / "exchanges.jsonl") if row["role"] != "chain"]
    for role in ROLES:
        mine, counts = [row for row in said if row["role"] == role], summary["roles"][role]
        assert counts["requests"] == len(mine) > 0
        assert counts["refused"] == sum(bool(row["refused"]) for row in mine)
        assert (counts["prompt_tokens"], counts["completion_tokens"]) == (50 * len(mine), 5 * len(mine))
        assert counts["cost"] == pytest.approx(len(mine) * (50 * 1.0 + 5 * 2.0) / 1e6)
    shared = summary["per_kept_sample"]
    assert shared["tokens"] == pytest.approx(len(said) * sum(USAGE.values()) / 12, abs=0.1)
    assert shared["cost"] == pytest.approx(len(said) * 60 / 1e6 / 12, abs=1e-6)
    assert sum(row["origin"]["usage"][role]["requests"] for row in rows_of(out / "samples.jsonl") for role in ROLES) == len(said)


def test_every_attempt_is_kept_and_no_guidance_is_stored(made: Any):
    summary, out = made
    chains = [row for row in rows_of(out / "exchanges" / "exchanges.jsonl") if row["role"] == "chain"]
    failed = [attempt for chain in chains for attempt in chain["attempts"] if attempt["why"]]
    assert len(failed) == sum(summary["failed_attempts"].values()) > 0
    assert all({"k", "why", "hint", "calls"} == set(attempt) for attempt in failed)
    stored = json.dumps([row["messages"] for row in rows_of(out / "samples.jsonl")])
    for words in ("Make only the calls", "Mind this", "What this request comes down to", "Gets the reader"):
        assert words not in stored


def test_no_role_is_shown_what_it_must_not_know(made: Any):
    _, out = made
    ids = {word for row in rows_of(out / "samples.jsonl") for m in row["messages"] if m["role"] == "tool" for word in _ids(m["content"])}
    assert ids
    for row in rows_of(out / "exchanges" / "exchanges.jsonl"):
        if row["role"] in ("tooling", "querying"):
            said = json.dumps(row["messages"])
            assert not [value for value in ids if value in said]
            assert row["role"] == "tooling" or "find_book" not in said
        if row["role"] == "reasoning":
            assert "t0c0" not in row["messages"][0]["content"]


def _ids(text: str) -> list[str]:
    return [
        value for row in [json.loads(text)] for part in (row if isinstance(row, list) else [row]) for k, value in part.items() if k == "id"
    ]


def test_how_many_are_under_way_changes_no_byte(made: Any, tmp_path: Path):
    _, out = made
    for ahead in (1, 5):
        synthesize(Request((ENV,), 12, seed=3), tmp_path / f"a{ahead}", roles=cast_of(ahead=ahead))
        for name in ("samples.jsonl", "exchanges/exchanges.jsonl"):
            assert (tmp_path / f"a{ahead}" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize("stop", [1, 7])
def test_a_stopped_run_goes_on_to_the_same_data(made: Any, tmp_path: Path, stop: int):
    whole, out = made
    count = []

    def halt(sample: Any) -> None:
        count.append(sample)
        if len(count) == stop:
            raise KeyboardInterrupt

    prices = dict.fromkeys(ROLES, (1.0, 2.0))
    with pytest.raises(KeyboardInterrupt):
        synthesize(Request((ENV,), 12, seed=3), tmp_path, roles=cast_of(prices=prices), keep=halt)
    again = synthesize(Request((ENV,), 12, seed=3), tmp_path, roles=cast_of(prices=prices))
    apart = ("seconds", "out")
    assert {k: v for k, v in again.items() if k not in apart} == {k: v for k, v in whole.items() if k not in apart}
    for name in ("samples.jsonl", "exchanges/exchanges.jsonl"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_said_without_a_sample_is_made_again_and_set_aside(tmp_path: Path):
    request = Request((ENV,), 3, seed=3)
    synthesize(request, tmp_path, roles=cast_of())
    path, said = tmp_path / "samples.jsonl", tmp_path / "exchanges" / "exchanges.jsonl"
    rows, before = path.read_bytes(), said.read_bytes()
    path.write_bytes(b"".join(rows.splitlines(keepends=True)[:-1]))  # killed between what was said and the sample
    synthesize(request, tmp_path, roles=cast_of())
    assert (path.read_bytes(), said.read_bytes()) == (rows, before)
    assert said.with_name("exchanges.jsonl.redone").exists()


def test_another_model_or_prompt_in_the_same_directory_is_refused(tmp_path: Path):
    synthesize(Request((ENV,), 1, seed=3), tmp_path, roles=cast_of())
    config = json.loads((tmp_path / "run.json").read_text())["config"]["roles"]
    assert config["reasoning"]["prompt"] == "reasoning_v1"
    assert len(config["reasoning"]["prompt_hash"]) == 12
    with pytest.raises(Exception, match="mistakes"):
        synthesize(Request((ENV,), 1, seed=3), tmp_path, roles=cast_of(LibraryModel(mistakes=1)))


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_mistakes_within_k_max_pass_and_beyond_it_keep_nothing():
    for k_max, kept in ((4, 4), (3, 0)):
        options = ONE_TURN._replace(k_max=k_max)
        summary = synthesize(Request((ENV,), 4, seed=3), roles=cast_of(LibraryModel(mistakes=3), candidates=3), options=options)
        assert summary["kept"] == kept
        assert summary["failed_attempts"]["missing_call"] >= 12
        if not kept:
            assert summary["funnel"]["rejected"] == {"no_round": 12}
            assert summary["funnel"]["rounds"]["rejected"]["chain_failed"] > 0
            assert summary["per_kept_sample"] == {}


def test_broken_answers_are_repaired_and_counted():
    summary = synthesize(Request((ENV,), 3, seed=3), roles=cast_of(LibraryModel(broken=True)))
    assert summary["kept"] == 3
    for role in ("tooling", "querying"):
        assert summary["roles"][role]["refused"] == summary["roles"][role]["requests"] // 2 > 0


class Wordy(LibraryModel):
    """Words the user's message otherwise: what is done to it is named by `how`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def _message(self, text: str) -> dict[str, Any]:
        said = super()._message(text)["message"]
        return {"message": {
            "invents": f"{said} I need it by 12:30.",
            "forgets": "Please lend me something.",
            "names": f"{said} Use find_book for it.",
            "numbers": f"{said} My book is BK-1234.",
        }[self.how]}  # fmt: skip


@pytest.mark.parametrize("how", ["invents", "forgets", "names", "numbers"])
def test_a_message_that_adds_leaves_out_or_gives_away_is_refused(how: str):
    cast = cast_of(Wordy(how), candidates=1)
    summary = synthesize(Request((ENV,), 2, seed=3), roles=cast)
    assert summary["kept"] == 0
    rounds = summary["funnel"]["rounds"]["rejected"]
    assert rounds["querying_refused"] > 0
    assert set(rounds) <= {"querying_refused", "call_failed", "low_jump"}
    assert summary["roles"]["querying"]["requests"] == 3 * rounds["querying_refused"]


class Failing(LibraryModel):
    """Its server is gone after so many requests."""

    closed = 0

    async def act(self, conversation: Any) -> Any:
        if self.asked >= 200:
            raise InfrastructureError("the server is gone")
        return await super().act(conversation)

    async def close(self) -> None:
        self.closed += 1


def test_a_server_that_fails_stops_the_run_and_is_no_rejected_candidate(made: Any, tmp_path: Path):
    _, out = made
    model = Failing()
    with pytest.raises(InfrastructureError):
        synthesize(Request((ENV,), 12, seed=3), tmp_path, roles=cast_of(model, ahead=2))
    assert model.closed == 1
    kept = rows_of(tmp_path / "samples.jsonl")
    assert 0 < len(kept) < 12
    assert kept == rows_of(out / "samples.jsonl")[: len(kept)]


class Looking(LibraryModel):
    """Looks everything up twice."""

    def _reason(self, conversation: Any) -> Any:
        content, calls = super()._reason(conversation)
        last = max(place for place, m in enumerate(conversation.messages) if m["role"] == "user")
        names = [m["name"] for m in conversation.messages[last:] if m["role"] == "tool"]
        if not calls and names.count("find_book") == 1:
            call = next(m["tool_calls"][0] for m in reversed(conversation.messages) if "find_book" in json.dumps(m.get("tool_calls")))
            return "", super_call(call)
        return content, calls


def super_call(item: dict[str, Any]) -> Any:
    from turngym.envs.tool import ToolCall

    return (ToolCall(item["function"]["name"], item["function"]["arguments"]),)


def test_further_reads_are_kept_and_proven_in_mode_state_alone():
    kept: list[Any] = []
    request = Request((ENV,), 4, seed=3)
    assert synthesize(request, roles=cast_of(Looking(), candidates=4), options=ONE_TURN)["failed_attempts"]["needless_call"]
    synthesize(request, roles=cast_of(Looking()), options=ONE_TURN._replace(mode="state"), keep=kept.append)
    further = [sample.record() for sample in kept if sample.notes[0]["attempts"][-1].get("extra")]
    assert further
    for row in further:
        assert verify_row(row) == []
        for call in row["task"]["turns"][0]["gold"]:  # gold is never passed off as a further read
            forged = json.loads(json.dumps(row))
            forged["notes"][0]["attempts"][-1]["extra"].append(call["id"])
            assert verify_row(forged)
        del row["notes"][0]["attempts"][-1]["extra"]
        assert "not needed" in verify_row(row)[0]


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_casts_roles_prices_them_and_tells(tmp_path: Path, capsys: Any, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    command = ["synthesize", ENV, "-n", "3", "--seed", "3", "--policy", MODEL, "--role", "reasoning.policy=template", "--price", "1,2"]
    assert run([*command, "--keep-exchanges", "--out", "data", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == 3
    assert set(told["roles"]) == {"tooling", "querying", "critiquing"}
    assert told["per_kept_sample"]["cost"] > 0
    assert (tmp_path / "data" / "exchanges" / "exchanges.jsonl").stat().st_size > 0
    assert run([*command, "--out", "plain"]) == 0
    assert "a kept sample: " in capsys.readouterr().out
    assert not (tmp_path / "plain" / "exchanges").exists()
    assert run(["verify", "data"]) == 0


def served(request: dict[str, Any]) -> dict[str, Any]:
    """What the library model says, as a server would."""
    if not request.get("tools"):
        return {"role": "assistant", "content": "Hello."}
    names = {call["id"]: call["function"]["name"] for m in request["messages"] for call in m.get("tool_calls") or ()}
    messages = [{**m, "name": names[m["tool_call_id"]]} if m["role"] == "tool" else m for m in request["messages"]]
    act = LibraryModel().act(Conversation("", "", messages=messages, tools=request["tools"]))
    with pytest.raises(StopIteration) as done:
        act.send(None)
    message = done.value.value
    calls = [{"id": "c", "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.tool_calls]
    return {"role": "assistant", "content": message.content or None, **({"tool_calls": calls} if calls else {})}


def test_all_four_roles_speak_through_a_server_that_fails_now_and_then(tmp_path: Path, capsys: Any, monkeypatch: Any):
    pytest.importorskip("openai")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with FaultyServer(served, chances={"500": 0.1}, models=("m", "big")) as server:
        command = ["synthesize", ENV, "-n", "4", "--seed", "3", "--model", "m", "--reasoning-model", "big", "--base-url", server.url]
        assert run([*command, "--option", "backoff=0.001", "--out", "data", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        asked = [seen.json for seen in server.completions]
    assert told["kept"] == 4
    assert verify_directory(tmp_path / "data")["passed"] == 4
    for request in asked:
        forms = [t["function"]["name"] for t in request.get("tools", ())]
        if forms:
            assert request["model"] == ("big" if "borrow" in forms else "m")
    assert told["roles"]["reasoning"]["prompt_tokens"] == 10 * told["roles"]["reasoning"]["requests"] > 0


def test_the_command_stops_with_a_line_where_the_server_is_gone(tmp_path: Path, capsys: Any, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    failing = f"{Path(__file__)}:Failing"
    command = ["synthesize", ENV, "-n", "12", "--seed", "3", "--policy", failing, "--concurrency", "2", "--out", "data"]
    assert run(command) == 1
    assert "the server is gone" in capsys.readouterr().err
    kept = len(rows_of(tmp_path / "data" / "samples.jsonl"))
    assert run(command) == 0
    assert kept < len(rows_of(tmp_path / "data" / "samples.jsonl")) == 12


def test_the_command_that_keeps_nothing_says_so_and_fails(tmp_path: Path, capsys: Any, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    assert run(["synthesize", ENV, "-n", "2", "--policy", "null", "--candidates", "2", "--out", "data", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["funnel"]["rejected"] == {"no_round": 4}
    assert "nothing was kept" in told.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--roles", "model"], "--model"),
        (["--roles", "template", "--model", "m"], "--model"),
        (["--keep-exchanges"], "--keep-exchanges"),
        (["--policy", "null", "--role", "thinking.tries=1"], "reasoning"),
        (["--policy", "null", "--role", "reasoning"], "ROLE.NAME"),
        (["--policy", "null", "--price", "cheap"], "price"),
        (["--policy", "null", "--role", "reasoning.prompt=/no/such"], "prompt"),
        (["--policy", "nul"], "null"),
        (["--policy", "null", "--role", "reasoning.tries=0"], "tr"),
    ],
)
def test_a_cast_that_cannot_play_is_one_clear_line(options: list[str], words: str, tmp_path: Path, capsys: Any, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    assert run(["synthesize", "Banking", "-n", "1", "--out", "data", *options]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_roles_share_a_policy_where_they_name_the_same():
    same = {"policy": MODEL, "mistakes": 1}
    cast = make_cast({"tooling": same, "querying": {**same, "tries": 1}, "reasoning": {**same, "mistakes": 2}, "critiquing": {}})
    assert cast.speakers["tooling"].policy is cast.speakers["querying"].policy
    assert cast.speakers["tooling"].policy is not cast.speakers["reasoning"].policy
    assert cast.config["critiquing"] == "template"


# -- a real model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("templates", [(), pytest.param(("tooling", "querying"), marks=pytest.mark.slow)])
def test_a_model_of_random_weights_keeps_nothing_and_the_funnel_says_why(templates: tuple[str, ...], tmp_path: Path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    pytest.importorskip("llguidance")
    import torch
    from tiny_model import tiny_model

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    given = {"policy": "transformers", "model": tiny_model(), "max_tokens": 40, "tries": 2}
    forms = {role: {**given, "structured": "call"} for role in ROLES if role != "reasoning"}
    options = {role: part for role, part in {**forms, "reasoning": given}.items() if role not in templates}
    try:
        cast = make_cast(options, candidates=2, keep_exchanges=True)
        summary = synthesize(Request((ENV,), 2, seed=3), tmp_path / "run", roles=cast, options=ONE_TURN._replace(tries=2))
    finally:
        torch.set_num_threads(threads)
    funnel = summary["funnel"]
    assert funnel["kept"] == 0
    assert funnel["candidates"] == sum(funnel["rejected"].values()) == 4
    rounds = funnel["rounds"]
    assert rounds["drawn"] == sum(rounds["rejected"].values()) == 8
    assert rounds["rejected"]["chain_failed" if templates else "tooling_refused"] > 0
    said = [row for row in rows_of(tmp_path / "run" / "exchanges" / "exchanges.jsonl") if row["role"] != "chain"]
    assert sum(counts["requests"] for counts in summary["roles"].values()) == len(said) > 0
    assert sum(counts["completion_tokens"] for counts in summary["roles"].values()) > 0
    assert all(counts["unmetered"] == 0 for counts in summary["roles"].values())
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["funnel"] == funnel
