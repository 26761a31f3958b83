"""Enrichment `group_facts`: a sentence for every group of items that share an attribute."""

from datetime import date
from itertools import islice
from typing import cast

import polars as pl

from nightshift.enrichments.base import Asked, Context, Enrichment, Fallback, midnight
from nightshift.enrichments.entities import GROUP
from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.groups import group_rows, membership, with_titles
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.tables import INTERACTIONS, ITEMS, Column

NIGHTS_BACK = 8
"""Nights whose titles of groups are made again, each by one pass over the events; groups asked on other
nights are shown anew."""


def _groups(context: Context[FactsSettings]) -> pl.DataFrame:
    """Groups of items with what a prompt may see of them: `group, items, titles`.

    A group that a model was asked about keeps the titles that it was shown by then, as long as the items
    allow: fame by the events before that night. Traffic alone asks nothing again, however young the log is.
    """
    items, events = context.read(ITEMS.name), context.read(INTERACTIONS.name)
    members = membership(items, context.settings.min_group_items, context.settings.max_groups)
    tonight = group_rows(items, events, members)
    if context.shared.recorded is not None:
        return tonight
    changed = tonight.filter(~_is_answered(context, tonight)).select("group")
    kept = [tonight.select("group", "titles").clear()]
    by_night = changed.join(_asked_before(context), on="group").sort("as_of", descending=True)
    for (night,), groups in islice(by_night.group_by("as_of", maintain_order=True), NIGHTS_BACK):
        before = group_rows(items, events.filter(pl.col("timestamp") < midnight(cast(date, night))), members)
        before = before.join(groups, on="group", how="semi")
        kept.append(before.filter(_is_answered(context, before)).select("group", "titles"))
    return with_titles(tonight, pl.concat(kept))


def _is_answered(context: Context[FactsSettings], groups: pl.DataFrame) -> pl.Series:
    """Whether the ledger has an answer for a group as it is shown here."""
    keys = context.prompt.requests(groups, context.shared.identity).select("row_id", "content_key")
    known = context.shared.ledgers.answers.lookup(keys["content_key"], ["content_key"])
    return groups["group"].is_in(keys.join(known, on="content_key")["row_id"].implode())


def _asked_before(context: Context[FactsSettings]) -> pl.DataFrame:
    """`group, as_of`: the newest night before this one on which the prompt was answered for it by this
    model."""
    shared = context.shared
    mine = (pl.col("table") == context.each.name) & (pl.col("prompt_id") == context.prompt.prompt_id)
    mine &= (pl.col("model_id") == shared.identity.model_id) & (pl.col("as_of") < shared.as_of)
    return shared.ledgers.answers.query(
        lambda rows: rows.filter(mine).group_by(group="row_id").agg(pl.col("as_of").max())
    )


def _template(context: Context[FactsSettings], groups: pl.DataFrame) -> pl.DataFrame:
    titles = pl.col("titles").list.join("; ")
    return groups.select("group", summary=pl.format("{}: {}.", "group", titles))


def _sized(
    context: Context[FactsSettings], groups: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    return settled.join(groups.select("group", "items"), on="group", maintain_order="left").sort("group")


ENRICHMENT = Enrichment(
    name="group_facts",
    about="A sentence for every group of items that share an attribute; what an item carries that has no "
    "sentence of its own.",
    details="One sentence for every group of items that share an attribute: what an item says that has no "
    "sentence of its own. Asked first.\n\nGroups are few, so that a few bad answers are a large share: "
    "`reject_share` only warns here.",
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
