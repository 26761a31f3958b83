"""The JSON schemas an answer may be held to, and how long an answer of such a schema can get.

A schema of ours is closed and bounded: objects whose properties are all required, strings with
`maxLength`, lists with `maxItems`, closed lists of values (`enum`). Anything else is refused, because a
model that may go on will go on, and a token limit that cannot be derived is a guess.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from nightshift.errors import ConfigError

BYTES_A_CHARACTER = 4
"""Longest UTF-8 character; a byte-level vocabulary may need a token for each byte."""

Schema = dict[str, Any]


CHARS_PER_TOKEN = 2.0
"""Characters of free text a token, at worst. Byte-pair vocabularies of 32k to 150k entries make 3.5 to 5
of English and 2 to 3 of other languages in Latin letters; scripts that need more tokens than this are
closed early, and judged like any other answer."""
_NOISE = ("title", "description", "default", "$defs")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long an instance can get when it is written without free whitespace."""

    structure: int
    """UTF-8 bytes of everything but the inside of free strings: braces, keys, quotes, commas, the longest
    choices."""
    text: int
    """Characters inside free strings, at most."""
    least: int
    """Characters inside free strings that a valid instance cannot do without."""

    def __add__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.structure + other.structure, self.text + other.text, self.least + other.least)

    def times(self, most: int, least: int) -> "Bounds":
        """A list of these, commas left out."""
        return Bounds(self.structure * most, self.text * most, self.least * least)


def compact(value: Any) -> str:
    """JSON without free whitespace, keys in their own order.

    >>> compact({"mood": "dark", "year": 1996})
    '{"mood":"dark","year":1996}'
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def bounds(schema: Schema, place: str = "the answer") -> Bounds:
    """The longest instance. Raises ValueError that names the place for a schema that is open or not bounded.

    >>> bounds({"type": "string", "maxLength": 20})
    Bounds(structure=2, text=20, least=0)
    """
    if "enum" in schema:
        return Bounds(max(len(compact(value).encode()) for value in schema["enum"]), 0, 0)
    kind = schema.get("type")
    measure = _MEASURES.get(kind) if isinstance(kind, str) else None
    if measure is None:
        raise ValueError(f"{place} has type {kind!r}; a schema of ours knows {', '.join(_MEASURES)} and enum")
    return measure(schema, place)


def _object(schema: Schema, place: str) -> Bounds:
    properties: dict[str, Schema] = schema.get("properties", {})
    if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
        raise ValueError(
            f"{place} is an open object: set additionalProperties to false and require every property"
        )
    total = Bounds(2 + max(0, len(properties) - 1), 0, 0)  # braces and commas
    for name, inner in properties.items():
        total += Bounds(len(compact(name).encode()) + 1, 0, 0) + bounds(inner, f"{place}.{name}")
    return total


def _array(schema: Schema, place: str) -> Bounds:
    most = schema.get("maxItems")
    if most is None:
        raise ValueError(f"{place} is a list without maxItems: bound it, or a model may list for ever")
    return Bounds(2 + max(0, most - 1), 0, 0) + bounds(schema.get("items", {}), f"{place}[]").times(
        most, schema.get("minItems", 0)
    )


def _string(schema: Schema, place: str) -> Bounds:
    if "maxLength" not in schema:
        raise ValueError(f"{place} is a string without maxLength: bound it, or a model may write for ever")
    return Bounds(2, schema["maxLength"], schema.get("minLength", 0))


def _integer(schema: Schema, place: str) -> Bounds:
    if "minimum" not in schema or "maximum" not in schema:
        raise ValueError(
            f"{place} is an integer without minimum and maximum: bound it, or a model may count for ever"
        )
    return Bounds(max(len(str(schema["minimum"])), len(str(schema["maximum"]))), 0, 0)


_MEASURES: dict[str, Callable[[Schema, str], Bounds]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "boolean": lambda schema, place: Bounds(len("false"), 0, 0),
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
