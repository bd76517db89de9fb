"""What a server's refusal says: its words, its code, the field that it names, and whether the prompt does not fit.

Laws: codes and fields are believed before words; a refusal that names a field of the request is about that field and not
about the model; words are read without the name of the model in them. Not here: what follows from it (`retrying.py` for a
request, `preflight.py` for a run).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...envs.errors import shorten

OVERFLOW_STATUS = frozenset((400, 413, 422, 500))  # some engines answer 500 to a prompt that does not fit
_OVERFLOW_CODES = frozenset((
    "context_length_exceeded", "context_window_exceeded", "exceed_context_size_error", "model_context_window_exceeded",
    "model_max_prompt_tokens_exceeded", "request_too_large", "string_above_max_length", "contextwindowexceedederror",
    "tokens_limit_reached", "1261",
))  # fmt: skip
_OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|contextwindowexceeded|(maximum|max|available|configured|model.?s) context"
    r"|context (length|size|window)|maximum model length|max_model_len|string_above_max_length|request_too_large"
    r"|(prompt|input|query|conversation|messages?)( tokens?)? (is|are|was|were)? ?too (long|large|big)|too many (input |prompt )?tokens"
    r"|range of input length should be|prompt exceeds (the )?max(imum)? length|maximum (prompt|input) length"
    r"|(token count|input length|prompt length|prompt token|input token|input)s?\b.{0,60}\bexceed|exceed\w* (the )?(model )?token limit"
    r"|exceed\w* (the )?(maximum )?(allowed )?(input|prompt) (length|tokens)|exceed max message tokens|exceeds? max_(input_len|num_tokens)"
    r"|but the model only supports up to \d|larger than the model input length|max_single_sequence_length|session.?len"
    r"|reduce the length of|inputs?` (tokens \+ `?max_new_tokens|must have less than)|max_tokens must be at least 1, got -",
    re.IGNORECASE,
)
_NOT_OVERFLOW = re.compile(r"rate.?limit|tokens per (min|day)|too many requests|throttl|quota", re.IGNORECASE)
_MODEL_CODES = frozenset(("model_not_found", "model_not_exist", "unknown_model", "invalid_model", "modelnotfound", "deploymentnotfound"))
_NO_MODEL = re.compile(
    r"(model|deployment)\b.{0,120}?\b(do(es)? not exist|not exist|not found|not available|no access|have access|not (a )?valid|invalid"
    r"|unknown|not (yet )?supported|unsupported|not loaded|not recogni[sz]ed|not allowed)"
    r"|(unknown|invalid|no such|unsupported|unrecogni[sz]ed|incorrect) (model|deployment)|no (model|deployment) (is )?(named|called)",
    re.IGNORECASE,
)


class Refusal(NamedTuple):
    """What an answer with an error says.

    Attributes:
        said: its words in one line. code: its code or type, lower case. param: the field that it names, such as
            `tools.0.function.strict`; both "" where it has none. status: the status that it tells itself, 0 for none.
    """

    said: str
    code: str = ""
    param: str = ""
    status: int = 0


def read_refusal(body: bytes) -> Refusal:
    """What the body of an error says: of OpenAI's form, FastAPI's, or any other; never raises."""
    if (text := body.lstrip()).startswith(b"data:"):  # the first event of a stream
        body = text.removeprefix(b"data:").split(b"\n", 1)[0]
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(glimpse(body))
    if isinstance(found, list) and found and isinstance(found[0], dict) and "error" in found[0]:  # as Gemini answers
        found = found[0]
    said, codes, param = found, [], ""
    status = 0
    for name in ("", "error", "message", "detail"):
        if isinstance(said, dict) and name and said.get(name):
            said = said[name]
        if isinstance(said, dict):
            codes += [str(said[key]) for key in ("type", "code", "status") if isinstance(said.get(key), (str, int))]
            param = said["param"] if isinstance(said.get("param"), str) else param
            status = next((n for key in ("code", "status") if 400 <= (n := _number(said.get(key))) < 600), status)
    if isinstance(said, list) and said and all(isinstance(item, dict) and "loc" in item for item in said):
        places = [".".join([str(step) for step in item["loc"] if step != "body"]) for item in said if isinstance(item["loc"], list)]
        param = param or next(iter(places), "")
        said = "; ".join([f"{place}: {item.get('msg', '')}" for place, item in zip(places, said, strict=False)])
    if isinstance(said, (dict, list)):
        said = json.dumps(said)
    words = shorten(" ".join(said.split()), 300) if isinstance(said, str) and said else glimpse(body)
    return Refusal(words, next((c.lower() for c in reversed(codes) if not c.isdigit()), next(iter(codes), "")), param, status)


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isdigit() and len(value) == 3:
        return int(value)
    return value if type(value) is int else 0


def glimpse(body: bytes) -> str:
    """The beginning of a body, in one line."""
    return shorten(" ".join(body[:200].decode("utf-8", "replace").split()), 100) if body else "an empty body"


def says_overflow(status: int, said: str, body: bytes) -> bool:
    """Whether a refusal says that the prompt does not fit into the model's context."""
    if status not in OVERFLOW_STATUS:
        return False
    if status == 413:
        return True
    text = body[:4000].decode("utf-8", "replace")
    codes = {code.lower() for code in re.findall(r'"(?:code|type)"\s*:\s*"?([\w.]+)', text)}
    if codes & _OVERFLOW_CODES:
        return True
    return bool(_OVERFLOW.search(f"{said} {text}")) and not _NOT_OVERFLOW.search(said)


def names_field(refusal: Refusal, fields: Iterable[str], model: str = "") -> str:
    """The field of the request that a refusal names, "" for none.

    Args:
        fields: those of the request, and of its tools (`strict`). model: the model's name, whose parts are no fields.
    """
    known = [field for field in fields if field not in ("model", "messages", "tools")]
    steps = re.split(r"[.\[\]]+", refusal.param)
    for field in known:
        if field in steps:
            return field
    words = refusal.said.replace(model, " ") if len(model) > 2 else refusal.said
    found = [(at.start(), field) for field in known if (at := re.search(rf"(?<![\w-]){re.escape(field)}(?![\w-])", words))]
    return min(found)[1] if found else ""


def says_no_model(refusal: Refusal, model: str) -> bool:
    """Whether a refusal says that the server does not know the model."""
    if refusal.code in _MODEL_CODES or refusal.param == "model":
        return True
    words = refusal.said
    return bool(_NO_MODEL.search(words.replace(model, "X", 1) if len(model) > 2 else words))
