"""A text with `{placeholders}`: names and nothing else, each filled with one clean line of a row.

The placeholders are the allow-list. No attribute, index, format or conversion is read, so a template cannot
reach what a row does not show, and every value goes through `one_line`: no author can leave that out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any

from nightshift.enrichments.declared.nodes import Node
from nightshift.errors import meant_of_all
from nightshift.prompts.item_text import one_line

NOUN = "noun"
"""Placeholder for what an item is called in the vocabulary."""
VALUE_CHARS = 400
"""Longest value in a prompt, in characters."""
PART_CHARS = 120
"""Longest entry of a list in a prompt, in characters."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TITLES = ("liked", "disliked", "titles")
"""Lists of whole titles, which hold commas."""
Piece = tuple[str, str | None]
"""Words of the template, and the placeholder behind them."""


@dataclass(frozen=True)
class Template:
    """A text that was read."""

    pieces: tuple[Piece, ...]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Placeholders beside the noun, in order."""
        names = [name for _, name in self.pieces if name not in (None, NOUN)]
        return tuple(dict.fromkeys(name for name in names if name))

    @cached_property
    def lines(self) -> tuple[tuple[Piece, ...], ...]:
        """The pieces of each line."""
        lines: list[list[Piece]] = [[]]
        for words, name in self.pieces:
            *whole, last = words.split("\n")
            for line in whole:
                lines[-1].append((line, None))
                lines.append([])
            lines[-1].append((last, name))
        return tuple(map(tuple, lines))

    def filled(self, row: Mapping[str, Any], noun: str = "") -> str:
        """The text for a row. A line all of whose placeholders are empty is left out."""
        values = {name: shown(name, row.get(name)) for name in self.fields} | {NOUN: noun}
        return "\n".join(_line(line, values) for line in self.lines if _says(line, values))


def _says(line: tuple[Piece, ...], values: Mapping[str, str]) -> bool:
    names = [name for _, name in line if name not in (None, NOUN)]
    return not names or any(values[name] for name in names if name)


def _line(line: tuple[Piece, ...], values: Mapping[str, str]) -> str:
    return "".join(words + (values[name] if name else "") for words, name in line).rstrip()


def shown(name: str, value: Any) -> str:
    """A value on one line, capped, masked, without marks that a chat template gives a meaning to."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        parts = (one_line(str(part), PART_CHARS) for part in value if part is not None)
        return ("; " if name in _TITLES else ", ").join(part for part in parts if part)
    return one_line(str(value), VALUE_CHARS)


def read_template(node: Node, what: str, known: tuple[str, ...]) -> Template:
    """The template of a text. Raises ConfigError with the line for a placeholder that is not known."""
    text = node.word(what).strip("\n")
    pieces, seen = list[Piece](), 0
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        node.refuse(f"{what}: {error}; a brace that is no placeholder is written twice, {{{{ or }}}}")
    for words, name, form, conversion in parsed:
        seen += len(words)
        line = _line_of(node, text, name, seen)
        if name is not None and (form or conversion or not _NAME.fullmatch(name)):
            said = "".join((name, f"!{conversion}" if conversion else "", f":{form}" if form else ""))
            node.refuse(f"{what}: {{{said}}} is no placeholder: a name and nothing else, {{title}}", line)
        if name is not None and name not in known:
            node.refuse(f"{what}: unknown placeholder {{{name}}}; {meant_of_all(name, known)}", line)
        pieces.append((words, name))
    return Template(tuple(pieces))


def _line_of(node: Node, text: str, name: str | None, seen: int) -> int:
    """Line of a placeholder in a literal block; that of the whole value elsewhere."""
    if not node.block or name is None:
        return node.line
    at = text.find("{" + name, max(0, seen - 1))
    ahead = len(node.text) - len(node.text.lstrip("\n"))
    return node.line + 1 + ahead + text[: max(at, 0)].count("\n")
