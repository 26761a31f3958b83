"""What a model may answer: bounded texts, closed choices, lists of them, whole numbers within bounds.

From the fields follow the answer's strict model, its JSON schema with the longest answer in tokens, the
table's columns, and the words that ask for them.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, create_model
from pydantic import Field as Bounds

from nightshift.enrichments.declared.nodes import Node
from nightshift.errors import meant_of_all
from nightshift.prompts.fields import CHARS_PER_WORD, STRICT, bounded, one_of
from nightshift.tables import PROVENANCE, STRINGS, Column

MOST_FIELDS, MOST_CHARS, MOST_CHOICES, CHOICE_CHARS, FARTHEST = 12, 2_000, 200, 80, 10**9
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FORMS = "{text: 120}, {list: [one, two], most: 2}, [one, two] or {number: [0, 10]}"


@dataclass(frozen=True)
class Field:
    """One value of an answer, and its column."""

    name: str
    kind: str
    """`text`, `list`, `choice` or `number`."""
    chars: int = 0
    choices: tuple[str, ...] = ()
    most: int = 0
    low: int = 0
    high: int = 0

    @property
    def annotation(self) -> Any:
        """Type of the answer's value."""
        if self.kind == "text":
            return bounded(self.chars)
        if self.kind == "number":
            return Annotated[int, Bounds(ge=self.low, le=self.high)]
        one = one_of(self.choices)
        return one if self.kind == "choice" else Annotated[list[one], Bounds(max_length=self.most)]  # type: ignore[valid-type]

    @property
    def plain(self) -> Any:
        """Type of the accepted value."""
        return {"text": str, "choice": str, "list": list[str], "number": int}[self.kind]

    @property
    def column(self) -> Column:
        """Its column of the table."""
        dtype: Any = {"text": pl.String, "choice": pl.String, "list": STRINGS, "number": pl.Int64}[self.kind]
        return Column(dtype, self.asked)

    @property
    def asked(self) -> str:
        """What is asked for, in words."""
        if self.kind == "text":
            return f"a text of at most {max(1, self.chars // CHARS_PER_WORD)} words"
        if self.kind == "number":
            return f"a whole number from {self.low} to {self.high}"
        listed = ", ".join(self.choices)
        return f"one of {listed}" if self.kind == "choice" else f"at most {self.most} of {listed}"

    @property
    def empty(self) -> Any:
        """A value that says nothing, where a template has none."""
        return [] if self.kind == "list" else None


def answer_model(name: str, fields: tuple[Field, ...]) -> type[BaseModel]:
    """The strict object that is asked for."""
    made = {field.name: (field.annotation, ...) for field in fields}
    return create_model(name, __config__=STRICT | {"protected_namespaces": ()}, **made)  # type: ignore[call-overload, no-any-return]


def value_model(name: str, fields: tuple[Field, ...]) -> type[BaseModel]:
    """What an accepted answer becomes."""
    made = {field.name: (field.plain, ...) for field in fields}
    config = {"extra": "forbid", "frozen": True, "protected_namespaces": ()}
    return create_model(name, __config__=config, **made)  # type: ignore[call-overload, no-any-return]


def read_choices(node: Node, what: str) -> tuple[str, ...]:
    """A closed list of words. Raises ConfigError with the line for one that stands twice."""
    found: dict[str, str] = {}
    entries = node.listed(what)
    for entry in entries:
        word = " ".join(entry.word(f"{what}: a choice").split())
        if len(word) > CHOICE_CHARS:
            entry.refuse(f"{what}: a choice has at most {CHOICE_CHARS} characters; given: {word!r}")
        if word.casefold() in found:
            entry.refuse(f"{what}: the choice {word!r} stands twice; keep one of them")
        found[word.casefold()] = word
    if not 2 <= len(found) <= MOST_CHOICES:
        node.refuse(f"{what} must list 2 to {MOST_CHOICES} choices; given: {len(found)}")
    return tuple(found.values())


def read_answer(node: Node, key: tuple[str, ...]) -> tuple[Field, ...]:
    """The fields of `answer`. `key` are the entity's columns, whose names are taken."""
    given = node.mapping("answer")
    if not 1 <= len(given) <= MOST_FIELDS:
        node.refuse(f"answer must have 1 to {MOST_FIELDS} fields; given: {len(given)}")
    taken = {*key, *PROVENANCE, "row_id"}
    for name, inner in given.items():
        if not _NAME.fullmatch(name):
            inner.refuse(f"answer: the field {name!r} must be of lower-case letters, digits and _")
        if name in taken or hasattr(BaseModel, name):
            inner.refuse(f"answer: the name {name!r} is taken; call the field something else")
    return tuple(_field(name, inner) for name, inner in given.items())


def _field(name: str, node: Node) -> Field:
    what = f"answer.{name}"
    if isinstance(node.value, list):
        return Field(name, "choice", choices=read_choices(node, what))
    if not isinstance(node.value, dict):
        open_text = node.text in ("text", "str", "string")
        says = (
            "a text without a length: a model that may go on will go on" if open_text else "no form of answer"
        )
        node.refuse(f"{what}: {node.shown} is {says}; write {_FORMS}")
    kinds = [kind for kind in ("text", "list", "number") if kind in node.value]
    if len(kinds) != 1:
        first = next(iter(node.value), "")
        node.refuse(f"{what}: {first!r} is no form that every model can be held to; write {_FORMS}")
    _only(node, what, ("list", "most") if kinds == ["list"] else (kinds[0],))
    return {"text": _text, "list": _list, "number": _number}[kinds[0]](name, what, node.value)


def _only(node: Node, what: str, known: tuple[str, ...]) -> None:
    for name, inner in node.value.items():
        if name not in known:
            inner.refuse(f"{what}: unknown key {name!r}; {meant_of_all(name, known)}")


def _text(name: str, what: str, given: dict[str, Node]) -> Field:
    node = given["text"]
    if node.value is None:
        node.refuse(
            f"{what}: a text without a length: a model that may go on will go on; write {{text: 120}}"
        )
    return Field(name, "text", chars=node.number(f"{what}.text, in characters,", 1, MOST_CHARS))


def _list(name: str, what: str, given: dict[str, Node]) -> Field:
    choices = read_choices(given["list"], f"{what}.list")
    if "most" not in given:
        given["list"].refuse(f"{what}: a list without an end; write {{list: [...], most: 3}}")
    most = given["most"].number(f"{what}.most", 1, len(choices))
    return Field(name, "list", choices=choices, most=most)


def _number(name: str, what: str, given: dict[str, Node]) -> Field:
    node = given["number"]
    ends = node.listed(f"{what}.number")
    if len(ends) != 2:
        node.refuse(f"{what}.number must be the lowest and the highest whole number, [0, 10]")
    low, high = (end.number(f"{what}.number", -FARTHEST, FARTHEST) for end in ends)
    if low >= high:
        node.refuse(f"{what}.number: {low} is not below {high}")
    return Field(name, "number", low=low, high=high)
