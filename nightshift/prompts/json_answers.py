"""Structured answers: from an answer's text to the pydantic model that it should be."""

import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from nightshift.errors import RejectedAnswer, RejectReason
from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.wrappings import block
from nightshift.prompts.parsing import refuse, shown

M = TypeVar("M", bound=BaseModel)

_REASONS: dict[str, RejectReason] = {
    "literal_error": "unknown_tag",
    "string_too_long": "too_long",
    "string_too_short": "empty",
}


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
