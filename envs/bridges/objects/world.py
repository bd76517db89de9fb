"""Plain objects as worlds: `world_of(Library)` is a world class whose tools are the methods of `Library`.

Laws: the object's code is neither changed nor evaluated from text; everything that probing can tell of it (which tools
read, what feeds what) is found at first need, once, deterministically, and never at import; what was found to read and then
writes is refused and undone (`internal_error`), for reads change nothing in any world of ours.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, cast, get_type_hints

from pydantic import ValidationError

from ...doubles import refuse_doubled_keys
from ...errors import DefinitionError, ErrorKind, NotPortableError, ToolError, shorten, telling
from ...signature import OutputField
from ...state import Table
from ...tool import MAX_ARGUMENT_CHARS, ToolResult, _UndeclaredWrite
from ...world import Fact, Size
from ..foreign import ForeignTool, ForeignWorld, Part
from .copying import Copier, Fork, measure
from .looking import Look, StateOf
from .members import Offer, offers_of
from .naming import result_key
from .raising import Explainer
from .system import Design, ObjectImage, ObjectSystem, text_of
from .wording import phrase_of

KnownOf = Callable[[Any], Mapping[str, Any]] | None


class ObjectTool(ForeignTool):
    """A method of a plain object as a tool."""

    def __init__(self, owner: str, offer: Offer, explain: Callable[[Exception], tuple[ErrorKind, str]]) -> None:
        key = "result" if offer.returns is bool else result_key(offer.name)
        super().__init__(
            owner, offer.name, offer.description, offer.schema, offer.parameters, _through_the_door, returns=offer.returns,
            gaps=offer.gaps, text=lambda value: text_of(value, key), explain=lambda error: _explained(offer.name, error, explain),
        )  # fmt: skip
        self.writes = frozenset(("state", "hidden"))
        self.describes = offer.documented
        self._take = offer.adapter.validator.validate_json

    def validate(self, arguments: str | dict[str, Any]) -> dict[str, Any]:
        """The arguments as the method takes them; an object is read as the JSON text that it is. Raises `ToolError`."""
        try:
            text = arguments if type(arguments) is str else json.dumps(arguments, ensure_ascii=False, allow_nan=False)
            if len(text) > MAX_ARGUMENT_CHARS:
                raise ToolError("invalid_arguments", f"{self.name}: the arguments exceed {MAX_ARGUMENT_CHARS} characters")
            taken: dict[str, Any] = self._take(text, strict=True)
            refuse_doubled_keys(self.name, text, len(taken))
            return taken
        except ValidationError as error:
            raise ToolError("invalid_arguments", self._explain(error)) from None
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise ToolError("invalid_arguments", f"{self.name}: the arguments cannot be read ({type(error).__name__})") from None

    def takes(self, name: str, value: Any) -> bool:
        """Whether a value alone is one that a parameter takes."""
        try:
            self.validate({name: value})
        except ToolError as error:
            return f"{self.name}: {name}" not in error.message and f"; {name}" not in error.message
        return True

    def perform(self, world: Any, checked: dict[str, Any]) -> ToolResult:
        """Call the method; the state is untouched on any error."""
        world.reading = not self.writes
        return super().perform(world, checked)

    def learn(self, outputs: Any) -> None:
        """Take over what is known of its results."""
        super().learn(outputs)
        self.item_type = type(self.noun, (Part,), {}) if getattr(self, "noun", "") else Part

    def settle(self, writes: Collection[str], meanings: Mapping[str, Any], outputs: Collection[OutputField], many: bool, noun: str) -> None:
        """Take over what probing found: what it writes, the meaning and drawer of parameters, the leaves of its results."""
        self.writes, self.many, self.noun = frozenset(writes), many, noun
        self.parameters = {
            name: parameter._replace(semantic=meanings[name][0], draw=meanings[name][1]) if name in meanings else parameter
            for name, parameter in self.parameters.items()
        }
        self.learn(outputs)
        told = self.describes and phrase_of(self.summary, self.parameters.values())
        self.phrases = (told,) if told else ()


def _through_the_door(arguments: Any) -> dict[str, Any]:
    raise DefinitionError("an object's tool validates by itself")


def _explained(name: str, error: Exception, explain: Callable[[Exception], tuple[ErrorKind, str]]) -> tuple[ErrorKind, str]:
    if isinstance(error, (_UndeclaredWrite, DefinitionError)):
        return "internal_error", f"{name} failed inside; nothing was changed"
    kind, message = explain(error)
    return kind, f"{name} failed inside; nothing was changed ({message})" if kind == "internal_error" else message


class _Learnt:
    """A class attribute that is found by probing when somebody first asks for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type[ObjectWorld]) -> Any:
        return getattr(owner.learnt(), self._name)


