"""The lift in one plain sentence, for a report's title and an asset's page."""

from typing import Any

import polars as pl

from nightshift.lift.arms import SOURCE
from nightshift.lift.verdict import main_metric


def rows_of(lift: pl.DataFrame, ranker: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(arm, against) -> the overall row of the main metric of one ranker."""
    wanted = (
        (pl.col("metric") == main_metric(lift)) & (pl.col("slice") == "all") & (pl.col("ranker") == ranker)
    )
    return {(row["arm"], row["against"]): row for row in lift.filter(wanted).to_dicts()}


def rankers_of(lift: pl.DataFrame) -> list[str]:
    """Rankers that were judged, in order; candidate sources are none."""
    return lift.filter(pl.col("ranker") != SOURCE)["ranker"].unique(maintain_order=True).to_list()


UNCREDITED = (
    "No gain is credited to a language model: it made no row that a ranker read. What the arm `llm` shows is "
    "what an encoder or a template gave."
)


def headline(lift: pl.DataFrame, caveat: str = "", credited: bool = True) -> str:
    """What the language model's features were worth this night, ranker by ranker, after what a reader has to
    know first. Not `credited`: that they are not the model's."""
    if not credited:
        return caveat + UNCREDITED
    said = {
        ranker: _headline(rows_of(lift, ranker), main_metric(lift).upper()) for ranker in rankers_of(lift)
    }
    return caveat + (
        " ".join(said.values())
        if len(said) < 2
        else " ".join(f"{ranker}: {text}" for ranker, text in said.items())
    )


def _headline(rows: dict[tuple[str, str], dict[str, Any]], metric: str) -> str:
    lift, content = rows.get(("llm", "base")), rows.get(("llm", "permuted"))
    if lift is None or lift["ci_low"] is None:
        return (
            "Nothing can be said of the language model's features: they were not judged, or too few rows "
            "were."
        )
    if lift["ci_low"] > 0:
        said = f"The language model's features gain {_number(lift)} {metric} over a strong base"
    elif lift["ci_high"] < 0:
        said = f"The language model's features lose {_number(lift)} {metric} against a strong base"
    else:
        said = (
            f"The language model's features gain nothing measurable over a strong base ({_number(lift)} "
            f"{metric})"
        )
    return f"{said}{_content(content, lift)}{_cheap(rows.get(('llm', 'text')))}"


def _cheap(row: dict[str, Any] | None) -> str:
    """Whether a text encoder alone would have done."""
    if row is None or row["ci_low"] is None:
        return ""
    if row["ci_low"] > 0:
        return f" Against an encoder of the source text alone: {_number(row)}."
    if row["ci_high"] < 0:
        return f" An encoder of the source text alone does better: {_number(row)}."
    return " An encoder of the source text alone does about as well."


def _content(row: dict[str, Any] | None, lift: dict[str, Any]) -> str:
    if row is None or row["ci_low"] is None:
        return "; no placebo was judged."
    glad = lift["ci_low"] > 0
    if row["ci_low"] > 0:
        return (
            f", {'and' if glad else 'but'} they do carry content: {_number(row)} over the same answers "
            f"dealt to other items."
        )
    if row["ci_high"] < 0:
        return f", and the same answers dealt to other items do better: {_number(row)}."
    return (
        f", {'but' if glad else 'and'} no more than the same answers dealt to other items would "
        f"({_number(row)})."
    )


def _number(row: dict[str, Any]) -> str:
    return f"{row['difference']:+.4f}".replace("-", "−")
