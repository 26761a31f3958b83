"""The settings classes as Dagster configuration, so that the launchpad lists, describes and checks what
one run may be given.

Every field is optional: what is left out is as nightshift.yaml says. Dagster looks at names and types
before a run is launched; `nightshift.night.overrides` holds the values against the settings classes when
it starts.
"""

import types
from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nightshift.night.config import Settings
from nightshift.night.overrides import BLOCKS, FIXED

ABOUT = "Settings for this run only, instead of those in nightshift.yaml, which stays as it is."
SCALARS: dict[Any, Any] = {bool: bool, int: int, float: float}
"""Types that Dagster's configuration has as well. Others are text here (a date, a path); pydantic reads
the text."""


def run_config() -> dg.Field:
    """Configuration of the resource `nightshift`: the blocks that a run may be given; others are listed
    with why they may not."""
    blocks = {name: _field(Settings.model_fields[name], name) for name in BLOCKS}
    return dg.Field(blocks | _fixed(), is_required=False, description=ABOUT)


def _fixed() -> dict[str, dg.Field]:
    """Blocks that are refused with a reason. `alerts` holds a secret: Dagster refuses it before anything
    is stored."""
    return {
        name: _refused(name)
        for name in Settings.model_fields
        if name in FIXED and name not in ("alerts", "root")
    }


def _refused(path: str) -> dg.Field:
    return dg.Field(dg.Any, is_required=False, description=f"Cannot be given for one run: {FIXED[path]}.")


def _shape(model: type[BaseModel], above: str) -> dict[str, dg.Field]:
    return {name: _field(field, f"{above}.{name}") for name, field in model.model_fields.items()}


def _field(field: FieldInfo, path: str) -> dg.Field:
    if path in FIXED:
        return _refused(path)
    about = " ".join((field.description or "").split())
    return dg.Field(_type(field.annotation, path), is_required=False, description=about)


def _type(annotation: Any, path: str) -> Any:
    """A type of Dagster's configuration for a field's type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _shape(annotation, path)
    made = _COMPOUND.get(get_origin(annotation))
    return made(get_args(annotation), path) if made else SCALARS.get(annotation, str)


def _optional(inner: tuple[Any, ...], path: str) -> Any:
    """`T | None`; a choice among several types is left to pydantic."""
    some = [one for one in inner if one is not types.NoneType]
    return dg.Noneable(_type(some[0], path)) if len(some) == 1 and len(inner) == 2 else dg.Any


def _one_of(words: tuple[Any, ...], path: str) -> Any:
    """A `Literal`, under a name that says its words: Dagster's enums are told apart by name."""
    return dg.Enum("_or_".join(map(str, words)), [dg.EnumValue(str(word)) for word in words])


_COMPOUND: dict[Any, Callable[[tuple[Any, ...], str], Any]] = {
    Union: _optional,
    types.UnionType: _optional,
    Literal: _one_of,
    tuple: lambda inner, path: [_type(inner[0], path)],
    dict: lambda inner, path: {_type(inner[0], path): _type(inner[1], path)},
}
