"""A travel agency: flights, hotels, payments, fare rules. The world is `Travel`; each file beside it is one concept."""

from .world import Travel

__all__ = ["Travel"]
