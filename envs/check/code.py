"""The code a world reaches: its methods, drawers and predicates, and whatever of its own modules these name.

Found by following global names through the bytecode, so that a module of many worlds is judged for one of them
at a time. Only code of the world's own home (the folders of its classes' modules, this library's core left out)
is followed. Law: nothing is called and nothing changed.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..bridges.foreign import ForeignWorld
from ..world import World

_CORE = World.__module__.rpartition(".")[0]
_BRIDGES = f"{_CORE}.bridges"


class Reached:
    """What code of one world class can touch.

    Attributes:
        functions: all functions, by place (`module.qualname`). variables: (module, name) of each global they name.
        classes: the world's own classes and those they name.
    """

    def __init__(self, cls: type[World]) -> None:
        others = cls.made_of if issubclass(cls, ForeignWorld) else ()
        self._modules = {base.__module__ for base in (*_own(cls), *others)}
        self._folders = {Path(f).parent for name in self._modules if (f := getattr(sys.modules.get(name), "__file__", None))}
        self.functions: dict[str, FunctionType] = {}
        self.variables: dict[tuple[str, str], dict[str, Any]] = {}
        self.classes: dict[str, type] = {}
        for base in (*others, *_own(cls)):  # a foreign world goes by the name of the class it is made of
            self._take(base)
        for item in cls.tools.values():
            for predicate in item.requires:
                self._take(predicate)
            for parameter in item.parameters.values():
                self._take(parameter.draw)

    def is_home(self, module: str | None) -> bool:
        """Whether a module is the author's: one of the world's, or in a folder of theirs."""
        if module in self._modules:
            return True
        file = getattr(sys.modules.get(module or ""), "__file__", None)
        if not file or _is_core(module or ""):
            return False
        return any(folder in Path(file).parents for folder in self._folders)

    def _take(self, value: Any) -> None:
        if isinstance(value, (staticmethod, classmethod, MethodType)):
            value = value.__func__
        if isinstance(value, property):
            for part in (value.fget, value.fset):
                self._take(part)
        elif isinstance(value, FunctionType):
            self._take_function(value)
        elif isinstance(value, type) and self.is_home(value.__module__):
            place = f"{value.__module__}.{value.__qualname__}"
            if place not in self.classes:
                self.classes[place] = value
                for part in list(vars(value).values()):
                    self._take(part)

    def _take_function(self, function: FunctionType) -> None:
        function = getattr(function, "__wrapped__", function)
        place = f"{function.__module__}.{function.__qualname__}:{function.__code__.co_firstlineno}"
        if place in self.functions or not self.is_home(function.__module__):
            return
        self.functions[place] = function
        for code in codes_of(function.__code__):
            for name in code.co_names:
                if name in function.__globals__:
                    self._take_global(function.__globals__, name, code)
        for cell in function.__closure__ or ():
            try:
                self._take(cell.cell_contents)
            except ValueError:  # not bound yet
                continue

    def _take_global(self, scope: dict[str, Any], name: str, code: CodeType) -> None:
        value = scope[name]
        self.variables[str(scope.get("__name__")), name] = scope
        self._take(value)
        if isinstance(value, ModuleType) and self.is_home(value.__name__):
            for inner in code.co_names:
                if inner in vars(value):
                    self.variables[value.__name__, inner] = vars(value)
                    self._take(vars(value)[inner])


def _own(cls: type[World]) -> list[type]:
    """The classes an author wrote: the line of descent without `World`, what it descends from, and the core."""
    return [base for base in cls.__mro__ if base not in World.__mro__ and not _is_core(base.__module__)]


def _is_core(module: str) -> bool:
    return module.rpartition(".")[0] == _CORE or module == _BRIDGES or module.startswith(f"{_BRIDGES}.")


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """A code object and all that are nested in it (lambdas, comprehensions, inner functions)."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


_CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
_TIME = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime", "ctime", "sleep"}


def forbidden_calls(reached: Reached) -> Iterator[tuple[str, str]]:
    """(function, what it asks) for each use of the wall clock, the process's chance, or memory addresses."""
    for function in reached.functions.values():
        for code in codes_of(function.__code__):
            for value, words in _loaded(code, function.__globals__):
                if why := _verdict(value):
                    yield function.__qualname__, f"{words} ({why})"


def _loaded(code: CodeType, scope: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Every global and dotted name (`time.time`) that code loads, with the value it has now."""
    value, words = None, ""
    builtin = scope.get("__builtins__", {})
    names = builtin if isinstance(builtin, dict) else vars(builtin)
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            words = str(step.argval)
            value = scope.get(words, names.get(words))
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(value, (ModuleType, type)):
            words = f"{words}.{step.argval}"
            value = getattr(value, str(step.argval), None)
        else:
            if value is None:
                continue
            value = None
        if value is not None:
            yield value, words


def _verdict(value: Any) -> str:
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", "")
    owner = getattr(value, "__self__", None)
    if value is id:
        return "a memory address"
    if isinstance(owner, type) and (owner.__name__, name) in _CLOCKS:
        return "the wall clock"
    if module == "time" and name in _TIME:
        return "the wall clock"
    if type(owner).__module__ == "random" and owner is getattr(sys.modules["random"].random, "__self__", None):
        return "the process's random stream"
    if module == "secrets" or (module == "uuid" and name in ("uuid1", "uuid4")) or name == "urandom" or name == "SystemRandom":
        return "chance"
    return ""
