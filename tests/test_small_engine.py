"""Promises of the `transformers` policy: tokens and logprobs exactly as sampled, calls that fit, a batch nobody notices."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

import torch

sys.path.insert(0, str(Path(__file__).parent))
from mini_tasks import some_tasks
from mini_world import Library
from tiny_model import END, MARKUP, TEMPLATE, make_tiny, make_tokenizer, tiny_model

from turngym.agents import InfrastructureError, Limits, make_policy, run_all
from turngym.agents.models import small
from turngym.agents.models.batching import BatchLoop, Request, _allowed
from turngym.agents.models.drawing import draw
from turngym.agents.models.engine import Sampling
from turngym.agents.models.grammar import CallGrammars, call_grammar
from turngym.agents.models.small import TransformersEngine
from turngym.agents.models.textcalls import read_text
from turngym.envs.errors import RunError, ToolError
from turngym.envs.registry import world_class

TOOLS = [tool.schema for tool in Library.tools.values()]
HOT = Sampling(temperature=1.0, max_tokens=60)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # a model this small only waits for a second one
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def engine() -> Iterator[TransformersEngine]:
    made = TransformersEngine(tiny_model(), structured=False, batch=8)
    asyncio.run(made.open())
    yield made
    asyncio.run(made.close())


def prompts(count: int) -> list[list[int]]:
    """Prompts of unequal lengths that begin alike."""
    tokenizer = make_tokenizer()
    talks = [[{"role": "user", "content": "Where is it? " * (1 + 3 * (number % 4)) + str(number)}] for number in range(count)]
    texts = [tokenizer.apply_chat_template(talk, tools=TOOLS, tokenize=False, add_generation_prompt=True) for talk in talks]
    return [tokenizer(text, add_special_tokens=False).input_ids for text in texts]


def together(engine: TransformersEngine, asked: list[list[int]], sampling: Sampling = HOT, first_seed: int = 0) -> list[Any]:
    async def gather() -> list[Any]:
        await engine.open()
        return await asyncio.gather(*[engine.generate(ids, sampling, first_seed + i, []) for i, ids in enumerate(asked)])

    return asyncio.run(gather())


def one_by_one(engine: TransformersEngine, asked: list[list[int]], sampling: Sampling = HOT) -> list[Any]:
    return [together(engine, [ids], sampling, first_seed=i)[0] for i, ids in enumerate(asked)]


# -- tokens and logprobs --------------------------------------------------------------------------------------


def test_a_rollout_records_exactly_what_the_model_saw_and_its_logprobs() -> None:
    policy = make_policy("transformers", model=tiny_model(), temperature=0.8, top_p=0.95, max_tokens=60)
    seen: list[list[int]] = []
    generate = policy.engine.generate

    async def watched(prompt: Any, *rest: Any) -> Any:
        seen.append(list(prompt))
        return await generate(prompt, *rest)

    policy.engine.generate = watched
    report = run_all(policy, some_tasks(3), concurrency=1, limits=Limits(steps=4))
    asyncio.run(policy.close())
    assert len(report.trajectories) == 3
    steps = iter(seen)
    for made in report.trajectories:
        so_far: list[int] = []
        for step in made.steps:
            so_far += step["context_ids"]
            assert next(steps) == so_far
            so_far += step["token_ids"]
        ids, mask = made.tokens()
        assert ids == so_far
        assert sum(mask) == sum([len(step["token_ids"]) for step in made.steps])
        check_logprobs(ids, mask, [one for step in made.steps for one in step["logprobs"]])
    assert any(len(made.steps) > 1 for made in report.trajectories)


def check_logprobs(ids: list[int], mask: list[int], recorded: list[float]) -> None:
    """Against one pass of the model over the whole episode: no cache, no padding, no batch."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model(), dtype=torch.float32)
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    own = [logprobs[index - 1, ids[index]].item() for index in range(len(ids)) if mask[index]]
    assert np.allclose(own, recorded, atol=2e-4)


def test_no_episode_is_a_second_rendering_of_itself() -> None:
    policy = make_policy("transformers", model=tiny_model(), temperature=1.0, max_tokens=100)
    trajectories = run_all(policy, some_tasks(4), limits=Limits(steps=4)).trajectories
    tokenizer = make_tokenizer()
    rendered, tokenised = [], []
    for made in trajectories:
        ids, _ = made.tokens()
        text = tokenizer.decode(ids)
        again = tokenizer.apply_chat_template(made.messages, tools=TOOLS, tokenize=False)
        rendered.append(again.startswith(text))
        tokenised.append(tokenizer(text, add_special_tokens=False).input_ids == ids)
    assert not all(rendered)
    assert not all(tokenised)


