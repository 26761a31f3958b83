"""Choices that were weighed, as rows: the likeliest of each row, and how likely it is among all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from nightshift.enrichments.base import Context


def chosen(choices: tuple[str, ...]) -> Callable[[Context[Any], pl.DataFrame], pl.DataFrame]:
    """From `<key>, content_key, scores` to the same with `choice, probability`."""

    def rows(context: Context[Any], scored: pl.DataFrame) -> pl.DataFrame:
        raw = np.array(scored["scores"].to_list(), dtype=np.float64).reshape(scored.height, len(choices))
        best = raw.argmax(axis=1) if len(raw) else np.zeros(0, dtype=np.int64)
        share = np.exp(raw - np.logaddexp.reduce(raw, axis=1, keepdims=True))  # (rows, choices) P(choice)
        return scored.drop("scores").with_columns(
            pl.Series("choice", [choices[place] for place in best], dtype=pl.String),
            pl.Series("probability", share[np.arange(len(raw)), best], dtype=pl.Float32),
        )

    return rows


def blank_probability(
    context: Context[Any], rows: pl.DataFrame, settled: pl.DataFrame, answered: pl.DataFrame
) -> pl.DataFrame:
    """A choice that was written, or is a template, has no probability."""
    return settled.with_columns(probability=pl.lit(None, dtype=pl.Float32))
