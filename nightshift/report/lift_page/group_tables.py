"""Whom the arms serve: what they would show (lists of candidates), and how groups of users fare, as rows
for the page."""

from typing import Any

import polars as pl

from nightshift.lift.arms import SOURCE
from nightshift.lift.slices import GROUP
from nightshift.lift.verdict import GAP

SHOWN = {
    "coverage@10": "coverage",
    "gini@10": "Gini of exposure",
    "tail@10": "long-tail share",
    "novelty@10": "novelty, bits",
    "popularity_gap@10": "popularity gap",
    "diversity_attributes@10": "diversity, attributes",
    "diversity_raw@10": "diversity, source text",
    "diversity_facts@10": "diversity, what was written",
}
"""Metrics of what is shown, and what the page calls them."""


def shown(lift: pl.DataFrame, ranker: str) -> list[dict[str, Any]]:
    """A row an arm and source: every metric of `SHOWN` that anybody has, by its name on the page. Empty
    for rows that users were shown."""
    own = lift.filter(
        pl.col("metric").is_in(list(SHOWN))
        & (pl.col("slice") == "all")
        & pl.col("ranker").is_in([ranker, SOURCE])
    )
    names = [name for metric, name in SHOWN.items() if (own["metric"] == metric).any()]
    rows: dict[str, dict[str, Any]] = {}
    for arm, metric, value in own.select("arm", "metric", "value").iter_rows():
        rows.setdefault(arm, {"arm": arm} | dict.fromkeys(names))[SHOWN[metric]] = value
    return list(rows.values())


def groups(rows: pl.DataFrame, metric: str) -> dict[str, list[dict[str, Any]]]:
    """Column -> a row a group of users: its name, size, metric of base, and `llm` against it. `rows` are
    one ranker's."""
    wanted = rows.filter((pl.col("metric") == metric) & pl.col("slice").str.starts_with(GROUP))
    base = {
        row["slice"]: row["value"]
        for row in wanted.filter((pl.col("arm") == "base") & (pl.col("against") == "base")).to_dicts()
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for row in wanted.filter((pl.col("arm") == "llm") & (pl.col("against") == "base")).to_dicts():
        column, _, value = row["slice"].removeprefix(GROUP).partition("=")
        found.setdefault(column, []).append(row | {"name": value, "base": base.get(row["slice"])})
    return found


def is_of_users(name: pl.Expr) -> pl.Expr:
    """Whether a slice is a group of users, or the gap between such."""
    return name.str.starts_with(GROUP) | name.str.starts_with(GAP)
