"""The policy `vllm`: weights that vLLM loads in this process, one asynchronous engine for all episodes.

    make_policy("vllm", model="Qwen/Qwen3-8B", engine={"tensor_parallel_size": 2})

vLLM batches the requests of all episodes as they come and go. Laws: prompts go in as token ids and messages come out as
token ids, with the logprobs that the model gave them (before temperature and before the mask of a grammar); an episode that
is cancelled takes its request along; an engine that died is infrastructure, an engine that never came up refuses the run.
Not here: prompts (`prompting.py`), vLLM's parsers (`vllm_parsers.py`), vLLM as a server (`chat.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import logging
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from ...envs.errors import RunError, shorten
from ...envs.extras import need
from ..policy import AssistantMessage, InfrastructureError
from .engine import EnginePolicy, Generation, Sampling
from .vllm_parsers import Parsers, check_names

Structured = bool | Literal["call"]
_QUIET = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # stdout is for answers
}
_CACHE = "VLLM_CPU_KVCACHE_SPACE"  # GiB; without it vLLM takes most of the machine
_CACHE_GIB = "4"
_MEMORY = ("memory", "kv cache", "max_model_len")


class VLLMPolicy(EnginePolicy):
    """A model that vLLM runs in this process. A script that makes one needs the guard `if __name__ == "__main__":`.

    Args:
        model: a directory, or a name on the hub. temperature, top_p, top_k, max_tokens: as in `Sampling`.
        structured: hold calls to the schemas of their tools; "call" also makes every message one or more calls.
        tool_parser, reasoning_parser: names of vLLM's parsers; `auto` tells them from the chat template.
        engine: more arguments of vLLM's engine (`max_model_len`, `tensor_parallel_size`, `dtype`, ...).
        template: options that the chat template knows (`{"enable_thinking": False}`).
    """

    def __init__(
        self,
        model: str,
        *,
        temperature: float = 0.7,
        top_p: float = 1.0,
        top_k: int = 0,
        max_tokens: int = 1024,
        structured: Structured = True,
        tool_parser: str = "auto",
        reasoning_parser: str = "auto",
        engine: Mapping[str, Any] | None = None,
        template: Mapping[str, Any] | None = None,
    ) -> None:
        made = VLLMEngine(model, engine, structured=structured, tool_parser=tool_parser, reasoning_parser=reasoning_parser)
        super().__init__(made, "vllm", Sampling(temperature, top_p, top_k, max_tokens), template)


class VLLMEngine:
    """An `Engine` on vLLM's `AsyncLLM`; arguments as in `VLLMPolicy`.

    Attributes:
        tokenizer, context, config: as in `Engine`; the first two once it is open.
    """

    def __init__(
        self,
        model: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        structured: Structured = True,
        tool_parser: str = "auto",
        reasoning_parser: str = "auto",
    ) -> None:
        if not isinstance(model, str) or not model:
            raise RunError("vllm needs a model: give a directory or a name on the hub as model")
        if structured not in (True, False, "call"):
            raise RunError(f'structured is True, False or "call", not {shorten(structured)}')
        self._model = model
        self._arguments = dict(arguments or {})
        self._choice = (tool_parser, reasoning_parser, structured)
        self._engine: Any = None
        self._parsers: Parsers | None = None
        self._opening = asyncio.Lock()
        self._numbers = itertools.count()
        self.tokenizer: Any = None
        self.context = 0
        self.config: dict[str, Any] = {"model": model, "structured": structured, "tool_parser": tool_parser}
        self.config |= {"reasoning_parser": reasoning_parser, "engine": self._arguments}

    # -- opening ---------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the engine: seconds for a small model, minutes for a large one; the event loop lives meanwhile."""
        async with self._opening:
            if self._engine is not None:
                return
            _check_place(self._model)
            self._engine = await _in_thread(self._load, _shut)
            logging.getLogger("vllm.v1.engine.async_llm").setLevel(logging.CRITICAL)  # the end of an engine is told by the records
            try:
                tokenizer = self._engine.get_tokenizer()
                self.tokenizer = await tokenizer if inspect.isawaitable(tokenizer) else tokenizer
                config = self._engine.model_config
                self.context = int(config.max_model_len)
                self._parsers = Parsers(self.tokenizer, str(getattr(config.hf_config, "model_type", "")), *self._choice)
            except BaseException:
                await self.close()
                raise

    def _load(self) -> Any:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        vllm = need("vllm")
        known = {field.name for field in fields(vllm.AsyncEngineArgs)}
        if unknown := sorted(set(self._arguments) - known):
            raise RunError(f"vLLM's engine takes no {', '.join(unknown)}; see its AsyncEngineArgs for what it takes")
        check_names(*self._choice[:2])
        wanted = {"disable_log_stats": True, "use_tqdm_on_load": False}
        if need("vllm.platforms").current_platform.is_cpu():
            wanted["enforce_eager"] = True  # compiling takes longer than a CPU gains by it
            wanted["enable_chunked_prefill"] = False  # a seeded request whose prompt goes in pieces ends the engine on a CPU
            if not {"kv_cache_memory_bytes", "gpu_memory_utilization"} & set(self._arguments):
                os.environ.setdefault(_CACHE, _CACHE_GIB)
        defaults = {name: value for name, value in wanted.items() if name in known}
        try:
            chosen = vllm.AsyncEngineArgs(**{"model": self._model, **defaults, **self._arguments})
            return need("vllm.v1.engine.async_llm").AsyncLLM.from_engine_args(chosen)
        except Exception as error:  # a bad model, too little memory, a device that is not there
            raise RunError(f"vLLM cannot load {shorten(self._model, 160)} ({_words(error)}); {_remedy(error)}") from error

    async def close(self) -> None:
        """Stop the engine and free what it took; safe to call twice."""
        engine, self._engine, self._parsers = self._engine, None, None
        self._opening = asyncio.Lock()
        if engine is not None:
            await _in_thread(lambda: _shut(engine))

    # -- sampling --------------------------------------------------------------------------------------

    async def generate(self, prompt: Sequence[int], sampling: Sampling, seed: int, tools: Sequence[dict[str, Any]]) -> Generation:
        """Continue `prompt`; cancelled, it aborts the request. Raises `InfrastructureError` if the engine fails."""
        engine, parsers = self._engine, self._parsers
        if engine is None or parsers is None:
            raise InfrastructureError("the engine of vLLM is not open; prepare() opens it")
        try:
            params = self._params(sampling, seed, parsers.tag(tools) if self._choice[2] and tools else "")
            given = need("vllm").TokensPrompt(prompt_token_ids=list(prompt))
            last: Any = None
            async with contextlib.aclosing(engine.generate(given, params, f"turngym-{next(self._numbers)}")) as outputs:
                async for output in outputs:
                    last = output
        except Exception as error:
            raise InfrastructureError(f"vLLM failed: {_words(error)}") from error
        if last is None:
            raise InfrastructureError("vLLM ended a request without an answer")
        return _read(last.outputs[0])

    def _params(self, sampling: Sampling, seed: int, tag: str) -> Any:
        sampled = need("vllm.sampling_params")
        return sampled.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            max_tokens=sampling.max_tokens,
            seed=seed,
            logprobs=0,  # of the sampled token alone
            detokenize=False,
            output_kind=sampled.RequestOutputKind.FINAL_ONLY,
            structured_outputs=sampled.StructuredOutputsParams(structural_tag=tag) if tag else None,
        )

    def parse(self, text: str, tools: Sequence[dict[str, Any]]) -> AssistantMessage:
        """What vLLM's parsers make of a sampled text; never raises."""
        return AssistantMessage(text) if self._parsers is None else self._parsers.parse(text, tools)


