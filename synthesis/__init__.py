"""From worlds to verified training data: the three phases of FunReason-MT (arXiv 2510.24645)."""

from .assemble import AssemblyOptions
from .navigator import SamplerOptions
from .pipeline import Maker, Request, synthesize, verify_directory
from .roles import Roles, template_roles
from .sample import Sample
from .verify import prove_task, verify_row, verify_sample

__all__ = [
    "AssemblyOptions", "Maker", "Request", "Roles", "Sample", "SamplerOptions", "prove_task", "synthesize", "template_roles",
    "verify_directory", "verify_row", "verify_sample",
]  # fmt: skip