class ObjectWorld(ForeignWorld):
    """A plain object as a world. Made by `world_of`."""

    INCIDENTAL = ("hidden",)
    foreign_tools: ClassVar[Mapping[str, ObjectTool]] = {}
    design: ClassVar[Design]
    probes: ClassVar[int] = 0
    declared: ClassVar[tuple[frozenset[str], frozenset[str]]] = (frozenset(), frozenset())  # what was said to read, and to write
    takes: ClassVar[frozenset[str]] = frozenset()
    tells: ClassVar[KnownOf] = None
    static_gaps: ClassVar[tuple[str, ...]] = ()
    _found: ClassVar[Any] = None

    hidden: Table[str, Part]
    reading = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.tools, cls.gaps = _Learnt("tools"), _Learnt("gaps")  # type: ignore[assignment]

    # -- what is found by probing ----------------------------------------------------------------------

    @classmethod
    def learnt(cls) -> Any:
        """What probing found: `tools`, `gaps`, `facts`. Probed at first need; while that runs, all tools are taken for writes."""
        if vars(cls).get("_found") is None:
            from .learning import learn, unlearnt

            cls._found = unlearnt(cls)
            try:
                cls._found = learn(cls)
            except BaseException:
                cls._found = None
                raise
        return cls._found

    # -- the object ------------------------------------------------------------------------------------

    @classmethod
    def make(cls, seed: int, size: Size, config: dict[str, Any]) -> Any:
        """The object itself, as its class or factory makes it."""
        raise DefinitionError(f"world {cls.__name__} is made by world_of")

    @classmethod
    def open(cls, seed: int, size: Size, config: dict[str, Any]) -> ObjectSystem:
        """A fresh object, made from those of `seed`, `rng`, `size`, `config` and the config's own keys that its factory takes."""
        return ObjectSystem(cls.design, cls.make(seed, size, config))

    @classmethod
    def forking(cls) -> str:
        """How a moment of an object is kept: by which way, in how many bytes at the start."""
        copier = cls.design.copier
        kept = copier.keep(cls.make(0, "small", {}))
        size = f", {len(kept.body):,} bytes at the start" if isinstance(kept.body, bytes) else ""
        return f"a moment is kept by {copier.way}{size}, after each call that writes"

    def generate(self, rng: Random, size: Size) -> None:
        """Make the object, look at it, and keep this moment."""
        super().generate(rng, size)
        self._image = self.system.freeze()

    def after_call(self) -> None:
        """Look at what the call did, and keep this moment; what cannot be kept undoes the call."""
        system, image = cast(ObjectSystem, self.system), cast(ObjectImage, self._image)
        if self.reading and system.is_as(image):
            return
        self._read()
        if self._journal and self.reading:
            names = sorted({f"{table.spec.name} {key}" for table, key, _ in self._journal})
            raise _UndeclaredWrite(f"it was found to read and yet changed {shorten(', '.join(names), 120)}; say so with writes=")
        self._image = system.freeze()

    def _read(self) -> None:
        self._stale = False
        shown, hidden = cast(ObjectSystem, self.system).parts()
        self._bring(self.state, shown)
        self._bring(self.hidden, hidden)

    def packed(self) -> Any:
        """The object's way of being kept, and what is kept of this moment."""
        if self._image is None:
            self._image = self.system.freeze()
        return self.design.copier.way, cast(ObjectImage, self._image).kept.body

    def unpack(self, moment: Any) -> None:
        """Go to a moment that another process kept. Raises `NotPortableError` where objects are kept another way here."""
        way, body = moment
        if way != self.design.copier.way:
            raise NotPortableError(f"world {type(self).__name__} was kept by {way} there, and is by {self.design.copier.way} here")
        self._image, self._system, self._stale = ObjectImage(self.design, self.design.copier.again(body)), None, True

    def known(self) -> Any:
        """What the user knows: what stands in the state under the name of a parameter, where calls were seen to need it."""
        facts = type(self).learnt().facts
        if (tells := type(self).tells) is not None:
            for kind, values in tells(cast(ObjectSystem, self.system).thing).items():
                yield from [Fact(kind, value) for value in (values if isinstance(values, (list, tuple, set)) else [values])]
        yield from facts(self)