def _read(output: Any) -> Generation:
    reason = str(output.finish_reason)
    if reason not in ("stop", "length"):
        raise InfrastructureError(f"vLLM ended a request by {shorten(reason)}; if a grammar did not compile, structured=False goes without")
    ids = tuple([int(token) for token in output.token_ids])
    logprobs = tuple([float(found[token].logprob) for token, found in zip(ids, output.logprobs or (), strict=True)])
    if not all(map(math.isfinite, logprobs)):
        raise InfrastructureError("vLLM gave logprobs that are no numbers; the weights or the dtype do not hold")
    return Generation(ids, logprobs, reason)


# -- starting and stopping --------------------------------------------------------------------------------


def _check_place(model: str) -> None:
    """Refuse at once what is plainly a path and holds no model; names are left to the hub."""
    place = Path(model).expanduser()
    if place.is_dir():
        if not (place / "config.json").exists() and not (place / "params.json").exists():
            raise RunError(f"{shorten(model, 160)} holds no config.json; name a directory with a model")
    elif (model.startswith((".", "~", os.sep)) or model.count("/") > 1) and not place.exists():
        raise RunError(f"there is no {shorten(model, 160)}; name a directory with a model, or a model on the hub")


def _shut(engine: Any) -> None:
    with contextlib.suppress(Exception):  # an engine that died has nothing left to stop
        engine.shutdown()


async def _in_thread(work: Callable[[], Any], undo: Callable[[Any], None] | None = None) -> Any:
    """Run `work` in a thread that does not hold up the end of the process; `undo` what it made if nobody waits any more."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()
    made: list[Any] = []  # emptied when it is handed over: vLLM keeps frames of its start alive, and with them this one

    def forget() -> None:
        if undo is not None and made:
            undo(made.pop())

    def deliver(error: BaseException | None) -> None:
        if waiting.done():
            threading.Thread(target=forget, daemon=True).start()
        elif error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(None)

    def run() -> None:
        fault: BaseException | None = None
        try:
            made.append(work())
        except BaseException as error:  # told where it is awaited
            fault = error
        try:
            loop.call_soon_threadsafe(deliver, fault)
        except RuntimeError:  # the loop is gone
            forget()

    threading.Thread(target=run, name="turngym-vllm", daemon=True).start()
    await waiting
    return made.pop()


def _words(error: BaseException) -> str:
    return shorten(f"{type(error).__name__}: {error}".replace("\n", " "), 300)


def _remedy(error: BaseException) -> str:
    if any(word in str(error).lower() for word in _MEMORY):
        return "make room: a smaller max_model_len or gpu_memory_utilization, or a quantized model, in engine"
    return "name a directory or hub model that vLLM supports; what its processes wrote above tells more"
