"""Promises of the engine `vllm` in this process: tokens exactly as they went in and out, calls that fit, faults told apart.

On a tiny random-weight model made on the spot. Run with `pytest -m vllm tests/test_vllm.py`.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
if importlib.util.find_spec("vllm") is None:
    pytest.skip("the extra vllm is not installed", allow_module_level=True)
from tiny_model import tiny_model

from turngym.agents import Conversation, InfrastructureError, Limits, make_policy, rollout, run, run_all
from turngym.agents.models.engine import EnginePolicy, Sampling
from turngym.agents.models.vllm import VLLMEngine
from turngym.agents.models.vllm_parsers import Parsers
from turngym.envs.env import pack_of
from turngym.envs.errors import RunError
from turngym.envs.registry import world_class

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
LIGHT = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "TORCHDYNAMO_DISABLE": "1", "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
EXACT = {"dtype": "float32", "max_model_len": 16_384}
SHORT = Sampling(0.8, max_tokens=120)
STEPS = Limits(steps=4)


@pytest.fixture(scope="module", autouse=True)
def _light():
    patch = pytest.MonkeyPatch()
    for name, value in LIGHT.items():
        patch.setenv(name, value)
    yield
    patch.undo()
    gc.collect()  # here, where warnings of engines that died are ignored


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="module")
def engine(loop, _light):
    made = VLLMEngine(tiny_model(), EXACT)
    loop(made.open())
    yield made
    loop(made.close())


@pytest.fixture(scope="module")
def tasks():
    pack = pack_of("Banking")
    return [pack[index] for index in range(8)]


class Watched:
    """The engine as a policy sees it, with all it was given and gave; the fixture opens and closes it."""

    def __init__(self, engine: VLLMEngine, context: int | None = None) -> None:
        self._engine = engine
        self.tokenizer, self.config, self.context = engine.tokenizer, engine.config, context or engine.context
        self.seen: list[tuple[list[int], Any]] = []

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def generate(self, prompt: Any, sampling: Any, seed: int, tools: Any) -> Any:
        made = await self._engine.generate(prompt, sampling, seed, tools)
        self.seen.append((list(prompt), made))
        return made

    def parse(self, text: str, tools: Any) -> Any:
        return self._engine.parse(text, tools)


async def _rollouts(policy: Any, tasks: Any, **options: Any) -> list[Any]:
    return [made async for made in run(policy, tasks, concurrency=8, limits=STEPS, **options)]


@pytest.fixture(scope="module")
def lived(engine, loop, tasks):
    watched = Watched(engine)
    return watched, loop(_rollouts(EnginePolicy(watched, "vllm", SHORT), tasks))


def _draw(engine: Any, prompt: Any, seed: int = 1, tools: Any = (), **sampling: Any) -> Any:
    return engine.generate(prompt, Sampling(**{"temperature": 1.0, "max_tokens": 40, **sampling}), seed, tools)


# -- tokens -----------------------------------------------------------------------------------------------


def test_every_episode_is_the_concatenation_of_what_the_engine_was_given_and_sampled(lived, tasks):
    watched, episodes = lived
    assert sorted(made.task_id for made in episodes) == sorted(task.id for task in tasks)
    assert {made.status for made in episodes} <= {"completed", "truncated"}
    assert sum(len(made.steps) for made in episodes) == len(watched.seen)
    for made in episodes:
        ids: list[int] = []
        for step in made.steps:
            ids += step["context_ids"]
            (seen,) = [given for prompt, given in watched.seen if prompt == ids and list(given.token_ids) == list(step["token_ids"])][:1]
            assert list(seen.logprobs) == list(step["logprobs"])
            assert len(step["logprobs"]) == len(step["token_ids"])
            assert all(value <= 0 for value in step["logprobs"])
            assert step["usage"] == {"prompt_tokens": len(ids), "completion_tokens": len(step["token_ids"])}
            ids += step["token_ids"]
        own = [token for step in made.steps for token in step["token_ids"]]
        whole, mask = made.tokens()
        assert whole == ids
        assert [token for token, mine in zip(whole, mask, strict=True) if mine] == own


def test_rendering_the_finished_conversation_again_would_drift(lived, engine, tasks):
    _, episodes = lived
    shared = {made.task_id: made for made in episodes}
    drifted = 0
    for task in tasks:
        made = shared[task.id]
        schemas = [tool.schema for tool in world_class("Banking").tools.values()]
        again = engine.tokenizer.apply_chat_template(made.messages, tools=schemas, tokenize=True, return_dict=False)
        drifted += again[: len(made.tokens()[0])] != made.tokens()[0]
    assert drifted > len(tasks) // 2


def test_a_message_that_stops_ends_with_the_end_token(lived, engine):
    watched, _ = lived
    reasons = {given.finish_reason for _, given in watched.seen}
    assert reasons == {"stop", "length"}
    for _, given in watched.seen:
        assert (given.token_ids[-1] == engine.tokenizer.eos_token_id) is (given.finish_reason == "stop")


def test_equal_seeds_give_equal_tokens_alone_and_in_a_crowd(engine, loop):
    prompt = engine.tokenizer("Pay the rent.").input_ids

    async def draws() -> tuple[Any, list[Any]]:
        alone = await _draw(engine, prompt, seed=2**63 - 1)
        crowd = await asyncio.gather(*[_draw(engine, prompt, seed=2**63 - 1 - index % 3) for index in range(24)])
        return alone, crowd

    alone, crowd = loop(draws())
    assert {given.token_ids for given in crowd[::3]} == {alone.token_ids}
    assert len({given.token_ids for given in crowd}) == 3


def test_greedy_tokens_carry_the_logprobs_of_the_model_itself(engine, loop):
    import torch
    from transformers import AutoModelForCausalLM

    prompt = engine.tokenizer("Pay the rent.").input_ids
    given = loop(_draw(engine, prompt, temperature=0.0, max_tokens=12))
    model = AutoModelForCausalLM.from_pretrained(tiny_model(), dtype=torch.float32)
    ids = [*prompt, *given.token_ids]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert logits.argmax(-1).tolist() == list(given.token_ids)
    assert logits.max(-1).values.tolist() == pytest.approx(list(given.logprobs), abs=2e-3)


# -- calls ------------------------------------------------------------------------------------------------


def _forced(engine: VLLMEngine) -> VLLMEngine:
    made = copy.copy(engine)
    made._parsers = Parsers(engine.tokenizer, "qwen3", "hermes", "", "call")
    return made


def _misfits(tool: Any, arguments: str) -> list[str]:
    from jsonschema import Draft202012Validator

    found = Draft202012Validator(tool.schema["function"]["parameters"]).iter_errors(json.loads(arguments))
    lengths = {"minLength", "maxLength"}  # xgrammar knows them not beside a pattern, and no grammar counts thousands
    return [e.message for e in found if not (e.validator in lengths and ("pattern" in e.schema or e.schema["maxLength"] > 128))]


def test_every_finished_call_fits_the_schema_of_its_tool_for_all_tools(engine, loop):
    tools = [tool for world in ("Banking", "FileSystem", "Travel") for tool in world_class(world).tools.values()]
    player = _forced(engine)
    prompt = engine.tokenizer("<|im_start|>assistant\n").input_ids

    async def draw(tool: Any, seed: int) -> Any:
        given = await _draw(player, prompt, seed, [tool.schema], max_tokens=300)
        return tool, given.finish_reason, player.parse(engine.tokenizer.decode(list(given.token_ids[:-1])), [tool.schema])

    async def draws() -> list[Any]:
        return await asyncio.gather(*[draw(tool, seed) for tool in tools for seed in range(2)])

    called = set()
    for tool, reason, message in loop(draws()):
        whole = message.tool_calls if reason == "stop" else message.tool_calls[:-1]
        assert reason == "length" or whole
        for call in whole:
            assert call.name == tool.name
            assert _misfits(tool, call.arguments) == []
            called.add(id(tool))
    assert len(called) > 0.9 * len(tools)


def test_calls_that_the_model_opens_by_itself_fit_as_well(lived, engine):
    _, episodes = lived
    tools = world_class("Banking").tools
    calls = 0
    for made in episodes:
        for step, message in zip(made.steps, made.assistant(), strict=True):
            for call in message.tool_calls[: -1 if step["finish_reason"] == "length" else None]:
                assert _misfits(tools[call.name], call.arguments) == []
                calls += 1
    assert calls > 5


def test_calls_that_were_cut_are_answered_with_an_error_the_model_reads(lived):
    _, episodes = lived
    cut = 0
    for made in episodes:
        kinds = {result["call"]: result["error"] for result in made.results}
        for step, message in zip(made.steps, made.assistant(), strict=True):
            if step["finish_reason"] == "length" and message.tool_calls:
                last = message.tool_calls[-1]
                cut += kinds[last.id] in ("invalid_arguments", "unknown_tool")
    assert cut > 0


# -- limits and faults ------------------------------------------------------------------------------------


def test_an_episode_without_room_is_truncated_by_its_context(engine, loop, tasks):
    room = Watched(engine, context=6_500)
    chatter = EnginePolicy(room, "vllm", Sampling(1.0, max_tokens=400))
    episodes = loop(_rollouts(chatter, tasks[:2], trials=4))
    assert all(len(prompt) + len(given.token_ids) <= 6_500 for prompt, given in room.seen)
    small = loop(rollout(EnginePolicy(Watched(engine, context=100), "vllm", SHORT), tasks[0]))
    assert (small.status, small.reason, small.counts) == ("truncated", "context", True)
    assert {made.reason for made in episodes} <= {"", "steps", "context"}


def test_the_last_token_of_the_context_can_be_sampled(engine, loop):
    given = loop(_draw(engine, [5] * (engine.context - 3), max_tokens=3))
    assert given.finish_reason == "stop" or len(given.token_ids) == 3


def test_a_cancelled_episode_takes_its_request_along(engine, loop):
    live = engine._engine.output_processor

    async def cancel() -> None:
        endless = asyncio.create_task(_draw(engine, [5] * 9, temperature=0.0, max_tokens=16_000))  # greedy, it never ends
        while not live.has_unfinished_requests():
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await endless
        assert not live.has_unfinished_requests()
        assert (await _draw(engine, [5] * 9, max_tokens=3)).token_ids

    loop(cancel())


def test_an_engine_that_dies_is_infrastructure_and_the_same_policy_opens_another(tasks, lived):
    import psutil

    mine = {child.pid for child in psutil.Process().children(recursive=True)}
    policy = make_policy("vllm", model=tiny_model(), temperature=0.8, max_tokens=120, engine=EXACT)

    def strike(_: Any) -> None:
        for child in psutil.Process().children(recursive=True):
            if child.pid not in mine and child.name().startswith("VLLM"):
                child.kill()

    report = run_all(policy, tasks, trials=4, limits=STEPS, concurrency=2, on_trajectory=strike)
    assert report.exit_code == 1
    assert report.summary["excluded_reasons"]["infrastructure"] >= 24
    for made in report.trajectories:
        if made.reason == "infrastructure":
            assert not made.counts
            assert "EngineDeadError" in made.detail

    again = run_all(policy, tasks, limits=STEPS, concurrency=8)
    assert again.exit_code == 0
    assert {made.task_id: made.tokens() for made in again.trajectories} == {made.task_id: made.tokens() for made in lived[1]}
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in mine and child.name().startswith("VLLM")]
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]  # killed, and not yet waited for: it runs no more


def test_an_engine_that_is_not_open_says_so():
    engine = VLLMEngine(tiny_model())
    with pytest.raises(InfrastructureError, match="not open"):
        asyncio.run(_draw(engine, [1]))
    asyncio.run(engine.close())


def _refusal(model: str, **options: Any) -> str:
    with pytest.raises(RunError) as refused:
        asyncio.run(make_policy("vllm", model=model, **options).prepare())
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_cannot_be_loaded_is_refused_with_the_remedy(tmp_path):
    begun = time.perf_counter()
    assert "there is no" in _refusal(str(tmp_path / "absent"))
    assert "holds no config.json" in _refusal(str(tmp_path))
    assert time.perf_counter() - begun < 1
    (tmp_path / "config.json").write_text('{"model_type": "nonsense"}')
    assert "cannot load" in _refusal(str(tmp_path))
    assert "takes no colour" in _refusal(tiny_model(), engine={"colour": 1})
    assert "hermes" in _refusal(tiny_model(), tool_parser="nonsense")
    assert "qwen3" in _refusal(tiny_model(), reasoning_parser="nonsense")
    with pytest.raises(RunError, match="structured"):
        make_policy("vllm", model=tiny_model(), structured="sometimes")


def test_starting_leaves_no_word_home_and_takes_no_whole_machine(engine):
    assert os.environ["VLLM_NO_USAGE_STATS"] == os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "1"  # set by the tests, and left alone


def test_one_message_outside_of_a_rollout(engine, loop):
    tools = [world_class("Banking").tools["sign_in"].schema]
    talk = Conversation("t", "e", messages=[{"role": "user", "content": "Hello."}], tools=tools)
    message = loop(EnginePolicy(Watched(engine), "vllm", SHORT).act(talk))
    assert message.token_ids
    assert message.context_ids
