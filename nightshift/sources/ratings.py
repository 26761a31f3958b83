"""Ratings that may be none: many data sets write -1 or 0 for "not rated", which is no dislike."""

import polars as pl

from nightshift.sources.files import SourceFile
from nightshift.sources.reads import NEGATIVE, ZERO, Oddity
from nightshift.sources.settings import InteractionsSource


def odd_ratings(source: InteractionsSource, rows: pl.DataFrame, files: list[SourceFile]) -> dict[str, Oddity]:
    """Ratings below zero; ratings of zero where all others are 1 or more."""
    if source.feedback != "explicit":
        return {}
    rating = pl.col("_rating")
    found = {NEGATIVE: rows.filter(rating < 0)}
    low, high = rows.select(
        pl.when(rating != 0).then(rating).min().alias("low"), rating.max().alias("high")
    ).row(0)
    if low is not None and low >= 1 and high > 1:
        found[ZERO] = rows.filter(rating == 0)
    return {kind: Oddity.of(some, "_rating", files) for kind, some in found.items() if some.height}
