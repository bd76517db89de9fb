"""Plain Python classes as worlds, without a change to them.

    from turngym.envs.bridges.objects import world_of
    Desk = world_of(Library, reads=("find_books",), errors={LibraryClosed: "precondition_failed"})

Public methods with typed parameters are the tools, their docstrings are what the model reads, the instance's public
attributes are the state. Where a class is named on the command line (`turngym check library.py:Library`) this is done with
no options; a module may give them by holding the result of `world_of` under a name of its own. Laws: what a definition
leaves open is reported in `gaps` and never guessed; nothing is evaluated; forks share nothing that can change, or the class
is refused. Not here: state outside the instance; `turngym check` looks for that.
"""

from .world import ObjectTool, ObjectWorld, fork_cost, world_of

__all__ = ["ObjectTool", "ObjectWorld", "fork_cost", "world_of"]