def world_of(
    factory: Callable[..., Any],
    *,
    name: str = "",
    tools: Collection[str] | None = None,
    skip: Collection[str] = (),
    reads: Collection[str] = (),
    writes: Collection[str] = (),
    state: StateOf = None,
    errors: Mapping[type[BaseException], ErrorKind] | None = None,
    fork: Fork = "auto",
    known: KnownOf = None,
    probes: int = 60,
) -> type[ObjectWorld]:
    """The world class of a plain class or factory, which stays as it is.

    Args:
        factory: a class, or a function that gives an object; called with those of `seed`, `rng`, `size`, `config` that its
            signature names.
        name: the world's name; one with a colon is where the registry found the factory. Default: the class's name.
        tools, skip: names of the methods to offer (default all public ones) and to leave out.
        reads, writes: tools that are said to change nothing, or to change something; of the others, probing tells.
        state: what counts of the object (`looking.py`): default its public attributes.
        errors: exception class -> error kind, before the usual mapping (`raising.py`).
        fork: how objects are copied: `auto`, `pickle`, `deepcopy`, or a function.
        known: a function of the object that gives what the user knows: kind (a parameter's name) -> value or values.
        probes: calls per tool and seed that probing may make; 0 for none.

    Raises `DefinitionError` where nothing can be offered, or the factory wants what nobody gives.
    """
    if not callable(factory):
        raise DefinitionError(f"{shorten(repr(factory))} is no class and no factory")
    cls = factory if inspect.isclass(factory) else _made_by(factory)
    takes = _takes(factory)
    title = name if name and ":" not in name else _title(factory if inspect.isclass(factory) else cls)
    offers, gaps = offers_of(cls, tools, skip)
    _require(title, {offer.name for offer in offers}, tools, reads, writes, gaps)
    look, explain = Look(state), Explainer(errors)
    page = inspect.cleandoc(factory.__doc__ or cls.__doc__ or "")
    if not page or page.startswith(f"{cls.__name__}("):  # what `dataclass` writes by itself
        gaps.insert(0, f"{cls.__name__} has no docstring, which is the world's page")
        page = f"{title}, a plain Python object."
    design = Design({offer.name: offer for offer in offers}, look, Copier(title, fork, look))
    body = {
        "__doc__": page, "__module__": factory.__module__, "__qualname__": title, "design": design, "place": name if ":" in name else "",
        "foreign_tools": {offer.name: ObjectTool(title, offer, explain) for offer in offers}, "probes": probes,
        "declared": (frozenset(reads), frozenset(writes)), "takes": takes, "static_gaps": tuple(gaps),
        "heeds": frozenset([key for key, names in _HEEDS.items() if takes & names]),
        "tells": staticmethod(known) if known is not None else None, "made_of": (factory, cls),
        "make": classmethod(_maker(factory, takes)),
    }  # fmt: skip
    return type(title, (ObjectWorld,), body)


