"""turngym: stateful tool worlds as Gymnasium environments, and verified multi-turn training data from them.

Importing registers the env ids with Gymnasium; a world is imported when an env of it is made.
"""

from .envs.door import allow
from .envs.errors import TurngymError
from .envs.registry import ENVS, FOREIGN_ENVS
from .envs.task import Task
from .registering import register_envs as _register_envs

__version__ = "0.1.0"
__all__ = ["ENVS", "FOREIGN_ENVS", "Task", "TurngymError", "__version__", "allow"]

_register_envs()
