"""BFCL's eight API classes as worlds: one instance of a class in each, and nothing that two worlds share.

A world is made from a config: `scenario` (the class's part of an entry's `initial_config`), `long_context`, `entry` (its id)
and `classes` (all that it involves, in order); `gold` marks the side that gold runs on, for BFCL's rewriting of texts puts a
name into them that differs between the sides (`calls.py`). Laws: a call's text is BFCL's to the byte; a call that raises
leaves what it did, as there; a fork shares nothing that can change.
"""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any, cast

from ...errors import ErrorKind, ToolError, UnknownNameError, bounded, describe
from ...extras import need
from ...signature import Parameter
from ...tool import ToolResult
from ...world import Size
from ..foreign import ForeignTool, ForeignWorld
from .calls import is_plain, read_arguments, read_back
from .contained import Method, contained, text_of
from .single import Functions
from .source import MODULES, PACKAGE, STATELESS, api_class, function_docs, openai_tool

_KINDS: dict[type[Exception], ErrorKind] = {
    TypeError: "invalid_arguments",
    ValueError: "invalid_arguments",
    SyntaxError: "invalid_arguments",
    NameError: "invalid_arguments",
    AttributeError: "invalid_arguments",
    LookupError: "not_found",
}


class Names:
    """How BFCL calls its instances of an entry, on one side; found when a text has to be rewritten."""

    __slots__ = ("_classes", "_entry", "_found", "_side")

    def __init__(self, entry: str, classes: tuple[str, ...], gold: bool) -> None:
        self._entry, self._classes, self._side = entry, classes, "gym_ground_truth" if gold else "gym"
        self._found: dict[str, str] | None = None  # a name that begins with `g` keeps a backslash before it as it is, as `gpt` does

    @property
    def instances(self) -> Mapping[str, str]:
        """Method -> name of its instance, over all classes of the entry; of two the later one, as there."""
        if self._found is None:
            self._found = {
                doc["name"]: re.sub(r"[-./:]", "_", f"{self._side}_eval_{self._entry}_{cls}_instance")
                for cls in self._classes
                for doc in function_docs(cls)
            }
        return self._found


class BfclImage:
    """An instance as it was: pickled, which is five to ten times as fast as a deep copy, but for its random stream.

    The stream is most of what there is to pickle, and its state, as Python gives it, is of the kind that cannot change.
    """

    __slots__ = ("_cls", "_names", "_pickled", "_stream")

    def __init__(self, instance: Any, names: Names) -> None:
        held = vars(instance)
        stream = held.get("_random")
        self._stream = stream.getstate() if type(stream) is Random else None
        if self._stream is not None:
            held = {name: value for name, value in held.items() if value is not stream}
        self._pickled = pickle.dumps(held, pickle.HIGHEST_PROTOCOL)
        self._cls, self._names = type(instance), names

    def thaw(self) -> BfclSystem:
        """An equal instance."""
        instance = object.__new__(self._cls)
        vars(instance).update(pickle.loads(self._pickled))
        if self._stream is not None:
            instance._random = Random.__new__(Random)
            instance._random.setstate(self._stream)
        return BfclSystem(instance, self._names)


class BfclSystem:
    """A live instance."""

    __slots__ = ("instance", "names")

    def __init__(self, instance: Any, names: Names) -> None:
        self.instance, self.names = instance, names

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Make a call as BFCL would; gives the result's text, and raises what it raises."""
        tool = bfcl_world(type(self.instance).__name__).tools[name]
        assert isinstance(tool, BfclTool)
        return tool.run(self, arguments)

    def state(self) -> Mapping[str, Any]:
        """The public attributes, which are what BFCL compares; a directory as what it holds."""
        return {name: _shown(value) for name, value in self.public().items()}

    def public(self) -> dict[str, Any]:
        """The public attributes themselves."""
        return {name: value for name, value in vars(self.instance).items() if not name.startswith("_")}

    def freeze(self) -> BfclImage:
        """This moment."""
        return BfclImage(self.instance, self.names)


def _shown(value: Any, above: tuple[int, ...] = ()) -> Any:
    """A directory as what it holds, a file as its content; a directory may stand in itself, for BFCL lets it."""
    if hasattr(value, "contents") and hasattr(value, "parent"):
        if id(value.contents) in above:
            return "..."
        return {name: _shown(part, (*above, id(value.contents))) for name, part in value.contents.items()}
    return value.content if hasattr(value, "content") and hasattr(value, "name") else value


