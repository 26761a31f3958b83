"""Types, limits and defaults of settings in plain words."""

import types
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from jobs.reference.markdown import code, listed

PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    date: "date, `YYYY-MM-DD`",
    datetime: "moment, ISO 8601",
    Path: "path",
    SecretStr: "secret text",
}
"""Python's types as a reader of a YAML file calls them."""


def type_words(annotation: Any) -> str:
    """A type in words: `tuple[int, ...]` is a list of whole number. None is not named: it is what leaving
    out means."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(inner[0])
    if origin in (Union, types.UnionType):
        return listed([type_words(one) for one in inner if one is not types.NoneType])
    if origin is Literal:
        return listed([code(str(choice)) for choice in inner])
    if origin is tuple:
        return f"list of {type_words(inner[0])}"
    if origin is dict:
        return f"mapping of {type_words(inner[0])} to {type_words(inner[1])}"
    return PLAIN[annotation]


def limit_words(field: FieldInfo) -> str:
    """What a value must satisfy, such as `, at least 0, at most 1`; empty when nothing."""
    said = [("at least", Ge, "ge"), ("above", Gt, "gt"), ("at most", Le, "le"), ("below", Lt, "lt")]
    found = [
        f", {word} {getattr(rule, name)}"
        for word, kind, name in said
        for rule in field.metadata
        if isinstance(rule, kind)
    ]
    return "".join(found)


def default_words(field: FieldInfo) -> str:
    """The default as it would stand in the file."""
    return (
        "**required**" if field.is_required() else code(_yaml(field.get_default(call_default_factory=True)))
    )


def _yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value) if value != "" else '""'