def fork_cost(world_class: type[ObjectWorld], seed: int = 0, size: Size = "small") -> dict[str, Any]:
    """What forks of a world's objects cost here: `way`, `keep_us` after a write, `make_us` at the first call after, `bytes` (pickle)."""
    return measure(world_class.design.copier, world_class.make(seed, size, {}))


# -- reading a factory ------------------------------------------------------------------------------------

_HEEDS = {"seed": {"seed", "rng"}, "size": {"size"}}
_GIVEN = ("seed", "rng", "size", "config")


def _takes(factory: Callable[..., Any]) -> frozenset[str]:
    """The names by which a factory can be given something. Raises `DefinitionError` where it wants more."""
    try:
        items = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # a class of builtins, say, that tells nothing
        return frozenset()
    named = [item for item in items if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)]
    wanted = [i for i in items if i.default is i.empty and i.kind not in (i.VAR_POSITIONAL, i.VAR_KEYWORD)]
    if lost := [item.name for item in wanted if item.name not in _GIVEN or item not in named]:
        raise DefinitionError(
            f"{getattr(factory, '__name__', factory)} wants {', '.join(lost)}, which nobody gives it; write a function that takes"
            f" none but {', '.join(_GIVEN)} and makes the object, and name that"
        )
    return frozenset(item.name for item in named)


def _maker(factory: Callable[..., Any], takes: frozenset[str]) -> Callable[..., Any]:
    def make(cls: type[ObjectWorld], seed: int, size: Size, config: dict[str, Any]) -> Any:
        given: dict[str, Any] = {"seed": seed, "size": size, "config": config}
        if "rng" in takes:
            given["rng"] = Random(f"{cls.__name__}:{seed}:{size}")
        own = {} if "config" in takes else config
        if lost := sorted(set(own) - takes | set(own) & set(_GIVEN)):
            raise DefinitionError(
                f"world {cls.__name__} takes no {', '.join(lost)} in its config; it takes {', '.join(sorted(takes)) or 'none'}"
            )
        return _of_factory(factory, {key: value for key, value in given.items() if key in takes} | own)

    return make


def _of_factory(factory: Callable[..., Any], given: dict[str, Any]) -> Any:
    """What a factory makes. Raises `DefinitionError` that tells of the factory's own error."""
    with telling(f"{shorten(getattr(factory, '__qualname__', type(factory).__name__))} makes no object"):
        return factory(**given)


def _made_by(factory: Callable[..., Any]) -> type:
    """The class of what a factory makes: as it is annotated, or seen once."""
    try:
        told = get_type_hints(factory).get("return")
    except (NameError, TypeError):
        told = None
    if isinstance(told, type) and told.__module__ not in ("builtins", "typing"):
        return told
    return type(_maker(factory, _takes(factory))(ObjectWorld, 0, "small", {}))


def _title(factory: Any) -> str:
    name = re.sub(r"\W", "", getattr(factory, "__name__", type(factory).__name__))
    return name if name[:1].isalpha() else "Thing"


def _require(title: str, offered: set[str], tools: Any, reads: Collection[str], writes: Collection[str], gaps: Sequence[str]) -> None:
    for names, what in ((tools or (), "tools"), (reads, "reads"), (writes, "writes")):
        if lost := sorted(set(names) - offered):
            why = next((gap for gap in gaps if gap.startswith(f"{lost[0]} ")), f"it offers {', '.join(sorted(offered)) or 'nothing'}")
            raise DefinitionError(f"{title}: {what}= names {lost[0]}, which is not offered; {why}")
    if both := set(reads) & set(writes):
        raise DefinitionError(f"{title}: {', '.join(sorted(both))} cannot both read and write")
    if not offered:
        why = "; ".join(gaps) or "it has no public method"
        raise DefinitionError(f"{title} offers no tool: {shorten(why, 300)}")