# -- the batch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sampling",
    [HOT, pytest.param(Sampling(0.7, 0.9, 20, 40), marks=pytest.mark.slow), Sampling(0.0, max_tokens=30)],
    ids=["hot", "filtered", "greedy"],
)
def test_what_else_is_in_the_batch_changes_nothing(engine: TransformersEngine, sampling: Sampling) -> None:
    asked = prompts(13)
    alone = one_by_one(engine, asked, sampling)
    mixed = together(engine, asked, sampling)
    for one, other in zip(alone, mixed, strict=True):
        assert one.token_ids == other.token_ids
        assert one.finish_reason == other.finish_reason
        assert np.allclose(one.logprobs, other.logprobs, atol=1e-4)
    if sampling is HOT:
        assert {one.finish_reason for one in alone} == {"stop", "length"}
        assert all((one.token_ids[-1] == engine.tokenizer.eos_token_id) == (one.finish_reason == "stop") for one in alone)
        assert all(len(one.token_ids) == 60 for one in alone if one.finish_reason == "length")


def test_equal_seeds_draw_equal_tokens_and_others_draw_others(engine: TransformersEngine) -> None:
    (ids,) = prompts(1)
    again = [together(engine, [ids], HOT, first_seed=seed)[0].token_ids for seed in (5, 5, 6)]
    assert again[0] == again[1] != again[2]


def test_a_cancelled_request_leaves_the_others_as_they_would_have_been(engine: TransformersEngine) -> None:
    asked = prompts(9)
    long = Sampling(temperature=1.0, max_tokens=80)
    alone = one_by_one(engine, asked, long)

    async def some_cancelled() -> list[Any]:
        tasks = [asyncio.ensure_future(engine.generate(ids, long, i, [])) for i, ids in enumerate(asked)]
        for index in (1, 4, 8):
            await asyncio.sleep(0.004)
            tasks[index].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(some_cancelled())
    for index, (one, other) in enumerate(zip(alone, answers, strict=True)):
        if index not in (1, 4, 8):
            assert one.token_ids == other.token_ids
        else:
            assert isinstance(other, asyncio.CancelledError)
    assert [one.token_ids for one in one_by_one(engine, asked[:2], long)] == [one.token_ids for one in alone[:2]]


def test_the_event_loop_lives_while_the_model_works(engine: TransformersEngine) -> None:
    async def ticks() -> int:
        work = asyncio.ensure_future(asyncio.gather(*[engine.generate(ids, HOT, i, []) for i, ids in enumerate(prompts(8))]))
        count = 0
        while not work.done():
            await asyncio.sleep(0.001)
            count += 1
        return count

    assert asyncio.run(ticks()) > 20


def test_long_messages_grow_in_place_and_keep_their_logprobs(engine: TransformersEngine) -> None:
    loop = BatchLoop(engine._loop._model, [], 1000, size=3)

    async def gather() -> list[Any]:
        here = asyncio.get_running_loop()
        asked = [
            Request(ids, Sampling(1.0, max_tokens=300 - 40 * i), i, lambda: None, here, here.create_future())
            for i, ids in enumerate(prompts(4))
        ]
        for request in asked:
            loop.submit(request)
        return [(request.prompt, await request.future) for request in asked]

    for prompt, made in asyncio.run(gather()):
        assert made.finish_reason == "length"
        check_logprobs([*prompt, *made.token_ids], [0] * len(prompt) + [1] * len(made.token_ids), list(made.logprobs))
    loop.close()


def test_rows_that_stand_for_no_token_are_never_drawn(tmp_path: Path) -> None:
    engine = TransformersEngine(make_tiny(tmp_path, padding=3000), structured=False)
    made = together(engine, prompts(4), Sampling(temperature=2.0, max_tokens=60))
    asyncio.run(engine.close())
    assert max(one for answer in made for one in answer.token_ids) < len(engine.tokenizer)


# -- calls that fit -------------------------------------------------------------------------------------------


