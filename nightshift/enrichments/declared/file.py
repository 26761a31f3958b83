"""`enrichments/NAME.yaml` as an `Enrichment`. Every mistake is told with file, line, value and what is
allowed, before anything is asked."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import polars as pl

from nightshift.enrichments.base import Asked, Enrichment, Fallback, TextView, as_settled
from nightshift.enrichments.declared.answer import Field, read_answer, read_choices
from nightshift.enrichments.declared.nodes import Node, read_nodes
from nightshift.enrichments.declared.prompt import CHOICE, Asking
from nightshift.enrichments.declared.reads import read_examples, read_features, read_template_of_fallback
from nightshift.enrichments.declared.scored import blank_probability, chosen
from nightshift.enrichments.declared.template import NOUN, Template, read_template
from nightshift.enrichments.entities import ENTITIES, Entity
from nightshift.errors import ConfigError, meant_of_all
from nightshift.models.llm.schema import token_limit
from nightshift.tables import TABLES, Column

KEYS = (
    "about",
    "entity",
    "reads",
    "prompt",
    "version",
    "choices",
    "answer",
    "form",
    "examples",
    "fallback",
    "embed",
    "features",
    "budget",
)
"""Every key of a file."""
SETTINGS = ("folder", "files")
"""Keys of the block `enrichments` that are no enrichment."""
NEEDED = ("about", "entity", "prompt", "examples")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME, MOST_TOKENS, MOST_BUDGET = 40, 2_048, 10**12
LIST_SOURCES = ("items.title", "interactions.label", "interactions.timestamp")
SOURCES: dict[str, tuple[str, ...]] = {
    "title": ("items.title",),
    "text": ("items.text",),
    "attributes": ("items.attributes",),
    "liked": LIST_SOURCES,
    "disliked": LIST_SOURCES,
    "group": ("items.attributes",),
    "titles": ("items.title", "interactions.item_id"),
    "kind": ("interactions.kind",),
}
"""Where what a prompt may show comes from, for lineage."""


def load(path: str | Path, place: str = "") -> Enrichment[Any]:
    """The declaration of a YAML file; its name is the file's stem. Raises ConfigError.

    A file with `type` and `attributes` is that of a Dagster component: the attributes are the declaration and
    its `name`.
    """
    path = Path(path)
    root = read_nodes(path, place or str(path))
    if isinstance(root.value, dict) and {"type", "attributes"} <= root.value.keys():
        return _of_component(root.value["attributes"])
    return declared(path.stem, root)


def _of_component(node: Node) -> Enrichment[Any]:
    given = node.mapping("attributes")
    if "name" not in given:
        node.refuse("the key 'name' is missing: what the table is called")
    kept = {key: value for key, value in given.items() if key not in ("name", "config")}
    return declared(given["name"].word("name"), dataclasses.replace(node, value=kept))


def check_name(name: str, place: str) -> None:
    """Raise ConfigError for what cannot be a table's name."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ConfigError(
            f"{place}: {name!r} cannot be a name: lower-case letters, digits and single _ between them, "
            f"a letter first, at most {LONGEST_NAME}"
        )
    if name in TABLES or name in SETTINGS:
        taken = "a table of every night" if name in TABLES else "a setting"
        raise ConfigError(f"{place}: the name {name!r} is taken by {taken}; take another")


def declared(name: str, root: Node) -> Enrichment[Any]:
    """The declaration that a file's value holds."""
    check_name(name, root.place)
    given = _known(root)
    entity = _entity(given["entity"])
    template = read_template(given["prompt"], "prompt", (*entity.fields, NOUN))
    fields, form = _answered(root, given, entity)
    asking = Asking(
        name=name,
        version=given["version"].number("version", 1, 10_000) if "version" in given else 1,
        about=" ".join(given["about"].word("about").split()),
        entity=entity.name,
        template=template,
        fields=fields,
        examples=read_examples(given["examples"], template, fields, form),
        form=form,
    )
    _check(given, asking)
    return _made(given, entity, asking, root.place)


def _known(root: Node) -> dict[str, Node]:
    given = root.mapping("an enrichment")
    for key, value in given.items():
        if key not in KEYS:
            value.refuse(f"unknown key {key!r}; {meant_of_all(key, KEYS)}")
    for key in NEEDED:
        if key not in given:
            root.refuse(f"the key {key!r} is missing; an enrichment needs {', '.join(NEEDED)}")
    return {key: value for key, value in given.items() if value.value is not None or key in NEEDED}


def _entity(node: Node) -> Entity:
    known = {name: one for name, one in ENTITIES.items() if set(one.reads) <= set(TABLES)}
    word = node.word("entity")
    if word in ENTITIES and word not in known:
        missing = next(table for table in ENTITIES[word].reads if table not in TABLES)
        node.refuse(f"entity: no table has rows of {word!r}: sources.{missing} cannot be mapped yet")
    if word not in known:
        node.refuse(f"entity: {word!r} is none; {meant_of_all(word, known)}")
    return known[word]


