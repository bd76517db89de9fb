"""The `transformers` policy: a model of torch in this process, the lightest real one, with the whole record of tokens.

    make_policy("transformers", model="path/or/hub-name")

Made for small models, tests and policies under training; `vllm` serves large ones faster and writes the same record. Calls
are in the Hermes convention (`textcalls.py`) and, unless `structured` is off, sampled under a grammar in which each fits its
tool's schema (`grammar.py`). Laws: logprobs are those of the model itself, before temperature, filters and grammar, as vLLM
gives them by default; equal seeds on equal prompts draw equal tokens, whatever else is in the batch (up to the rounding of
floats); a model that cannot be loaded is a line with the remedy, before the first task.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...envs.errors import RunError, shorten
from ...envs.extras import need
from ..policy import AssistantMessage, InfrastructureError
from .batching import BatchLoop, Request
from .engine import EnginePolicy, Generation, Sampling
from .grammar import CallGrammars, Structure
from .textcalls import read_text

_HUB_SECONDS = 3.0
_PROBE: dict[str, Any] = {"type": "function", "function": {"name": "probe", "description": "A tool.", "parameters": {"type": "object"}}}


class TransformersPolicy(EnginePolicy):
    """A local model as a policy.

    Args:
        model: a directory, or a name on the model hub. temperature, top_p, top_k, max_tokens: as in `Sampling`.
        structured: whether calls have to fit their schemas; `"call"` also forces one into every message.
        device: `auto` (CUDA where there is any), `cpu`, `cuda:1`, ... dtype: `auto` (float32 on a CPU, else the
            model's own), `float32`, `bfloat16`, ... batch: most episodes decoded together.
        template: options of the model's chat template (`{"enable_thinking": False}`).
    """

    def __init__(
        self,
        model: str,
        *,
        temperature: float = 0.7,
        top_p: float = 1.0,
        top_k: int = 0,
        max_tokens: int = 1024,
        structured: Structure = True,
        device: str = "auto",
        dtype: str = "auto",
        batch: int = 8,
        template: Mapping[str, Any] | None = None,
    ) -> None:
        engine = TransformersEngine(model, structured, device, dtype, batch)
        super().__init__(engine, "transformers", Sampling(temperature, top_p, top_k, max_tokens), template)


class TransformersEngine:
    """The engine beneath `TransformersPolicy`; `open` takes seconds and runs beside the event loop."""

    def __init__(self, model: str, structured: Structure = True, device: str = "auto", dtype: str = "auto", batch: int = 8) -> None:
        if structured not in (True, False, "call") or batch < 1:
            raise RunError(f"structured is true, false or call, and batch above zero; got {shorten(str(structured))} and {batch}")
        self.config: dict[str, Any] = {"model": str(model), "structured": structured, "dtype": dtype}
        self.tokenizer: Any = None
        self.context = 0
        self._device, self._batch = device, batch
        self._loop: BatchLoop | None = None
        self._grammars: CallGrammars | None = None
        self._opening: asyncio.Lock | None = None

    async def open(self) -> None:
        """Load model and tokenizer. Raises `RunError` with the remedy."""
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._loop is not None:
                return
            loaded = await asyncio.to_thread(_load, self.config["model"], self._device, self.config["dtype"])
            self.tokenizer, self.context = loaded.tokenizer, loaded.context
            width = loaded.model.get_input_embeddings().weight.shape[0]
            if self.config["structured"]:
                _require_calls(loaded.tokenizer, self.config["model"])
                self._grammars = CallGrammars(loaded.tokenizer, width, loaded.ends, self.config["structured"])
            self._loop = BatchLoop(loaded.model, loaded.ends, min(len(loaded.tokenizer), width), self._batch)

    async def close(self) -> None:
        """Stop the model's thread and let go of the model."""
        loop, self._loop, self._grammars, self._opening = self._loop, None, None, None
        if loop is not None:
            await asyncio.to_thread(loop.close)
            torch = need("torch")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    async def generate(self, prompt: Sequence[int], sampling: Sampling, seed: int, tools: Sequence[dict[str, Any]]) -> Generation:
        """Continue a prompt; see `Engine`."""
        if self._loop is None:
            raise InfrastructureError("the engine is not open")
        grammars = self._grammars
        thinking = grammars is not None and self.tokenizer.decode(list(prompt[-8:])).rstrip().endswith("<think>")
        here = asyncio.get_running_loop()
        request = Request(
            prompt, sampling, seed, lambda: grammars.matcher(tools, thinking) if grammars else None, here, here.create_future()
        )
        self._loop.submit(request)
        try:
            return await request.future
        finally:
            request.cancelled = True

    def parse(self, text: str, tools: Sequence[dict[str, Any]]) -> AssistantMessage:
        """Calls in the Hermes convention."""
        return read_text(text)


# -- loading ----------------------------------------------------------------------------------------------


class _Loaded(NamedTuple):
    """A model ready to be asked: `ends` are its end tokens, `context` its most positions."""

    model: Any
    tokenizer: Any
    ends: tuple[int, ...]
    context: int


def _load(model: str, device: str, dtype: str) -> _Loaded:
    torch, transformers = need("torch"), need("transformers")
    place, local = _place(model)
    where = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    kind = dtype if dtype != "auto" else "float32" if where == "cpu" else "auto"
    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, **options)
            found = transformers.AutoModelForCausalLM.from_pretrained(place, dtype=kind, **options).to(where).eval()
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunError(f"the model {shorten(model, 120)} cannot be loaded on {where} ({shorten(why, 240)}); {_remedy(error)}") from error
    _require_plain_attention(transformers, found, model)
    own = getattr(found.generation_config, "eos_token_id", None)
    ends = {*(own if isinstance(own, (list, tuple)) else [own]), tokenizer.eos_token_id} - {None}
    if not ends:
        raise RunError(f"{shorten(model, 120)} names no end token; set eos_token in its tokenizer_config.json")
    positions = getattr(found.config.get_text_config(), "max_position_embeddings", None) or 32_768
    return _Loaded(found, tokenizer, tuple(sorted(ends)), int(min(positions, tokenizer.model_max_length or positions)))


