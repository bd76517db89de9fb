"""What a role has to answer: a form, shown to the model as a function to call, read from the call or from JSON in text.

A function is the one structured output that every server, engine and grammar knows. Law: what a model wrote is parsed
as JSON and checked against the form, never evaluated; what does not fit is told in one line. Not here: how often a
model is asked (`speaker.py`), what a value means (the roles).
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...agents.policy import AssistantMessage
from ...envs.errors import shorten

F = TypeVar("F", bound=BaseModel)


class Unusable(ValueError):
    """Why an answer cannot be used, in words for the model."""


class BriefForm(BaseModel):
    """What the tooling agent fills in."""

    model_config = ConfigDict(extra="forbid", strict=True, title="write_brief")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,63}$", description="A name for the whole, in snake_case.")
    description: str = Field(min_length=10, max_length=400, description="One sentence that says what the whole does.")
    goals: list[str] = Field(min_length=1, max_length=3, description="Each goal, reworded as an imperative clause.")


class QueryForm(BaseModel):
    """What the querying agent fills in."""

    model_config = ConfigDict(extra="forbid", strict=True, title="write_message")
    message: str = Field(min_length=1, max_length=1200, description="The user's message, word for word.")


class HintForm(BaseModel):
    """What the critiquing agent fills in."""

    model_config = ConfigDict(extra="forbid", strict=True, title="give_hint")
    hint: str = Field(min_length=5, max_length=600, description="One or two sentences for the next attempt.")


def as_tool(form: type[BaseModel]) -> dict[str, Any]:
    """A form as an OpenAI tool schema."""
    schema = form.model_json_schema()
    parameters = {
        "type": "object",
        "properties": {name: {k: v for k, v in part.items() if k != "title"} for name, part in schema["properties"].items()},
        "required": schema["required"],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": schema["title"], "description": "Give your answer.", "parameters": parameters}}


def read_form(answer: AssistantMessage, form: type[F]) -> F:
    """The form that an answer fills in: a call of it, or its JSON object in the text. Raises `Unusable`."""
    name = str(form.model_config.get("title"))
    calls = [call for call in answer.tool_calls if call.name == name]
    if answer.tool_calls and not calls:
        raise Unusable(f"there is no function {shorten(answer.tool_calls[0].name, 60)}; call {name}")
    raw = str(calls[0].arguments) if calls else _object_in(answer.content)
    if not raw:
        raise Unusable(f"call the function {name}, or write its arguments as one JSON object and nothing else")
    try:
        made = form.model_validate_json(raw)
        readable(*[part for value in made.model_dump().values() for part in (value if isinstance(value, list) else [value])])
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, item['loc'])) or 'the answer'}: {item['msg']}" for item in error.errors()[:3]]
        raise Unusable(f"it does not fit {name}: {shorten('; '.join(wrong), 300)}") from None
    except RecursionError:
        raise Unusable("it is nested too deeply") from None
    return made


def readable(*texts: str) -> None:
    """Raise `Unusable` for text that no file can hold."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unusable("it holds half a character") from None


def _object_in(text: str) -> str:
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else ""
