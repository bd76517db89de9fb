"""turngym: stateful tool worlds as Gymnasium environments, and verified multi-turn training data from them.

Importing registers the env ids with Gymnasium; a world is imported when an env of it is made.
"""

from gymnasium import register as _register
from gymnasium import registry as _registry

from .envs.door import allow
from .envs.errors import TurngymError
from .envs.registry import ENVS, FOREIGN_ENVS
from .envs.task import Task

__version__ = "0.1.0"
__all__ = ["ENVS", "FOREIGN_ENVS", "Task", "TurngymError", "__version__", "allow"]

for _info in (*ENVS, *FOREIGN_ENVS):
    if _info.id not in _registry:
        _register(_info.id, entry_point="turngym.envs.env:ToolEnv", kwargs={"name": _info.id})
