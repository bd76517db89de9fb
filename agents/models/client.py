"""What differs between the generations of the `openai` client (1.99 to 3): others know none of it.

From 3.0 on the client stands on `httpx2`, before on `httpx`; both spell what is used of them alike. Bytes are sent as
they are since 1.99, and later under a name of their own.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

from ...envs.errors import RunError
from ...envs.extras import need

_OLDEST = (1, 99)  # before, bytes were a value to be written as JSON


class Client(NamedTuple):
    """The client that is installed: its module, the HTTP library it stands on, and the argument of `post` that takes bytes."""

    openai: Any
    http: Any
    content: str


def installed_client() -> Client:
    """What is installed. Raises `MissingExtraError`, or `RunError` where it is too old."""
    openai = need("openai")
    version = tuple(int(part) for part in openai.__version__.split(".")[:2])
    if version < _OLDEST:
        raise RunError(f"openai {openai.__version__} is too old for the policy chat; install 'openai[aiohttp]>={_OLDEST[0]}.{_OLDEST[1]}'")
    content = "content" if "content" in inspect.signature(openai.AsyncOpenAI.post).parameters else "body"
    return Client(openai, need("httpx2" if version >= (3, 0) else "httpx"), content)
