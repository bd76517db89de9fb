"""Many requests through one torch model: one thread, one batch that requests join and leave while it runs.

Each request is prefilled by itself, from the longest beginning that an earlier one left behind, and then decoded together
with all others: rows of keys and values, padded on the left, which grow in place and are laid out anew when a row joins or
leaves. Laws: the event loop never waits for the model; a request that is cancelled leaves at the next token and no other
notices; a failure ends the requests it met and none that come after. Not here: how tokens are drawn (`drawing.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.errors import shorten
from ...envs.extras import need
from ..policy import InfrastructureError
from .drawing import Drawn, draw
from .engine import Generation, Sampling

Layers = list[tuple[Any, Any]]  # keys and values of a layer: tensors of (heads, tokens, size of a head)
_GROWTH = 128  # tokens


@dataclass(slots=True, eq=False)
class Request:
    """A prompt to continue.

    Attributes:
        prompt: token ids. sampling, seed: of its draws. matcher: makes its grammar, in the model's thread. future: of
            `loop`, where the `Generation` arrives. cancelled: set from outside.
    """

    prompt: Sequence[int]
    sampling: Sampling
    seed: int
    matcher: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Generation]
    cancelled: bool = False


@dataclass(slots=True, eq=False)
class _Row:
    """A request in the batch: `ids` are all its tokens, of which the first `cached` have keys and values."""

    request: Request
    matcher: Any
    numbers: np.random.Generator
    ids: list[int]
    cached: int
    logprobs: list[float] = field(default_factory=list)

    @property
    def made(self) -> int:
        return len(self.ids) - len(self.request.prompt)


class BatchLoop:
    """The thread of a model.

    Args:
        model: a causal language model of transformers, in eval mode. ends: its end tokens. known: how many of its logits
            stand for tokens. size: most requests in one batch. keep: most tokens whose keys and values are kept for
            prompts that begin alike.
    """

    def __init__(self, model: Any, ends: Sequence[int], known: int, size: int = 8, keep: int = 65_536) -> None:
        self._model, self._ends = model, frozenset(ends)
        takes = inspect.signature(model.forward).parameters
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._past = "cache" if "cache" in takes else "past_key_values"  # renamed in transformers 5
        self._known, self._size = known, size
        self._shelf = _Shelf(keep)
        self._waiting: deque[Request] = deque()
        self._rows: list[_Row] = []
        self._cache: Any = None
        self._closing = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="turngym-model", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Put a request in line; its future is settled in its own event loop."""
        with self._condition:
            if self._closing:
                raise InfrastructureError("the engine is closed")
            self._waiting.append(request)
            self._condition.notify()

    def close(self) -> None:
        """Stop after the token at hand; what still waits fails. Blocks until the thread has ended."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        with need("torch").inference_mode():
            while True:
                with self._condition:
                    self._condition.wait_for(lambda: self._closing or self._waiting or self._rows)
                    if self._closing:
                        break
                self._turn()
        self._fail([row.request for row in self._rows] + list(self._waiting), InfrastructureError("the engine was closed"))
        self._rows, self._cache, self._shelf = [], None, _Shelf(0)

    def _turn(self) -> None:
        """Let one request in, decode one token of every row."""
        try:
            self._drop([row for row in self._rows if row.request.cancelled])
            if self._waiting and len(self._rows) < self._size:
                self._admit(self._waiting.popleft())
            if self._rows:
                self._decode()
        except Exception as error:
            self._fail([row.request for row in self._rows], error)
            self._rows, self._cache = [], None
            self._shelf.clear()

    def _admit(self, request: Request) -> None:
        if request.cancelled:
            return
        try:
            row = _Row(request, request.matcher(), np.random.default_rng(request.seed), list(request.prompt), len(request.prompt))
            logits, layers = self._prefill(request.prompt)
            if not self._take(row, logits):
                self._shelf.put(request.prompt, layers)
                self._finish(row)
                return
            self._lay_out([*self._layers_of_rows(), layers])
            self._rows.append(row)
        except Exception as error:
            self._shelf.clear()
            self._fail([request], error)

    def _prefill(self, prompt: Sequence[int]) -> tuple[NDArray[np.float32], Layers]:
        torch, caches = need("torch"), need("transformers")
        ids = np.asarray(prompt, dtype=np.int64)
        begun, layers = self._shelf.longest(ids)
        cache = caches.DynamicCache()
        for index, (keys, values) in enumerate(layers):
            cache.update(keys[None, :, :begun], values[None, :, :begun], index)
        inputs = torch.from_numpy(ids[begun:])[None].to(self._model.device)
        answer = self._model(input_ids=inputs, use_cache=True, **{self._past: cache}, **self._last)
        return answer.logits[0, -1].float().cpu().numpy(), [(layer.keys[0], layer.values[0]) for layer in cache.layers]

    def _decode(self) -> None:
        torch = need("torch")
        width = self._cache.get_seq_length() + 1
        mask = np.arange(width)[None] >= width - 1 - np.array([[row.cached] for row in self._rows])
        device = self._model.device
        answer = self._model(
            input_ids=torch.tensor([[row.ids[-1]] for row in self._rows], device=device),
            attention_mask=torch.from_numpy(mask.astype(np.int64)).to(device),
            position_ids=torch.tensor([[row.cached] for row in self._rows], device=device),
            use_cache=True,
            **{self._past: self._cache},
        )
        logits = answer.logits[:, -1].float().cpu().numpy()
        done = []
        for row, own in zip(self._rows, logits, strict=True):
            row.cached += 1
            try:
                if not self._take(row, own):
                    done.append(row)
            except InfrastructureError as error:
                row.request.cancelled = True
                self._fail([row.request], error)
        self._drop(done)
        for row in done:
            self._finish(row)

    def _take(self, row: _Row, logits: NDArray[np.float32]) -> bool:
        """Draw a row's next token; False if it was the last."""
        allowed = np.arange(logits.shape[0]) < self._known if row.matcher is None else _allowed(row.matcher, logits.shape[0])
        drawn: Drawn = draw(logits, row.request.sampling, row.numbers, allowed)
        if row.matcher is not None and not row.matcher.consume_token(drawn.token):
            raise InfrastructureError(f"the grammar refused its own token: {shorten(row.matcher.get_error(), 200)}")
        row.ids.append(drawn.token)
        row.logprobs.append(drawn.logprob)
        return drawn.token not in self._ends and row.made < row.request.sampling.max_tokens

    # -- rows ------------------------------------------------------------------------------------------

    def _layers_of_rows(self) -> list[Layers]:
        """Keys and values of each row, without padding."""
        if self._cache is None:
            return []
        width = self._cache.get_seq_length()
        starts = [width - row.cached for row in self._rows]
        return [
            [(layer.keys[index, :, start:], layer.values[index, :, start:]) for layer in self._cache.layers]
            for index, start in enumerate(starts)
        ]

    def _lay_out(self, rows: Sequence[Layers]) -> None:
        """Give the rows a cache of their own, padded on the left."""
        if not rows:
            self._cache = None
            return
        kind = _growing_layer()
        made = [kind([row[index] for row in rows]) for index in range(len(rows[0]))]
        self._cache = need("transformers").Cache(layers=made)

    def _drop(self, rows: Sequence[_Row]) -> None:
        """Take rows out of the batch; what they computed stays on the shelf."""
        if not rows:
            return
        kept = []
        for row, layers in zip(self._rows, self._layers_of_rows(), strict=True):
            if any(row is one for one in rows):
                self._shelf.put(row.ids[: row.cached], [(keys.clone(), values.clone()) for keys, values in layers])
            else:
                kept.append((row, layers))
        self._lay_out([layers for _, layers in kept])
        self._rows = [row for row, _ in kept]

    # -- answers ---------------------------------------------------------------------------------------

    def _finish(self, row: _Row) -> None:
        own = tuple(row.ids[len(row.request.prompt) :])
        self._settle(row.request, Generation(own, tuple(row.logprobs), "stop" if own[-1] in self._ends else "length"))

    def _fail(self, requests: Sequence[Request], error: Exception) -> None:
        if not isinstance(error, InfrastructureError):
            error = InfrastructureError(f"the model failed: {type(error).__name__}: {shorten(str(error), 200)}")
        for request in requests:
            self._settle(request, error)

    @staticmethod
    def _settle(request: Request, answer: Generation | Exception) -> None:
        def arrive() -> None:
            if request.future.done():
                return
            if isinstance(answer, Exception):
                request.future.set_exception(answer)
            else:
                request.future.set_result(answer)

        with contextlib.suppress(RuntimeError):  # the event loop is gone, and with it whoever asked
            request.loop.call_soon_threadsafe(arrive)


