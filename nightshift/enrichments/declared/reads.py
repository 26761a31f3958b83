"""The parts of a file that speak of answers: worked examples, features, and what stands in for an answer."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl

from nightshift.enrichments.base import Context
from nightshift.enrichments.declared.answer import Field
from nightshift.enrichments.declared.nodes import Node
from nightshift.enrichments.declared.prompt import CHOICE, Asking, Example
from nightshift.enrichments.declared.template import Template, read_template
from nightshift.enrichments.entities import Entity
from nightshift.errors import RejectedAnswer, meant_of_all
from nightshift.features.specs import Number, OneHot, Overlap, PairScore, Similarity, Spec

MOST_EXAMPLES = 20
FEATURES = ("one_hot", "number", "similarity", "overlap", "pair_score")
"""Kinds of features that a file may name."""
TemplateRows = Callable[[Context[Any], pl.DataFrame], pl.DataFrame]


def read_examples(
    node: Node, template: Template, fields: tuple[Field, ...], form: str
) -> tuple[Example, ...]:
    """Worked rows. Raises ConfigError with the line for one whose answer would not be accepted."""
    entries = node.listed("examples")
    if not 1 <= len(entries) <= MOST_EXAMPLES:
        node.refuse(f"examples: 1 to {MOST_EXAMPLES} are needed; given: {len(entries)}")
    key = "choices" if form == "choices" else "answer"
    return tuple(_example(entry, template, fields, form, key) for entry in entries)


def _example(node: Node, template: Template, fields: tuple[Field, ...], form: str, key: str) -> Example:
    given = node.mapping("an example")
    known = (*template.fields, key)
    for name, inner in given.items():
        if name not in known:
            inner.refuse(f"examples: unknown key {name!r}; {meant_of_all(name, known)}")
    if key not in given:
        node.refuse(f"examples: this one has no {key!r}: what is to be answered")
    shows = {name: _shown(inner) for name, inner in given.items() if name != key}
    return Example(shows, _accepted(given[key], fields, form))


def _shown(node: Node) -> Any:
    if isinstance(node.value, list):
        return [entry.text for entry in node.value]
    return None if node.value is None else node.text


def _accepted(node: Node, fields: tuple[Field, ...], form: str) -> dict[str, Any]:
    """The example's answer, as it is read from a model."""
    said = _said(node, fields)
    reader = Asking("example", 1, "", "", Template(()), fields, (), form)
    try:
        if form == "line":
            value = reader.read_line(str(said[fields[0].name]), "stop", frozenset())
        else:
            value = reader.read_object(json.dumps(said), "stop", frozenset())
    except RejectedAnswer as error:
        allowed = "; ".join(f"{field.name}: {field.asked}" for field in fields)
        node.refuse(f"examples: this answer would not be accepted: {error}; {allowed}")
    return value.model_dump()


def _said(node: Node, fields: tuple[Field, ...]) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        if len(fields) > 1:
            node.refuse(f"examples: an answer names its fields, {{{', '.join(f.name for f in fields)}}}")
        return {fields[0].name: _value(node, fields[0])}
    kinds = {field.name: field for field in fields}
    for name, inner in node.value.items():
        if name not in kinds:
            inner.refuse(f"examples: the answer has no field {name!r}; {meant_of_all(name, kinds)}")
    return {name: _value(inner, kinds[name]) for name, inner in node.value.items()}


def _value(node: Node, field: Field) -> Any:
    """Words are as they are written, whatever YAML takes them for."""
    if field.kind == "number":
        return node.value if isinstance(node.value, int | float | str) else node.text
    if isinstance(node.value, list):
        return [entry.text for entry in node.value]
    return node.text


def read_features(
    node: Node | None, entity: Entity, name: str, fields: tuple[Field, ...], embedded: bool
) -> tuple[Spec, ...]:
    """What a ranker reads. Raises ConfigError for a kind that nothing of this enrichment can be."""
    found: list[Spec] = []
    for entry in node.listed("features") if node is not None else []:
        if isinstance(entry.value, dict):
            found += _overlaps(entry, entity, fields)
            continue
        kind = entry.word("features: a kind")
        if kind not in FEATURES:
            entry.refuse(f"features: unknown kind {kind!r}; {meant_of_all(kind, FEATURES)}")
        made = _features(kind, entity, name, fields, embedded)
        if not made:
            entry.refuse(f"features: {kind} reads {_READS[kind]}; this enrichment has none")
        found += made
    return tuple(dict.fromkeys(found))


