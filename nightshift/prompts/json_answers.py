"""Structured answers: from a pydantic model to a compact JSON schema, its token limit, and back from an
answer to the model.

The schema is what a grammar, a server's `response_format` and the echo model are held to. It is closed and
bounded, so that the longest answer, and with it what a night may have to pay, follows from it.
"""

import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from nightshift.errors import ConfigError, RejectedAnswer, RejectReason
from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.schema import Schema, bounds, compact
from nightshift.models.llm.wrappings import block
from nightshift.prompts.parsing import refuse, shown

M = TypeVar("M", bound=BaseModel)

CHARS_PER_TOKEN = 2.0
"""Characters of free text a token, at worst. Byte-pair vocabularies of 32k to 150k entries make 3.5 to 5
of English and 2 to 3 of other languages in Latin letters; scripts that need more tokens than this are
closed early, and judged like any other answer."""
_NOISE = ("title", "description", "default", "$defs")
_REASONS: dict[str, RejectReason] = {
    "literal_error": "unknown_tag",
    "string_too_long": "too_long",
    "string_too_short": "empty",
}


def json_schema(model: type[BaseModel]) -> str:
    """The model's schema as compact text: nothing but what binds, references resolved, properties in the
    model's order.

    Raises ConfigError that names the field which is open or not bounded.
    """
    raw = model.model_json_schema()
    schema = _plain(raw, raw.get("$defs", {}))
    try:
        bounds(schema, model.__name__)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return compact(schema)


def token_limit(schema: str) -> int:
    """Longest answer in tokens: a token for every byte of structure, and one for every two characters of
    free text.

    A byte a token is what a vocabulary can need at worst, and what a grammar sets aside to close an answer
    that runs on; real vocabularies take a third of it for keys and quotes.
    """
    most = bounds(json.loads(schema))
    return most.structure + math.ceil(most.text / CHARS_PER_TOKEN)


def _plain(node: Any, defs: dict[str, Any]) -> Schema:
    """A schema node without titles and references; `const` becomes `enum`, objects are closed."""
    if "$ref" in node:
        return _plain(defs[node["$ref"].rsplit("/", 1)[-1]], defs)
    kept = {name: value for name, value in node.items() if name not in _NOISE}
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if "properties" in kept:
        kept["properties"] = {name: _plain(inner, defs) for name, inner in kept["properties"].items()}
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    if "items" in kept:
        kept["items"] = _plain(kept["items"], defs)
    return dict(
        sorted(kept.items())
    )  # the key of every answer hangs on this text, not on the order in which pydantic writes keywords


def read_json(answer: str, finish: FinishReason, model: type[M]) -> M:
    """The answer as the model. Thoughts, a preamble line, marks and one code fence around the object are
    let pass.

    Raises RejectedAnswer: refusal, empty, too_long (cut, or a longer text than the schema allows),
    not_json, unknown_tag, schema.
    """
    text = answer.strip()
    value = _loaded(text)
    if not isinstance(value, dict):
        value = _loaded(block(text))
    if not isinstance(value, dict):
        refuse(
            text, finish
        )  # a refusal, nothing at all, or cut at the limit: better reasons than the last one
        raise RejectedAnswer("not_json", f"not one JSON object: {shown(text)}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        _reject(error)


def _loaded(text: str) -> Any:
    """The JSON value, or None for what is none: a key twice, NaN and nesting without end count as none."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _never(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _reject(error: ValidationError) -> NoReturn:
    """The first problem that has a reason of its own, else the first."""
    problems = sorted(error.errors(include_url=False), key=lambda problem: problem["type"] not in _REASONS)
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"]) or "the object"
    raise RejectedAnswer(
        _REASONS.get(first["type"], "schema"), f"{place}: {first['msg']}: {shown(str(first['input']))}"
    )
