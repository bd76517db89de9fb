"""Worlds, tools, graph, tasks, and the Gymnasium env around them."""

from .errors import DefinitionError, TaskError, ToolError, TurngymError, UnknownNameError
from .records import changed, record
from .state import Cell, Change, Table
from .tool import Tool, ToolCall, ToolResult, tool
from .types import Amount, Date, DontCare, Key, Known, Money, Sample, Text
from .world import Fact, World

__all__ = [
    "Amount",
    "Cell",
    "Change",
    "Date",
    "DefinitionError",
    "DontCare",
    "Fact",
    "Key",
    "Known",
    "Money",
    "Sample",
    "Table",
    "TaskError",
    "Text",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "TurngymError",
    "UnknownNameError",
    "World",
    "changed",
    "record",
    "tool",
]
