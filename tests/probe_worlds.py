"""Probes the shipped envs and writes what was found to `envs/probed.json`: `python tests/probe_worlds.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from turngym.envs.probe import probe
from turngym.envs.registry import ENVS, world_class
from turngym.envs.remembered import FILE, key_of

SEEDS, SIZE = (0, 1, 2), "small"


def probed() -> dict[str, Any]:
    found = {}
    for info in ENVS:
        classes = [world_class(name) for name in info.worlds]
        made = probe(classes, SEEDS, SIZE)
        found[key_of(classes, SEEDS, SIZE)] = {"env": info.id, "given": list(made.given), "edges": [list(edge) for edge in made.edges]}
    return found


if __name__ == "__main__":
    place = Path(__file__).parent.parent / "envs" / FILE
    lines = [f" {json.dumps(key)}: {json.dumps(part)}" for key, part in probed().items()]
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n")