class Noise:
    """Draws tokens under a grammar, evenly among what is allowed but for ends of strings and messages."""

    def __init__(self, structure: Any = "call") -> None:
        self.tokenizer = make_tokenizer()
        self.grammars = CallGrammars(self.tokenizer, len(self.tokenizer), [self.tokenizer.eos_token_id], structure)
        self.likely = np.ones(len(self.tokenizer))
        for text in (END, '"', '"}', '",', "</think>", "<tool_call>"):
            self.likely[self.tokenizer(text, add_special_tokens=False).input_ids[0]] = 60

    def message(self, tools: list[Any], seed: int, longest: int = 300, thinking: bool = False) -> tuple[str, bool]:
        """A message and whether it came to its end."""
        numbers, matcher, ids = np.random.default_rng(seed), self.grammars.matcher(tools, thinking), []
        while len(ids) < longest:
            weights = self.likely * _allowed(matcher, len(self.tokenizer))
            ids.append(int(numbers.choice(len(weights), p=weights / weights.sum())))
            assert matcher.consume_token(ids[-1])
            if ids[-1] == self.tokenizer.eos_token_id:
                return self.tokenizer.decode(ids[:-1]), True
        return self.tokenizer.decode(ids), False


@pytest.fixture(scope="module")
def noise() -> Noise:
    return Noise()


@pytest.mark.parametrize("world", ["Banking", *(pytest.param(name, marks=pytest.mark.slow) for name in ("FileSystem", "Travel"))])
def test_every_call_that_is_finished_fits_its_tool(noise: Noise, world: str) -> None:
    doors = world_class(world).tools
    called: set[str] = set()
    for name, tool in doors.items():  # each by itself, so that none is left out
        for seed in range(4):
            text, ended = noise.message([tool.schema], seed)
            calls = read_text(text).tool_calls
            for call in calls if ended else calls[:-1]:
                assert call.name == name
                check_door(tool, call.arguments)
                called.add(name)
    assert called == set(doors)
    names = set()
    schemas = [tool.schema for tool in doors.values()]
    for seed in range(30):  # and all together
        text, ended = noise.message(schemas, seed)
        calls = read_text(text).tool_calls
        assert calls
        for call in calls if ended else calls[:-1]:
            check_door(doors[call.name], call.arguments)
            names.add(call.name)
    assert len(names) > 10


def check_door(tool: Any, arguments: str) -> None:
    try:
        tool.validate(arguments)
    except ToolError as error:  # an amount of nothing is a word of the type, which JSON schema cannot say
        if "must be at least 0.01" not in error.message:
            raise


def test_a_message_is_text_without_markup_or_calls_and_reasoning_stays_apart() -> None:
    noise = Noise(True)
    kinds = set()
    for seed in range(120):
        text, ended = noise.message(TOOLS, seed)
        message = read_text(text)
        if not ended:
            continue
        assert "<tool_call>" not in message.content
        assert all(call.name in Library.tools and isinstance(json.loads(call.arguments), dict) for call in message.tool_calls)
        kinds.add((bool(message.content), bool(message.tool_calls), bool(message.reasoning)))
    assert {(True, False, False), (True, True, False)} <= kinds
    assert any(kind[2] for kind in kinds)


def test_a_prompt_that_ends_in_reasoning_is_gone_on_with_as_reasoning() -> None:
    noise = Noise("call")
    for seed in range(10):
        text, ended = noise.message(TOOLS, seed, thinking=True)
        message = read_text(text)
        if "</think>" in text and ended:
            assert message.tool_calls
            assert text.startswith(message.reasoning) or message.reasoning in text.partition("</think>")[0]
            return
    pytest.fail("no message ended")