def _answered(root: Node, given: dict[str, Node], entity: Entity) -> tuple[tuple[Field, ...], str]:
    """Fields and form of the answer."""
    if ("choices" in given) == ("answer" in given):
        root.refuse("an enrichment has either choices: [one, another] or answer: {name: {text: 120}}")
    if "choices" in given:
        if "form" in given:
            given["form"].refuse("choices have no form: they are weighed where a model can, else written")
        return (Field(CHOICE, "choice", choices=read_choices(given["choices"], "choices")),), "choices"
    fields = read_answer(given["answer"], entity.key_columns)
    form = given["form"].word("form") if "form" in given else "json"
    if form not in ("line", "json"):
        given["form"].refuse(f"form: {form!r} is none; {meant_of_all(form, ('line', 'json'))}")
    if form == "line" and [field.kind for field in fields] != ["text"]:
        given["form"].refuse(
            "form: a line is one text; take json for choices, lists, numbers or several fields"
        )
    return fields, form


def _check(given: dict[str, Node], asking: Asking) -> None:
    """Hold the schema against what every backend can be held to."""
    node = given.get("answer") or given["choices"]
    try:
        limit = token_limit(asking.schema)
    except ConfigError as error:
        node.refuse(f"no backend can be held to this answer: {error}")
    if limit > MOST_TOKENS:
        node.refuse(
            f"the longest answer takes {limit:,} tokens, at most {MOST_TOKENS:,}: shorten texts and lists"
        )


def _made(given: dict[str, Node], entity: Entity, asking: Asking, place: str) -> Enrichment[Any]:
    scored = asking.form == "choices"
    return Enrichment(
        name=asking.name,
        about=asking.about,
        details=f"Declared in {place}.",
        entity=entity,
        columns=_columns(asking),
        maker=Asked(
            asking.prompt,
            values=chosen(asking.fields[0].choices) if scored else None,
            written=asking.written if scored else None,
        ),
        reads=_reads(given.get("reads"), entity),
        fallback=_fallback(given.get("fallback"), entity, asking),
        finish=blank_probability if scored else as_settled,
        views=_views(given.get("embed"), asking),
        features=read_features(given.get("features"), entity, asking.name, asking.fields, "embed" in given),
        pictures={f.name: f"most frequent {f.name}" for f in asking.fields if f.kind in ("list", "choice")},
        sources=_sources(asking),
        budget_tokens=_budget(given.get("budget")),
        place=place,
    )


def _columns(asking: Asking) -> dict[str, Column]:
    columns = {field.name: field.column for field in asking.fields}
    if asking.form == "choices":
        says = "how likely the model finds it among the choices; null where it was written or is a template"
        columns["probability"] = Column(pl.Float32, says, required=False)
    return columns


def _sources(asking: Asking) -> dict[str, tuple[str, ...]]:
    """Every column is made of all that the prompt shows."""
    read = tuple(dict.fromkeys(one for name in asking.template.fields for one in SOURCES.get(name, ())))
    return dict.fromkeys((*_columns(asking), "content_key"), read)


def _reads(node: Node | None, entity: Entity) -> tuple[str, ...]:
    """The entity's tables, then those that are named. Whether each is one, the registry knows."""
    if node is None:
        return ()
    named = [entry.word("reads: a table") for entry in node.listed("reads")]
    return tuple(dict.fromkeys((*entity.reads, *named)))


def _fallback(node: Node | None, entity: Entity, asking: Asking) -> Fallback:
    if node is None:
        return Fallback()
    given = node.mapping("fallback")
    for key, value in given.items():
        if key not in ("carried", "template"):
            value.refuse(f"fallback: unknown key {key!r}; {meant_of_all(key, ('carried', 'template'))}")
    carried = given.get("carried")
    if carried is not None and not isinstance(carried.value, bool):
        carried.refuse(f"fallback.carried must be true or false; given: {carried.shown}")
    template = given.get("template")
    said = None
    if template is not None and template.value is not None:
        said = read_template_of_fallback(template, asking.template.fields, asking.fields, entity.key_columns)
    return Fallback(carried=carried is None or bool(carried.value), template=said)


def _views(node: Node | None, asking: Asking) -> tuple[TextView, ...]:
    if node is None:
        return ()
    known = tuple(field.name for field in asking.fields)
    template = read_template(node, "embed", known)
    if not template.fields:
        node.refuse(f"embed: no placeholder in it; {meant_of_all('', known)}")
    return (TextView(asking.name, _joined(template, asking.fields)),)


def _joined(template: Template, fields: tuple[Field, ...]) -> pl.Expr:
    kinds = {field.name: field.kind for field in fields}

    def text(name: str) -> pl.Expr:
        column = pl.col(name)
        said = column.list.join(", ") if kinds[name] == "list" else column.cast(pl.String)
        return said.fill_null("")

    parts = [
        part for words, name in template.pieces for part in (pl.lit(words), *([text(name)] if name else []))
    ]
    return pl.concat_str(parts)


def _budget(node: Node | None) -> int | None:
    if node is None:
        return None
    given = node.mapping("budget")
    for key, value in given.items():
        if key != "tokens":
            value.refuse(f"budget: unknown key {key!r}; an enrichment has {{tokens: 20000}} of a night")
    return given["tokens"].number("budget.tokens", 0, MOST_BUDGET) if "tokens" in given else None
