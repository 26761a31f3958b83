"""docs/reference/settings.md: every key of nightshift.yaml, from the settings classes."""

import inspect
import types
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jobs.reference.examples import COMPLETE, MINIMAL
from jobs.reference.markdown import anchor, code, fenced, page, table
from jobs.reference.words import default_words, limit_words, type_words
from nightshift.night.config import Settings

NOT_IN_THE_FILE = ("root",)
"""Fields that `load_settings` sets itself."""
INTRO = """
One file, `nightshift.yaml`, says everything. Paths in it start at its own folder. An unknown key is refused with the nearest known one.

- **Another file:** `--config FILE`, or the variable `NIGHTSHIFT_CONFIG`.
- **Overrides:** a variable `NIGHTSHIFT_` and the key in capitals, blocks joined by two underscores, wins over the file:
  `NIGHTSHIFT_LLM__MODEL=smollm2-135m-instruct` is `llm.model`. A list or a whole block is JSON.
- **The home:** `--home FOLDER` wins over `NIGHTSHIFT_HOME`, and that over `home`.
- **See what was understood:** `nightshift check`.

Only `sources` and `nights` are required. Sentences that say *changes speed only* mean it: no answer, feature or score moves.
*Part of the prompt* or *of the content key*: a change asks the model again. *Part of the encoder id*: a change embeds every text again.
A default of `null` is the *None* of the sentences: leave the key out, or write `null`.
"""
EXAMPLES = """
## Examples

What your events say decides the mapping. `implicit`: whatever happened is a positive. `explicit`: a rating, positive from a value on.
`impressions`: what was shown, and whether it was clicked.
"""


def settings_page() -> str:
    """The whole page."""
    return page("Settings", INTRO, EXAMPLES, *examples(), *blocks(Settings))


def examples() -> Iterator[str]:
    """A minimal and a complete file for each kind of feedback."""
    for feedback, text in MINIMAL.items():
        yield f"### {feedback}: the least"
        yield fenced("yaml", text)
        yield f"### {feedback}: every key of the mapping"
        yield fenced("yaml", COMPLETE[feedback])


def blocks(model: type[BaseModel], key: str = "") -> Iterator[str]:
    """One section a block, outer before inner."""
    yield f"## {key or 'nightshift.yaml'}"
    yield inspect.cleandoc(model.__doc__ or "")
    yield table(
        ("key", "type", "default", "what it does"), [_line(name, field, key) for name, field in fields(model)]
    )
    for name, field in fields(model):
        inner = block_of(field)
        if inner:
            yield from blocks(inner, _dotted(key, name))


def fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """The fields that can stand in the file, in order."""
    return [(name, field) for name, field in model.model_fields.items() if name not in NOT_IN_THE_FILE]


def block_of(field: FieldInfo) -> type[BaseModel] | None:
    """The settings class of a field that is a block of its own, optional or not."""
    kinds = [one for one in get_args(field.annotation) if one is not types.NoneType]
    kind = kinds[0] if len(kinds) == 1 else field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _line(name: str, field: FieldInfo, key: str) -> tuple[str, str, str, str]:
    dotted, about = _dotted(key, name), field.description or ""
    if block_of(field):
        default = (
            "**required**" if field.is_required() else "left out" if field.default is None else "its own"
        )
        return f"[`{dotted}`]({anchor(dotted)})", "block", default, about
    return code(dotted), type_words(field.annotation) + limit_words(field), default_words(field), about


def _dotted(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