_READS = {
    "one_hot": "a closed choice of items or users",
    "number": "a number, or the probability of a choice, of items or users",
    "similarity": "the embedded text of an item (`embed`)",
    "pair_score": "a number, or the probability of a choice, of pairs",
    "overlap": "a list, and the other side's: {overlap: {column: likes, other: films.themes}}",
}


def _features(kind: str, entity: Entity, name: str, fields: tuple[Field, ...], embedded: bool) -> list[Spec]:
    numbers = [field.name for field in fields if field.kind == "number"]
    numbers += ["probability"] if [field.name for field in fields] == [CHOICE] else []
    ours = entity.name in ("item", "user")
    made: dict[str, list[Spec]] = {
        "one_hot": [OneHot(f.name, f.choices) for f in fields if f.kind == "choice" and ours],
        "number": [Number(column) for column in numbers if ours],
        "similarity": [Similarity(name)] if embedded and entity.name == "item" else [],
        "pair_score": [PairScore(column) for column in numbers if entity.name == "pair"],
        "overlap": [],
    }
    return made[kind]


def _overlaps(node: Node, entity: Entity, fields: tuple[Field, ...]) -> list[Spec]:
    """`{overlap: {column: likes, other: films.themes}}`."""
    given = node.mapping("features: a kind")
    if list(given) != ["overlap"]:
        node.refuse(f"features: {next(iter(given), '')!r} has no settings; {meant_of_all('', FEATURES)}")
    inner = given["overlap"].mapping("features: overlap")
    lists = [field.name for field in fields if field.kind == "list"]
    if set(inner) != {"column", "other"}:
        node.refuse(f"features: overlap needs {_READS['overlap']}")
    column, other = inner["column"].word("overlap.column"), inner["other"].word("overlap.other")
    if column not in lists or entity.name not in ("item", "user"):
        inner["column"].refuse(
            f"features: overlap reads a list of items or users; {meant_of_all(column, lists)}"
        )
    if other.count(".") != 1:
        inner["other"].refuse(f"features: {other!r} is no column of another table, as films.themes is")
    return [Overlap(column, other)]


def read_template_of_fallback(
    node: Node, shows: tuple[str, ...], fields: tuple[Field, ...], key: tuple[str, ...]
) -> TemplateRows:
    """What every row says for which no model gave an answer."""
    given = node.value if isinstance(node.value, dict) else {fields[0].name: node}
    names = [field.name for field in fields]
    if not isinstance(node.value, dict) and len(fields) > 1:
        node.refuse(f"fallback.template names the fields, {{{names[0]}: ...}}")
    for name, inner in given.items():
        if name not in names:
            inner.refuse(f"fallback.template: unknown field {name!r}; {meant_of_all(name, names)}")
    for field in fields:
        if field.name not in given and field.kind != "list":
            node.refuse(f"fallback.template: the field {field.name!r} is missing; a row has a value in each")
    made = {f.name: _stands_in(given[f.name], f, shows) if f.name in given else [] for f in fields}
    return lambda context, rows: _filled(rows, made, fields, key, context)


def _stands_in(node: Node, field: Field, shows: tuple[str, ...]) -> Any:
    """A template for a text; for others the value itself."""
    what = f"fallback.template.{field.name}"
    if field.kind == "text":
        return read_template(node, what, (*shows, "noun"))
    if field.kind == "number":
        return node.number(what, field.low, field.high)
    if field.kind == "list":
        return [_one_of(entry, what, field) for entry in node.listed(what)]
    return _one_of(node, what, field)


def _one_of(node: Node, what: str, field: Field) -> str:
    word = node.word(what)
    if word not in field.choices:
        node.refuse(f"{what}: {word!r} is no choice; {meant_of_all(word, field.choices)}")
    return word


def _filled(
    rows: pl.DataFrame,
    made: dict[str, Any],
    fields: tuple[Field, ...],
    key: tuple[str, ...],
    context: Context[Any],
) -> pl.DataFrame:
    columns: list[pl.Series | pl.Expr] = []
    for field in fields:
        said, dtype = made[field.name], field.column.dtype
        if isinstance(said, Template):
            noun = context.shared.vocabulary().noun
            shown = rows.select(said.fields).iter_rows(named=True) if said.fields else ({},) * rows.height
            texts = [said.filled(row, noun).replace("\n", " ")[: field.chars] for row in shown]
            columns.append(pl.Series(field.name, texts, dtype=dtype))
        else:
            columns.append(pl.lit(said, dtype=dtype).alias(field.name))
    return rows.select(*key, *columns) if rows.height else rows.select(key).with_columns(columns)
