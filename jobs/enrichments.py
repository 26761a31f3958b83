"""What `nightshift enrichments` says: every enrichment with what it cost, one of them before it is paid, a
first file for a new one. Calls no model."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from nightshift.enrichments.base import Asked, Enrichment
from nightshift.enrichments.declared.file import check_name
from nightshift.enrichments.registry import registry_with
from nightshift.errors import ConfigError, InputError, meant
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.night.plan import Spent, TablePlan
from nightshift.prompts.base import Prompt

SHOWN = 3
"""Prompts that `check` renders."""
FOLDER = "enrichments"
"""Where a first file goes if nightshift.yaml names no folder."""


@dataclass(frozen=True)
class Listed:
    """One enrichment, and what it has come to so far."""

    table: str
    entity: str
    kind: str
    rows: int | None
    """Rows of the newest night; None where none is published."""
    calls: int
    cost_usd: float | None
    """None where the price of a call is not known."""
    declared: str


def listed(night: Night) -> list[Listed]:
    """Every enrichment in the order in which a night works."""
    paid = _paid(night)
    return [_listed(night, each, paid.get(each.name, (0, 0.0))) for each in night.registry.values()]


def _paid(night: Night) -> dict[str, tuple[int, float | None]]:
    """Calls and dollars by table, of all nights."""
    cost = pl.when(pl.col("cost_usd").null_count() == 0).then(pl.col("cost_usd").sum())
    calls = night.ledgers.calls(lambda rows: rows.group_by("table").agg(pl.len().alias("calls"), cost=cost))
    return {table: (calls, cost) for table, calls, cost in calls.select("table", "calls", "cost").iter_rows()}


def _listed(night: Night, each: Enrichment[Any], paid: tuple[int, float | None]) -> Listed:
    newest = night.store.newest(each.table)
    rows = night.store.manifest(each.table, newest).rows if newest else None
    return Listed(each.name, each.entity.name, kind_of(night, each), rows, *paid, each.place or "nightshift")


def kind_of(night: Night, each: Enrichment[Any]) -> str:
    """How its rows are made."""
    if not isinstance(each.maker, Asked):
        return type(each.maker).__name__.lower()
    return "chosen" if night.prompts[each.name].questions else "written"


@dataclass(frozen=True)
class Rehearsed:
    """What a model would be shown, and what that would take."""

    each: Enrichment[Any]
    prompt: Prompt[Any]
    texts: list[str]
    plan: TablePlan

    def as_json(self) -> dict[str, Any]:
        """What `check --json` prints."""
        return {
            "table": self.each.name,
            "declared": self.each.place or "nightshift",
            "entity": self.each.entity.name,
            "columns": list(self.each.table.columns),
            "allowed": list(self.prompt.fields),
            "instructions": self.prompt.instructions,
            "texts": self.texts,
            "choices": {one.name: [c.strip() for c in one.choices] for one in self.prompt.questions},
            "schema": json.loads(self.prompt.decoding.json_schema or "null"),
            "token_limit": self.prompt.decoding.max_new_tokens,
            "prompt_id": self.prompt.prompt_id,
            "features": [feature.kind for feature in self.each.features],
            "plan": self.plan.as_json(),
        }


def rehearsed(night: Night, name: str) -> Rehearsed:
    """An enrichment on tonight's rows, up to the point where a model would be asked. Raises InputError for
    a name that is none, or that asks nothing."""
    if name not in night.registry:
        raise InputError(f"no enrichment is called {name!r}; {meant(name, night.registry)}")
    each = night.registry[name]
    if not isinstance(each.maker, Asked):
        raise InputError(f"{name} asks no model: there is no prompt to show")
    step = night.foreseen().step(name)
    plan = night.plan(step, Spent.of(night.ledgers, night.as_of))
    return Rehearsed(each, step.context.prompt, step.requests["text"].head(SHOWN).to_list(), plan)


FIRST = {
    "item": (
        "{noun}: {title}\n  About: {attributes}. {text}\n  Best for:",
        "{title: Porridge oats, attributes: [Cereal], text: Ready in five minutes., choices: weekdays}",
    ),
    "user": (
        "Liked: {liked}\n  Did not like: {disliked}\n  Best for:",
        "{liked: [Porridge oats], disliked: [Fondue set], choices: weekdays}",
    ),
    "group": (
        "Kind of {noun}: {group}\n  Such as: {titles}\n  Best for:",
        "{group: Cereal, titles: [Porridge oats, Corn flakes], choices: weekdays}",
    ),
    "pair": (
        "Somebody liked: {liked}\n  {noun}: {title}\n  Best for:",
        "{liked: [Porridge oats], title: Corn flakes, choices: weekdays}",
    ),
    "event": (
        "{noun}: {title}\n  What happened: {kind}\n  Best for:",
        "{title: Porridge oats, kind: bought, choices: weekdays}",
    ),
}
"""Entity to the template and the example of a first file."""
FEATURED = {"item": "[one_hot]", "user": "[one_hot]", "pair": "[pair_score]"}


def first_file(entity: str) -> str:
    """A commented declaration that works as it is."""
    if entity not in FIRST:
        raise InputError(f"--entity {entity!r} is none of {', '.join(FIRST)}")
    template, example = FIRST[entity]
    shows = ", ".join(_fields(entity))
    return f"""\
