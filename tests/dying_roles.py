"""Template roles that other processes import, and that take their process with them for certain users' messages."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from turngym.synthesis import Roles, template_roles
from turngym.synthesis.roles import Prompt, Scene, TemplateReasoning, Thought


class Mortal(TemplateReasoning):
    """Dies while there are lives in `place`, or always where a user begins with `words`; with `gate`, waits there for that file."""

    def __init__(self, place: str = "", words: str = "", gate: str = "") -> None:
        self.place, self.words, self.gate = place, words, gate

    async def think(self, messages: Sequence[Any], brief: Any, prompt: Prompt, scene: Scene, rng: Random) -> Thought:
        if self.place and (path := Path(self.place)).exists() and (lives := int(path.read_text())):
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(str(lives - 1))
            aside.replace(path)  # whole at once: the other worker may read it now
            os.kill(os.getpid(), signal.SIGKILL)
        if self.words and messages[0]["content"] == self.words:
            if not self.gate:
                os.kill(os.getpid(), signal.SIGKILL)
            while not Path(self.gate).exists():
                time.sleep(0.01)
        return await super().think(messages, brief, prompt, scene, rng)


def mortal_roles(**options: Any) -> Roles:
    usual = template_roles()
    return Roles(usual.tooling, usual.querying, Mortal(**options), usual.critiquing)
