"""Enrichment `title_completion`: titles cut in half, and what the language model takes for the rest.

Large models know famous catalogues by heart (Di Palma et al., Do LLMs Memorize Recommendation Datasets? A
Preliminary Study on MovieLens-1M, SIGIR 2025): what they gain there may be memory of reviews, not reading of
text, and new items will not profit. No ranker reads the table; `nightshift.lift.memorization` judges it.
"""

import polars as pl

from nightshift.enrichments.base import Asked, Context, Enrichment, Fallback
from nightshift.enrichments.entities import ITEM
from nightshift.enrichments.title_completion.prompt import EXAMPLES, halves, title_completion
from nightshift.lift.settings import LiftSettings
from nightshift.tables import ITEMS, Column


def _on(settings: LiftSettings) -> bool:
    return settings.probe_titles > 0


def _rows(context: Context[LiftSettings]) -> pl.DataFrame:
    """As many cut titles as are set: `item_id, title, attributes, beginning, end`; the first three are shown
    whole to all the others."""
    cut = halves(context.read(ITEMS.name))
    chosen = cut[EXAMPLES : EXAMPLES + context.settings.probe_titles]
    shown = pl.lit([each.whole for each in cut[:EXAMPLES]], dtype=pl.List(pl.String))
    rows = [(each.item_id, each.beginning, each.end) for each in chosen]
    names = ("item_id", "beginning", "end")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.with_columns(title="beginning", attributes=shown)


def _beside_the_truth(
    context: Context[LiftSettings], rows: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    cut = rows.select("item_id", "beginning", "end")
    return settled.join(cut, on="item_id", maintain_order="left").sort("item_id")


ENRICHMENT = Enrichment(
    name="title_completion",
    about="Titles cut in half, and how the language model goes on: whether it knows the catalogue by heart.",
    details="A probe, not a feature: no ranker reads it. Its share of completed titles stands in the report "
    "beside the lift. `lift.probe_titles` says how many titles; 0 leaves the table out.",
    entity=ITEM,
    columns={
        "beginning": Column(pl.String, "the first half of the title, without years and other asides"),
        "end": Column(pl.String, "the second half"),
        "completion": Column(pl.String, "what the model took for the second half"),
    },
    maker=Asked(title_completion),
    settings=LiftSettings,
    block="lift",
    rows=_rows,
    fallback=Fallback(carried=False),
    finish=_beside_the_truth,
    enabled=_on,
    sources={
        "item_id": ("items.item_id",),
        "beginning": ("items.title",),
        "end": ("items.title",),
        "completion": ("items.title",),
        "content_key": ("items.title",),
    },
    turn=90,
)
