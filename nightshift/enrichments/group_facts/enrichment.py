"""Enrichment `group_facts`: a sentence for every group of items that share an attribute."""

import polars as pl

from nightshift.enrichments.base import Asked, Context, Enrichment, Fallback
from nightshift.enrichments.entities import GROUP
from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.groups import group_rows, membership
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.tables import INTERACTIONS, ITEMS, Column


def _groups(context: Context[FactsSettings]) -> pl.DataFrame:
    """Groups of items with what a prompt may see of them: `group, items, titles`."""
    items, settings = context.read(ITEMS.name), context.settings
    members = membership(items, settings.min_group_items, settings.max_groups)
    return group_rows(items, context.read(INTERACTIONS.name), members)


def _template(context: Context[FactsSettings], groups: pl.DataFrame) -> pl.DataFrame:
    titles = pl.col("titles").list.join("; ")
    return groups.select("group", summary=pl.format("{}: {}.", "group", titles))


def _sized(
    context: Context[FactsSettings], groups: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    return settled.join(groups.select("group", "items"), on="group", maintain_order="left").sort("group")


ENRICHMENT = Enrichment(
    name="group_facts",
    about="A sentence for every group of items that share an attribute; what an item carries "
    "that has no sentence of "
    "its own.",
    details="One sentence for every group of items that share an attribute: what an item says "
    "that has no sentence of "
    "its own. Asked first.\n\nGroups are few, so that a few bad answers are a large "
    "share: `reject_share` only warns "
    "here.",
    entity=GROUP,
    columns={
        "items": Column(pl.Int32, "items of which it is the rarest attribute that makes a group"),
        "summary": Column(pl.String, "one sentence about the group"),
    },
    maker=Asked(group_facts),
    settings=FactsSettings,
    block="facts",
    rows=_groups,
    fallback=Fallback(template=_template),
    finish=_sized,
    sources={
        "group": ("items.attributes",),
        "items": ("items.attributes",),
        "summary": ("items.attributes", "items.title", "interactions.item_id"),
    },
    turn=10,
)
