"""Enrichment `item_tag_scores`: how likely the model finds each tag of the closed vocabulary for each
item."""

import polars as pl

from nightshift.enrichments.base import Asked, Check, Context, Enrichment, Held, ScoreView, StateView
from nightshift.enrichments.entities import ITEM
from nightshift.enrichments.item_tag_scores.calibration import freeze_centres, load_centres
from nightshift.enrichments.item_tag_scores.checks import tag_drift
from nightshift.enrichments.item_tag_scores.prompt import centred, fit_centres, item_tag_scores
from nightshift.enrichments.item_tag_scores.settings import TagSettings
from nightshift.features.specs import Similarity, TagAffinity
from nightshift.tables import Checked, Column


def _centred(context: Context[TagSettings], scored: pl.DataFrame) -> pl.DataFrame:
    return centred(scored, context.shared.vocabulary(), load_centres(context))


def _freeze(context: Context[TagSettings], scored: pl.DataFrame, items: int) -> None:
    freeze_centres(context, fit_centres(scored, context.shared.vocabulary()), scored.height, items)


def _drift(held: Held) -> Checked:
    return tag_drift(held.frame, held.context.last, held.limit)


def _strongest(frame: pl.DataFrame) -> pl.DataFrame:
    """The item that each tag fits best."""
    return frame.sort("score", descending=True).unique("tag", keep="first", maintain_order=True)


def chosen_tags(scores: pl.DataFrame, per_facet: int) -> pl.DataFrame:
    """`item_id, tags`: the strongest tags of each facet, strongest facet first."""
    ranked = scores.sort(["item_id", "score", "tag"], descending=[False, True, False])
    best = (
        ranked.group_by("item_id", "facet", maintain_order=True).head(per_facet)
        if per_facet
        else ranked.clear()
    )
    ordered = best.sort(["item_id", "score", "tag"], descending=[False, True, False])
    return ordered.group_by("item_id", maintain_order=True).agg(tags="tag")


TEXT = ("items.title", "items.text", "items.attributes")
ENRICHMENT = Enrichment(
    name="item_tag_scores",
    about="How likely the model finds each tag of the closed vocabulary for each item.",
    details="Log-probabilities of a closed vocabulary after each item, centred per tag; the model's state "
    "while choosing is kept as a vector.",
    entity=ITEM,
    columns={
        "tag": Column(pl.String, "a tag of the vocabulary"),
        "facet": Column(pl.String, "the question the tag answers: mood, theme, ..."),
        "score": Column(
            pl.Float32,
            "log-probability of the tag within its facet, minus the tag's frozen mean over the catalogue",
        ),
    },
    maker=Asked(item_tag_scores, values=_centred, freeze=_freeze),
    settings=TagSettings,
    block="tags",
    key=("item_id", "facet", "tag"),
    views=(StateView("hidden"), ScoreView("tags")),
    features=(
        Similarity("hidden", part="hidden"),
        Similarity("tags", part="tags"),
        TagAffinity("tags", part="tags"),
    ),
    checks=(
        Check(
            "tag_drift",
            "The frequencies of the strongest tags are close to those of the night before.",
            _drift,
            limit="max_tag_drift",
            blocking=False,
        ),
    ),
    sample=_strongest,
    sources={"item_id": ("items.item_id",), "score": TEXT, "content_key": TEXT},
    turn=20,
)
