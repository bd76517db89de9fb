"""The four agents on models: each role a policy, a prompt and a bounded number of tries."""

from .casting import ModelCast, make_cast
from .speaker import ROLES, Speaker

__all__ = ["ROLES", "ModelCast", "Speaker", "make_cast"]