def _remedy(error: Exception) -> str:
    if "out of memory" in str(error).lower():
        return "take a smaller model, dtype=bfloat16, or device=cpu"
    return "give the directory of a causal language model with its tokenizer"


def _place(model: str) -> tuple[str, bool]:
    """Where a model is read from, and whether only files of this machine are asked. Never waits long."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise RunError(f"{shorten(model, 160)} is no model directory: it has no config.json")
        return str(path), True
    if model.startswith((".", "~", os.sep)) or model.count("/") > 1 or "\\" in model or path.exists() or not model.strip():
        raise RunError(f"there is no model directory {shorten(model, 160)}; give one that exists, or a name on the model hub")
    hub = need("huggingface_hub")
    if isinstance(hub.try_to_load_from_cache(model, "config.json"), str):
        return model, True
    try:
        hub.HfApi().model_info(model, timeout=_HUB_SECONDS)
    except Exception as error:
        why = shorten(" ".join(f"{type(error).__name__}: {error}".split()), 160)
        raise RunError(
            f"{shorten(model, 120)} is no directory here, is not in the hub's cache, and the hub did not give it ({why});"
            " check the name and the network, or give a directory"
        ) from error
    return model, False


def _require_plain_attention(transformers: Any, model: Any, name: str) -> None:
    kinds = {type(layer).__name__ for layer in transformers.DynamicCache(config=model.config).layers}
    if kinds - {"DynamicLayer", "DynamicSlidingWindowLayer"}:
        raise RunError(f"{shorten(name, 120)} keeps state other than keys and values ({', '.join(sorted(kinds))}); use the vllm policy")


def _require_calls(tokenizer: Any, model: str) -> None:
    """Refuse a model whose own calls look unlike those that the grammar would force on it."""
    call = {"id": "call_0", "type": "function", "function": {"name": "probe", "arguments": {"x": "1"}}}
    talk = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    text = ""
    if tokenizer.chat_template:
        with contextlib.suppress(Exception):  # ChatTemplate says what is wrong with a template
            text = tokenizer.apply_chat_template(talk, tools=[_PROBE], tokenize=False)
    if text and "<tool_call>" not in text:
        raise RunError(
            f"the chat template of {shorten(model, 120)} writes calls in a way of its own, and this engine knows <tool_call> alone;"
            " use the vllm policy with the model's tool parser, or structured=False to see what it says"
        )


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without progress bars on the terminal of whoever runs us."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