class BfclTool(ForeignTool):
    """A function of BFCL. `schema` is as it is shown, `bare` the same without the hint, for one that was held out."""

    def __init__(self, owner: str, doc: dict[str, Any], cls: type) -> None:
        shown = openai_tool(doc)
        details = doc["parameters"]["properties"]
        super().__init__(
            owner, doc["name"], shown["function"]["description"], shown["function"]["parameters"],
            [_parameter(name, part, doc) for name, part in details.items()], read_arguments,
        )  # fmt: skip
        self.__dict__["schema"] = shown
        self.bare = openai_tool(doc, "")
        self._known = frozenset(details)
        self._function: Method = contained(cls, doc["name"])

    def run(self, system: BfclSystem, arguments: dict[str, Any]) -> str:
        """The text of a call's result; raises what the call raises."""
        if is_plain(arguments, self._known):
            return text_of(self._function(system.instance, **arguments))
        positional, named = read_back(self.name, arguments, system.names.instances)
        return text_of(self._function(system.instance, *positional, **named))

    def perform(self, world: Any, checked: dict[str, Any]) -> ToolResult:
        """Call the function on the instance of `world`; an error is told in BFCL's words."""
        system = world.system
        world._image, world._stale = None, True  # whatever comes of it: nothing is undone
        try:
            return ToolResult(self.name, self.run(system, checked))
        except Exception as error:
            kind = error.kind if isinstance(error, ToolError) else _kind(error)
            text = bounded(f"Error during execution: {error}", checked)
            return ToolResult(self.name, text, kind, (), describe(error, 2_000))


def _kind(error: Exception) -> ErrorKind:
    return next((kind for cls, kind in _KINDS.items() if isinstance(error, cls)), "unavailable")


def _parameter(name: str, part: dict[str, Any], doc: dict[str, Any]) -> Parameter:
    required = name in doc["parameters"].get("required", ())
    return Parameter(name, Any, None, None, required, part.get("default"), part.get("description", ""))


class BfclWorld(ForeignWorld):
    """One of the API classes of the Berkeley Function-Calling Leaderboard."""

    watched = False
    atomic = False
    api = ""

    @classmethod
    def open(cls, seed: int, size: Size, config: dict[str, Any]) -> BfclSystem:
        """An instance with its scenario loaded; without a config, its default state. `seed` and `size` change nothing."""
        instance = api_class(cls.api)()
        if cls.api not in STATELESS:
            instance._load_scenario(config.get("scenario", {}), long_context=config.get("long_context", False))
        names = Names(config.get("entry", ""), tuple(config.get("classes", (cls.api,))), config.get("gold", False))
        return BfclSystem(copy.deepcopy(instance), names)  # a copy: some of what was loaded is the module's own

    def packed(self) -> BfclImage:
        """The instance as it is kept."""
        if self._image is None:
            self._image = self.system.freeze()
        return cast(BfclImage, self._image)

    def unpack(self, moment: BfclImage) -> None:
        """Go to a moment that another process kept."""
        self._image, self._system, self._stale = moment, None, True


@lru_cache(maxsize=16)
def class_world(name: str) -> type[BfclWorld]:
    """The world of one of BFCL's API classes."""
    api = api_class(name)
    tools = {doc["name"]: BfclTool(name, doc, api) for doc in function_docs(name)}
    about = (api.__doc__ or "").strip() or api()._api_description
    return type(name, (BfclWorld,), {"__doc__": about, "__module__": __name__, "api": name, "foreign_tools": tools})


def bfcl_world(name: str) -> type[ForeignWorld]:
    """A world class by what follows `bfcl:` in its name: one of the API classes, or `functions` that nobody runs."""
    if name == "functions":
        need(PACKAGE)
        return Functions
    if name not in MODULES:
        raise UnknownNameError("BFCL world", name, (*MODULES, "functions"))
    return class_world(name)


def __getattr__(name: str) -> Any:
    """The classes by their names, so that another process finds them where they say that they are."""
    if name in MODULES:
        return class_world(name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