def _allowed(matcher: Any, width: int) -> NDArray[Any]:
    masks = need("llguidance.numpy")
    bits = masks.allocate_token_bitmask(1, width)
    masks.fill_next_token_bitmask(matcher, bits, 0)
    if matcher.is_error():
        raise InfrastructureError(f"the grammar gave up: {shorten(matcher.get_error(), 200)}")
    return np.unpackbits(bits.view(np.uint8)[0], bitorder="little")[:width].astype(bool)


@lru_cache(maxsize=1)
def _growing_layer() -> Any:
    """A cache layer whose rows are padded on the left, and which grows in place."""
    torch = need("torch")
    base: Any = need("transformers.cache_utils").DynamicLayer

    class GrowingLayer(base):  # type: ignore[misc]
        def __init__(self, rows: Sequence[tuple[Any, Any]]) -> None:
            super().__init__()
            self.lazy_initialization(*rows[0])
            self._room = [self._padded([row[which] for row in rows]) for which in (0, 1)]
            self._show(max(keys.shape[-2] for keys, _ in rows))

        def _padded(self, parts: Sequence[Any]) -> Any:
            width = max(part.shape[-2] for part in parts)
            shape = (len(parts), parts[0].shape[0], width + _GROWTH, parts[0].shape[-1])
            room = torch.zeros(shape, dtype=parts[0].dtype, device=parts[0].device)
            for index, part in enumerate(parts):
                room[index, :, width - part.shape[-2] : width] = part
            return room

        def _show(self, width: int) -> None:
            self.keys, self.values = (room[:, :, :width] for room in self._room)

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            begun = self.keys.shape[-2]
            width = begun + key_states.shape[-2]
            if width > self._room[0].shape[-2]:
                self._room = [torch.nn.functional.pad(room, (0, 0, 0, width + _GROWTH - room.shape[-2])) for room in self._room]
            self._room[0][:, :, begun:width] = key_states
            self._room[1][:, :, begun:width] = value_states
            self._show(width)
            return self.keys, self.values

    return GrowingLayer


class _Shelf:
    """Keys and values of what was computed, for prompts that begin alike; the longest unused goes first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: list[tuple[NDArray[np.int64], Layers]] = []

    def put(self, ids: Sequence[int], layers: Layers) -> None:
        own = np.asarray(ids, dtype=np.int64)
        self._kept = [(other, kept) for other, kept in self._kept if _alike(own, other) < len(other)]
        self._kept.append((own, layers))
        while sum([len(other) for other, _ in self._kept]) > self._room:
            self._kept.pop(0)

    def longest(self, ids: NDArray[np.int64]) -> tuple[int, Layers]:
        """How many tokens at the beginning of `ids` are known, at least one less than there are, and their layers."""
        alike = [min(_alike(ids, other), len(ids) - 1) for other, _ in self._kept]
        if not alike or max(alike) < 1:
            return 0, []
        best = alike.index(max(alike))
        self._kept.append(self._kept.pop(best))
        return alike[best], self._kept[-1][1]

    def clear(self) -> None:
        self._kept = []


def _alike(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many tokens two sequences have in common from their beginning."""
    short = min(len(one), len(other))
    unlike = np.flatnonzero(one[:short] != other[:short])
    return int(unlike[0]) if len(unlike) else short
