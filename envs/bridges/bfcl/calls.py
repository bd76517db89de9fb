"""A call as BFCL would make it: its text is rewritten as BFCL rewrites it, and read back as data. Nothing is evaluated.

BFCL writes a call as text (`name(key=repr(value),...)`), puts an instance's name before every method's name that stands
before a parenthesis, drops the white space before every such parenthesis, and evaluates what comes out. Both happen
inside texts that are arguments too: `Summary (draft)` becomes `Summary(draft)`, and `sort (x)` gets an instance's name,
which differs between the model's side and gold's. So whatever has a parenthesis, an unknown key or a number that JSON
lacks goes that way here, as far as the syntax tree; all else is passed as it is. Laws: only a plain call of the named
tool with literal arguments comes out; what evaluation would have raised is raised with its words.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...errors import ToolError

_BEFORE_PARENTHESIS = re.compile(r"\b([a-zA-Z_]\w*)\s*(?=\()")
_NOT_ALLOWED = frozenset(("kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"))
_MOST_DEPTH = 40
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # `json.loads` reads with it, after a look at white space
_PLAIN = frozenset((int, bool, type(None)))


def read_arguments(arguments: str | dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call as fresh data; raises `ToolError` where BFCL cannot decode them either."""
    if type(arguments) is str:
        try:
            read, end = _scan(arguments, 0)
            if end == len(arguments) and type(read) is dict:
                return read
        except (StopIteration, ValueError, RecursionError):
            pass  # told below in full
    try:
        found = json.loads(arguments if type(arguments) is str else json.dumps(arguments))
    except (ValueError, TypeError, RecursionError) as error:
        raise ToolError("invalid_arguments", f"the arguments cannot be decoded: {error}") from None
    if type(found) is not dict:
        raise ToolError("invalid_arguments", f"the arguments are {type(found).__name__} and no object")
    return found


def is_plain(arguments: Mapping[str, Any], known: frozenset[str]) -> bool:
    """Whether rewriting and reading back would change nothing."""
    for key, value in arguments.items():
        kind = type(value)
        if key not in known:
            return False
        if kind is str:
            if "(" in value:
                return False
        elif kind not in _PLAIN and not _is_plain(value, 0):
            return False
    return True


def _is_plain(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return "(" not in value
    if kind in _PLAIN:
        return True
    if kind is float:
        return bool(value - value == 0.0)
    if depth >= _MOST_DEPTH:
        return False
    if kind is list:
        return all(_is_plain(part, depth + 1) for part in value)
    return kind is dict and all("(" not in key and _is_plain(part, depth + 1) for key, part in value.items())


def read_back(name: str, arguments: Mapping[str, Any], instances: Mapping[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """The positional and named arguments that BFCL's evaluation would pass.

    Args:
        name: the tool. arguments: decoded. instances: method name -> name of its instance, over all classes of the entry.

    Raises SyntaxError or NameError with the words of BFCL's evaluation, ValueError for what would have been computed.
    """
    text = f"{name}({','.join([f'{key}={value!r}' for key, value in arguments.items()])})"
    text = _BEFORE_PARENTHESIS.sub(lambda found: f"{instances[found[1]]}.{found[1]}" if found[1] in instances else found[1], text)
    with warnings.catch_warnings():  # of escapes that rewriting made
        warnings.simplefilter("ignore")
        tree = ast.parse(text, "<string>", "eval").body
    whole = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and isinstance(tree.func.value, ast.Name)
    if not whole or (tree.func.value.id, tree.func.attr) != (instances[name], name):  # type: ignore[attr-defined]
        raise ValueError("a name of an argument is code, which is not evaluated here")
    assert isinstance(tree, ast.Call)
    named: dict[str, Any] = {}
    for keyword in tree.keywords:
        if keyword.arg in named:
            raise SyntaxError(f"keyword argument repeated: {keyword.arg} (<string>, line 1)")
        named[keyword.arg or ""] = None
    positional = [_literal(node) for node in tree.args]
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise ValueError("a name of an argument is code, which is not evaluated here")
        named[keyword.arg] = _literal(keyword.value)
    return positional, named


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        for name in _names(node):
            if name in ("nan", "inf"):
                raise NameError(f"name '{name}' is not defined") from None
        raise ValueError("an argument is code, which is not evaluated here") from None


def _names(node: ast.AST) -> Iterator[str]:
    """Names in the order in which they would be looked up."""
    if isinstance(node, ast.Name):
        yield node.id
    if isinstance(node, ast.Dict):
        parts: Iterable[ast.AST] = [part for pair in zip(node.keys, node.values, strict=True) for part in pair if part is not None]
    else:
        parts = ast.iter_child_nodes(node)
    for part in parts:
        yield from _names(part)


def unknown_text(name: str) -> str:
    """What BFCL says of a call of something that is no tool (and nothing of Python's own, which it would call)."""
    head = name.partition("(")[0]
    head = head.split(".")[1] if "." in head else head
    if head in _NOT_ALLOWED:
        return f"Error during execution: Function call {head} is not allowed."
    return f"Error during execution: name {name.partition('.')[0]!r} is not defined"