def test_what_the_grammar_cannot_keep_is_dropped_from_its_copy_alone(noise: Noise) -> None:
    odd = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "pattern": "^(?=x)y\\1$"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/part"}, "uniqueItems": True},
            "on": {"type": "string", "format": "date"},
            "weird": {"type": "string", "format": "no-such-format"},
        },
        "required": ["code", "list", "on", "weird"],
        "additionalProperties": False,
        "$defs": {"part": {"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 3}}, "required": ["n"]}},
    }
    before = json.dumps(odd)
    tool = {"type": "function", "function": {"name": 'say "it" 🐢', "parameters": odd}}
    for seed in range(6):
        text, ended = noise.message([tool], seed, 400)
        if ended:
            for call in read_text(text).tool_calls:
                made = json.loads(call.arguments)
                assert set(made) == {"code", "list", "on", "weird"}
                assert time.strptime(made["on"], "%Y-%m-%d")
    assert json.dumps(odd) == before
    assert "(?=x)" not in call_grammar([tool])


def test_a_set_of_tools_is_compiled_once_and_a_hundred_tools_are_quick(noise: Noise) -> None:
    schemas = [tool.schema for world in ("Banking", "FileSystem", "Travel") for tool in world_class(world).tools.values()]
    begun = time.perf_counter()
    noise.grammars.matcher(schemas)
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    noise.grammars.matcher([*schemas])
    assert time.perf_counter() - begun < max(first, 0.02)
    assert first < 2
    assert noise.grammars.matcher([]) is None


def test_forced_calls_of_the_model_itself_reach_the_tools() -> None:
    policy = make_policy("transformers", model=tiny_model(), temperature=1.0, max_tokens=150, structured="call")
    report = run_all(policy, some_tasks(6), concurrency=6, limits=Limits(steps=3))
    steps = [step for made in report.trajectories for step in made.steps]
    errors = [result["error"] for made in report.trajectories for result in made.results]
    assert len(errors) >= len(steps) == 18
    cut = sum([step["finish_reason"] == "length" for step in steps])
    assert errors.count("unknown_tool") + errors.count("invalid_arguments") <= cut  # only the last call of a cut message
    assert all(made.counts for made in report.trajectories)


def test_the_markup_is_one_token_each_also_under_the_grammar(noise: Noise) -> None:
    allowed = _allowed(noise.grammars.matcher(TOOLS), len(noise.tokenizer))
    opening = {text: bool(allowed[noise.tokenizer.convert_tokens_to_ids(text)]) for text in (*MARKUP, END)}
    assert opening == {text: text in ("<tool_call>", "<think>") for text in (*MARKUP, END)}


# -- what can fail --------------------------------------------------------------------------------------------


def test_a_model_that_computes_no_numbers_is_infrastructure(tmp_path: Path) -> None:
    engine = TransformersEngine(make_tiny(tmp_path), structured=False)
    asyncio.run(engine.open())
    weights = engine._loop._model.lm_head.weight
    saved = weights.detach().clone()
    with torch.no_grad():
        weights[5] = float("nan")
    with pytest.raises(InfrastructureError, match="nan"):
        together(engine, prompts(1))
    with torch.no_grad():
        weights.copy_(saved)
    assert together(engine, prompts(1))[0].token_ids  # what failed ends; what comes after works
    asyncio.run(engine.close())


def test_a_failure_of_the_device_ends_the_requests_it_met_and_none_after(tmp_path: Path) -> None:
    policy = make_policy("transformers", model=tiny_model(), temperature=1.0, max_tokens=30)
    asyncio.run(policy.prepare())
    model, calls = policy.engine._loop._model, []
    forward = model.forward

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 20:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(*args, **kwargs)

    model.forward = failing
    report = run_all(policy, some_tasks(6), concurrency=3, limits=Limits(steps=2), outage=None)
    ends = [(made.status, made.reason) for made in report.trajectories]
    assert 1 <= ends.count(("error", "infrastructure")) <= 3
    assert len(ends) == 6
    assert all("out of memory" in made.detail for made in report.trajectories if made.status == "error")
    assert report.exit_code == 1


def test_too_long_an_episode_is_truncated_by_context(tmp_path: Path) -> None:
    model = make_tiny(tmp_path, context=1500)
    policy = make_policy("transformers", model=model, temperature=1.0, max_tokens=400, structured="call")
    trajectories = run_all(policy, some_tasks(1), limits=Limits(steps=40, repeats=None)).trajectories
    assert ("truncated", "context") in [(made.status, made.reason) for made in trajectories]
    assert all(made.counts and len(made.tokens()[0]) <= 1500 for made in trajectories)


def test_closing_ends_what_waits_and_leaves_no_thread_and_the_engine_opens_again() -> None:
    engine = TransformersEngine(tiny_model(), structured=False, batch=1)

    async def close_early() -> list[Any]:
        await engine.open()
        tasks = [asyncio.ensure_future(engine.generate(ids, Sampling(max_tokens=5000), i, [])) for i, ids in enumerate(prompts(40))]
        await asyncio.sleep(0.01)
        await engine.close()
        await engine.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(close_early())
    assert any(isinstance(answer, InfrastructureError) and "closed" in str(answer) for answer in answers)
    assert all(isinstance(answer, InfrastructureError) or answer.finish_reason for answer in answers)
    with pytest.raises(InfrastructureError, match="not open"):
        asyncio.run(engine.generate([1], HOT, 0, []))
    assert together(engine, prompts(1))[0].token_ids
    asyncio.run(engine.close())
    assert "turngym-model" not in [thread.name for thread in threading.enumerate() if not thread.daemon]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("./no/such/place", "no model directory"),
        ("/no/such/place", "no model directory"),
        ("~/no-such-place-here", "no model directory"),
        ("", "no model directory"),
        ("a/b/c", "no model directory"),
        ("some-org/some-model", "is no directory here.*check the name and the network"),
    ],
)
def test_a_model_that_is_not_there_is_a_line_with_the_remedy_at_once(monkeypatch: Any, model: str, why: str) -> None:
    import huggingface_hub

    def unreachable(*args: Any, **kwargs: Any) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    begun = time.perf_counter()
    with pytest.raises(RunError, match=why) as refused:
        asyncio.run(make_policy("transformers", model=model).prepare())
    assert time.perf_counter() - begun < 5
    assert "\n" not in str(refused.value)