# The file's name is the table's. `nightshift enrichments check` shows what a model would be asked.
about: When this is worth having at hand.  # one sentence, shown in the UI
entity: {entity}  # a row for each; a prompt may show {{noun}}, {shows}
prompt: |  # only what is named in braces ever reaches a model
  {template}
choices: [weekdays, weekends, holidays]  # or, for words: answer: {{reason: {{text: 120}}}}
examples:  # what a good answer is; a small model learns the task from these
  - {example}
fallback: {{carried: true, template: null}}  # without an answer: last night's, else no row
features: {FEATURED.get(entity, "[]")}  # what a ranker reads
budget: {{tokens: 50000}}  # of one night; leave it out for no limit of its own
"""


def _fields(entity: str) -> tuple[str, ...]:
    from nightshift.enrichments.entities import ENTITIES

    return ENTITIES[entity].fields


def write_first(config: Path, name: str, entity: str) -> Iterator[str]:
    """Write `<folder>/NAME.yaml` beside the configuration, name the folder there if nothing does, and say
    both. Raises InputError for a name or a file that is taken."""
    text, folder = first_file(entity), named_folder(config)
    path = config.parent / (folder or FOLDER) / f"{name}.yaml"
    check_name(name, str(path))
    taken = [other for other in path.parent.glob(f"{name}.*") if other.suffix in (".yaml", ".yml", ".py")]
    if taken:
        raise InputError(f"{taken[0]} is there already; choose another name, or edit it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    try:
        registry_with(path.parent)
        if folder is None:
            _name_folder(config)
    except Exception:
        path.unlink()
        raise
    yield f"wrote {path}"
    if folder is None:
        yield f"{config} now says: {FOLDER}: {{folder: {FOLDER}}}"
    yield f"look at it before it is paid: nightshift enrichments check {name}"


def named_folder(config: Path) -> str | None:
    """`enrichments.folder` of the file, which may name a folder that is not there yet."""
    if not config.is_file():
        raise ConfigError(f"{config} is not there; `nightshift init` writes one for your files")
    try:
        raw = yaml.safe_load(config.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config} is not YAML: {error}") from error
    block = (raw if isinstance(raw, dict) else {}).get(FOLDER)
    if isinstance(block, dict) and block and "folder" not in block:
        raise ConfigError(f"{config.name}: enrichments has no folder; add to it: folder: {FOLDER}")
    return str(block["folder"]) if isinstance(block, dict) and block.get("folder") else None


def _name_folder(config: Path) -> None:
    """Add the setting as a last line; what is there stays as it is written."""
    before = config.read_text("utf-8")
    config.write_text(f"{before.rstrip()}\n{FOLDER}: {{folder: {FOLDER}}}\n", "utf-8")
    try:
        load_settings(config)
    except Exception as error:
        config.write_text(before, "utf-8")
        raise ConfigError(
            f"{config} does not take the line `{FOLDER}: {{folder: {FOLDER}}}`: {error}"
        ) from error
