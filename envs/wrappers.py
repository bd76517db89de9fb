"""Robustness by flag: wrappers that make an env harder without touching its tasks.

`FaultInjection` lets calls fail with typed, transient errors and no effect; `HoldOut` withholds tools, enforced
where calls are executed and not only in the list. Both act from the next `reset` on.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import gymnasium

from .env import ToolEnv
from .errors import ERROR_KINDS, ErrorKind, UnknownNameError
from .faults import failed
from .messages import Message
from .tool import ToolCall, ToolResult


class _Base(gymnasium.Wrapper[tuple[Message, ...], Any, tuple[Message, ...], Any]):
    @property
    def _tool_env(self) -> ToolEnv:
        inner = self.env.unwrapped
        if not isinstance(inner, ToolEnv):
            raise TypeError(f"{type(self).__name__} wraps turngym envs, not {type(inner).__name__}")
        return inner


class FaultInjection(_Base, gymnasium.utils.RecordConstructorArgs):
    """Calls fail with probability `rate`, answered by an error of one of `kinds`; the state is untouched.

    Which call fails is a pure function of (seed, number of the call in the episode), so runs repeat. A retry of
    the same call is another call and usually succeeds.

    Args:
        env: the env. rate: 0..1. kinds: error kinds to draw from. tools: which tools may fail, default all.
        seed: of the faults.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        rate: float = 0.1,
        kinds: Iterable[ErrorKind] = ("unavailable",),
        tools: Iterable[str] | None = None,
        seed: int = 0,
    ) -> None:
        self.kinds, tools = tuple(kinds), None if tools is None else tuple(tools)
        gymnasium.utils.RecordConstructorArgs.__init__(self, rate=rate, kinds=self.kinds, tools=tools, seed=seed)
        super().__init__(env)
        if not self.kinds:
            raise ValueError(f"kinds is empty; name some of {', '.join(ERROR_KINDS)}")
        for kind in self.kinds:
            if kind not in ERROR_KINDS:
                raise UnknownNameError("error kind", kind, ERROR_KINDS)
        if not 0 <= rate <= 1:
            raise ValueError(f"rate is a probability, not {rate}")
        self.rate, self.only, self.seed = rate, None if tools is None else frozenset(tools), seed
        inner = self._tool_env
        inner.interceptors = (*inner.interceptors, self._intercept)

    def _intercept(self, call: ToolCall, number: int) -> ToolResult | None:
        if self.only is not None and call.name not in self.only:
            return None
        draw = int.from_bytes(blake2b(f"{self.seed}:{number}".encode(), digest_size=8).digest(), "big")
        if draw % 1_000_000 >= self.rate * 1_000_000:
            return None
        kind = self.kinds[draw // 1_000_000 % len(self.kinds)]
        return failed(call.name, kind)


class HoldOut(_Base, gymnasium.utils.RecordConstructorArgs):
    """Withholds tools by name: they are not shown, and calling them is answered by `unknown_tool`.

    Raises `UnknownNameError` for a tool the env does not have.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], tools: Iterable[str]) -> None:
        names = tuple(tools)
        gymnasium.utils.RecordConstructorArgs.__init__(self, tools=names)
        super().__init__(env)
        inner = self._tool_env
        for name in names:
            if name not in inner.tools:
                raise UnknownNameError("tool", name, inner.tools)
        inner.hidden = inner.hidden | frozenset(names)
