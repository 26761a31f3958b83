"""A deterministic instance of a JSON schema, made of a text's own words: what the echo model answers where
a schema is set."""

import re
from typing import Any

from nightshift.models.llm.schema import Schema
from nightshift.storage.content_key import content_key

_WORD = re.compile(r"\w+")
_ALIKE = 4
"""Letters by which a property and a field of the text are about the same: `likes` and `Liked:`."""


def instance(schema: Schema, fields: dict[str, str], sentence: str, name: str = "") -> Any:
    """A value that satisfies the schema. Strings are the sentence, choices are those that the text's
    fields name.

    >>> mood = {"enum": ["sad", "dark"]}
    >>> instance({"type": "object", "properties": {"mood": mood}}, {"Movie": "A dark tale"}, "A tale.")
    {'mood': 'dark'}
    """
    if "enum" in schema:
        return _best(schema["enum"], _about(name, fields))
    kind = schema["type"]
    if kind == "object":
        return {key: instance(inner, fields, sentence, key) for key, inner in schema["properties"].items()}
    if kind == "array":
        return _listed(schema, fields, sentence, name)
    if kind == "string":
        return cut_sentence(sentence, schema["maxLength"]).ljust(schema.get("minLength", 0), ".")
    low, high = (0, 1) if kind == "boolean" else (schema["minimum"], schema["maximum"])
    number = low + int(_unit(name, *fields.values()) * (high - low + 1))
    return bool(number) if kind == "boolean" else number


def cut_sentence(text: str, most: int) -> str:
    """At most so many characters, cut at a word and ended.

    >>> cut_sentence("A long story about a dog.", 12)
    'A long.'
    """
    return text if len(text) <= most else f"{text[: most - 1].rsplit(' ', 1)[0]}."


def _listed(schema: Schema, fields: dict[str, str], sentence: str, name: str) -> list[Any]:
    """The choices that the text names; where there are fewer than `minItems`, the first ones fill up."""
    items, least, most = schema["items"], schema.get("minItems", 0), schema["maxItems"]
    if "enum" not in items:
        return [
            instance(items, fields, sentence, f"{name}{number}") for number in range(max(least, min(most, 1)))
        ]
    words = _words(_about(name, fields))
    named = [choice for choice in items["enum"] if _words(str(choice)) & words]
    return [*named, *(choice for choice in items["enum"] if choice not in named)][
        : max(least, min(most, len(named)))
    ]


def _about(name: str, fields: dict[str, str]) -> str:
    """The field that begins like the property, else all of them."""
    alike = [text for label, text in fields.items() if label.lower()[:_ALIKE] == name.lower()[:_ALIKE]]
    return " ".join(alike or fields.values())


def _best(choices: list[Any], text: str) -> Any:
    words = _words(text)
    return max(choices, key=lambda choice: (len(_words(str(choice)) & words), _unit(text, str(choice))))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _unit(*parts: str) -> float:
    """A number in [0, 1) that follows from the parts."""
    return int(content_key(*parts)[:12], 16) / 16**12