def test_a_directory_that_is_no_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no config\.json"):
        asyncio.run(make_policy("transformers", model=str(tmp_path)).prepare())
    make_tiny(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(RunError, match=r"cannot be loaded on cpu.*give the directory"):
        asyncio.run(make_policy("transformers", model=str(tmp_path)).prepare())


def test_a_model_with_calls_of_another_kind_is_refused_unless_nothing_is_forced_on_it(tmp_path: Path) -> None:
    model = make_tiny(tmp_path, template=TEMPLATE.replace("<tool_call>", "[CALL]"))
    with pytest.raises(RunError, match="vllm policy"):
        asyncio.run(make_policy("transformers", model=model).prepare())
    free = make_policy("transformers", model=model, structured=False)
    asyncio.run(free.prepare())
    asyncio.run(free.close())


def test_options_that_mean_nothing_are_refused_before_anything_is_loaded() -> None:
    for wrong in ({"structured": "maybe"}, {"batch": 0}, {"temperature": -1}):
        with pytest.raises(RunError):
            make_policy("transformers", model="x", **wrong)


def test_the_config_tells_what_decides_the_answers_and_nothing_else() -> None:
    policies = [make_policy("transformers", model="m", batch=batch, device=device) for batch, device in ((1, "cpu"), (8, "auto"))]
    assert policies[0].config == policies[1].config
    assert make_policy("transformers", model="m", structured=False).config != policies[0].config


# -- drawing --------------------------------------------------------------------------------------------------


def test_draws_follow_the_distribution_and_its_filters() -> None:
    logits = np.log(np.array([0.5, 0.25, 0.15, 0.08, 0.02], dtype=np.float32))
    everything = np.ones(5, dtype=bool)

    def shares(sampling: Sampling, allowed: Any = everything) -> Any:
        numbers = np.random.default_rng(0)
        drawn = [draw(logits, sampling, numbers, allowed) for _ in range(4000)]
        assert all(abs(one.logprob - float(logits[one.token])) < 1e-5 for one in drawn)  # the model's own, whatever was filtered
        return np.bincount([one.token for one in drawn], minlength=5) / 4000

    assert np.allclose(shares(Sampling(1.0)), [0.5, 0.25, 0.15, 0.08, 0.02], atol=0.03)
    assert np.allclose(shares(Sampling(1.0, top_k=2)), [2 / 3, 1 / 3, 0, 0, 0], atol=0.03)
    assert np.allclose(shares(Sampling(1.0, top_p=0.76)), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0, 0], atol=0.03)
    assert np.allclose(shares(Sampling(0.5)), np.square([0.5, 0.25, 0.15, 0.08, 0.02]) / 0.3418, atol=0.03)
    assert np.allclose(shares(Sampling(1.0), np.array([False, True, True, False, False])), [0, 0.625, 0.375, 0, 0], atol=0.03)
    assert shares(Sampling(0.0), np.array([False, True, True, True, True]))[1] == 1


def test_a_name_on_the_hub_that_is_in_the_cache_needs_no_network(monkeypatch: Any) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *a, **k: "/cache/config.json")
    assert small._place("some-org/some-model") == ("some-org/some-model", True)
