"""Enrichment `item_facts`: a sentence about every item, and the tags of the closed vocabulary that fit it."""

from typing import Any

import polars as pl

from nightshift.enrichments.base import Asked, Context, Enrichment, Fallback, TextView
from nightshift.enrichments.entities import ITEM
from nightshift.enrichments.fallbacks import FROM_A_MODEL
from nightshift.enrichments.groups import membership
from nightshift.enrichments.item_facts.answered_tags import with_answered_tags
from nightshift.enrichments.item_facts.json_prompt import facts_json
from nightshift.enrichments.item_facts.line_prompt import facts_line
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.enrichments.item_tag_scores.enrichment import chosen_tags
from nightshift.enrichments.views import plain_text
from nightshift.features.specs import Similarity
from nightshift.prompts.base import Prompt
from nightshift.prompts.vocabulary import Vocabulary
from nightshift.tables import STRINGS, Column


def item_facts(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Any]:
    """The prompt with its settings applied, in the form they ask for."""
    return facts_json(settings, vocabulary) if settings.form == "json" else facts_line(settings, vocabulary)


def _template(context: Context[FactsSettings], items: pl.DataFrame) -> pl.DataFrame:
    return items.select("item_id", summary=plain_text())


def _of_their_groups(context: Context[FactsSettings], items: pl.DataFrame) -> pl.DataFrame:
    """`<title>. <sentence of its group>` for the items of groups that a model wrote about: two items of a
    group differ."""
    settings = context.settings
    said = context.read("group_facts").filter(pl.col("origin").is_in(FROM_A_MODEL))
    members = membership(items, settings.min_group_items, settings.max_groups)
    rows = members.join(said, on="group").join(items.select("item_id", "title"), on="item_id")
    return rows.with_columns(summary=pl.format("{}. {}", "title", "summary"))


def _with_tags(
    context: Context[FactsSettings], items: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    """The settled rows with the strongest scored tags, or those of the answers where answers hold any."""
    scored = chosen_tags(context.read("item_tag_scores"), context.settings.tags_per_facet)
    tags = items.select("item_id").join(scored, on="item_id", how="left")
    tags = tags.with_columns(pl.col("tags").fill_null(pl.lit([], dtype=pl.List(pl.String))))
    return with_answered_tags(settled.join(tags, on="item_id", maintain_order="left"), answered, context.last)


ENRICHMENT = Enrichment(
    name="item_facts",
    about="A summary and tags for every item, written by the language model where the budget allowed.",
    details="One sentence about every item. Where the budget ends: last night's, else its group's, else a "
    "template; `origin` says which.",
    entity=ITEM,
    columns={
        "summary": Column(pl.String, "one sentence for people and for the text encoder"),
        "tags": Column(STRINGS, "tags from the closed vocabulary"),
    },
    maker=Asked(item_facts),
    settings=FactsSettings,
    block="facts",
    reads=("items", "item_tag_scores", "group_facts"),
    fallback=Fallback(group=_of_their_groups, template=_template),
    finish=_with_tags,
    views=(TextView("facts", pl.format("{} {}", "summary", pl.col("tags").list.join(", "))),),
    features=(Similarity("facts", part="facts"),),
    pictures={"tags": "most frequent tags"},
    sources={
        "summary": ("items.title", "items.text", "items.attributes", "group_facts.summary"),
        "tags": (
            "item_tag_scores.tag",
            "item_tag_scores.score",
            "items.title",
            "items.text",
            "items.attributes",
        ),
        "content_key": ("items.title", "items.text", "items.attributes", "group_facts.content_key"),
    },
    turn=30,
)
