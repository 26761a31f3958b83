"""The lift table in plain words. "No measurable gain" is a result like any other."""

from typing import Any

import polars as pl

from nightshift.lift.arms import SOURCE, comparisons, meaning, with_interval
from nightshift.lift.inference import smallest_detectable
from nightshift.lift.slices import MAIN_SLICES

TOO_GOOD = 0.01
"""Overall AUC gain above which a leak is the likelier explanation."""

GAP = "gap between groups of "
"""How the `slice` of a gap between groups of users begins; the column follows."""

FEW_USERS, FEW_ROWS = 100, 1000
"""Below either, a slice is called too small for a claim."""


def main_metric(lift: pl.DataFrame) -> str:
    """What a verdict reads: AUC of rows that users were shown, NDCG@10 of lists of candidates."""
    return "auc" if (lift["metric"] == "auc").any() else "ndcg@10"


def verdict(lift: pl.DataFrame, metric: str | None = None) -> list[str]:
    """Sentences on every comparison, ranker by ranker: overall first, then by slice, then what to doubt;
    last, what candidates allow."""
    metric = metric or main_metric(lift)
    rankers = lift.filter(pl.col("ranker") != SOURCE)["ranker"].unique(maintain_order=True).to_list()
    found = {name: _of_one(lift.filter(pl.col("ranker") == name), metric) for name in rankers}
    lines = [line if len(found) < 2 else f"{name}: {line}" for name, lines in found.items() for line in lines]
    return lines + _allowed(lift.filter((pl.col("ranker") == SOURCE) & (pl.col("slice") == "all")), metric)


def _allowed(own: pl.DataFrame, metric: str) -> list[str]:
    """What the candidate stage found, and what its sources reach alone."""
    found = own.filter(pl.col("arm") == "candidates")["value"].to_list()
    alone = own.filter(pl.col("metric") == metric).select("arm", "value").drop_nulls().rows()
    said = [
        f"{share:.1%} of what users chose was among the candidates: no ranker of them can recall more"
        for share in found
    ]
    return said + (
        [f"alone, {', '.join(f'{arm} reaches {value:.4f}' for arm, value in alone)} {metric.upper()}"]
        if alone
        else []
    )


def _of_one(lift: pl.DataFrame, metric: str) -> list[str]:
    rows = lift.filter((pl.col("metric") == metric) & (pl.col("arm") != pl.col("against")))
    overall = rows.filter(pl.col("slice") == "all")
    shown = (
        pl.col("slice").is_in(MAIN_SLICES[1:])
        & (pl.col("arm") == "llm")
        & pl.col("against").is_in(["base", "permuted"])
    )
    sliced = rows.filter(shown)
    lines = [_sentence(row, metric) for row in _ordered(overall)] + [
        _sentence(row, metric) for row in _ordered(sliced)
    ]
    return lines + _doubts(overall)


def _ordered(rows: pl.DataFrame) -> list[dict[str, Any]]:
    named = rows.to_dicts()
    arms = dict.fromkeys(name for row in named for name in (row["arm"], row["against"]))
    order = {pair: place for place, pair in enumerate(comparisons(arms))}
    slices = list(dict.fromkeys(row["slice"] for row in named))
    return sorted(
        named,
        key=lambda row: (slices.index(row["slice"]), order.get((row["arm"], row["against"]), len(order))),
    )


def _sentence(row: dict[str, Any], metric: str) -> str:
    name = f"{row['arm']} minus {row['against']} ({meaning(row['arm'], row['against'])})"
    place = "overall" if row["slice"] == "all" else f"for {row['slice']}"
    if row["ci_low"] is None or row["difference"] is None:
        return f"{name}: no number {place}, {row['n_rows']} rows of {row['n_users']} users do not support one"
    return f"{name}: {metric.upper()} {with_interval(row)} {place}: {_meaning(row, metric)}{_caveat(row)}"


def _meaning(row: dict[str, Any], metric: str) -> str:
    low, high = (row["ci_low"], row["ci_high"]) if metric != "logloss" else (-row["ci_high"], -row["ci_low"])
    clear = row["slice"] == "all" or row["p_holm"] is None or row["p_holm"] < 0.05
    if low > 0:
        return "a measurable gain" if clear else "a gain that may be chance among so many slices"
    if high < 0:
        return "a measurable loss" if clear else "a loss that may be chance among so many slices"
    what = "difference" if row["arm"] == "permuted" else "gain"
    return f"no measurable {what} (one under {smallest_detectable(low, high):.4f} would likely be missed)"


def _caveat(row: dict[str, Any]) -> str:
    if row["slice"] == "all" or (row["n_users"] >= FEW_USERS and row["n_rows"] >= FEW_ROWS):
        return ""
    return f"; {row['n_rows']} rows of {row['n_users']} users support no claim"


def _doubts(overall: pl.DataFrame) -> list[str]:
    found = {(row["arm"], row["against"]): row for row in overall.to_dicts()}
    doubts = []
    for pair, row in found.items():
        if row["metric"] == "auc" and pair[1] == "base" and (row["difference"] or 0.0) > TOO_GOOD:
            doubts.append(
                f"{pair[0]} gains {row['difference']:+.4f} over base: more than +{TOO_GOOD} overall; "
                f"look for a leak first"
            )
    placebo = found.get(("permuted", "base"))
    if placebo and placebo["ci_low"] is not None and placebo["ci_low"] > 0:
        doubts.append(
            "the placebo beats base: what llm gains over base is not all content; read the content "
            "lift instead"
        )
    return doubts


def gaps_told(lift: pl.DataFrame, metric: str | None = None) -> list[str]:
    """Sentences on whether groups of users are served alike, ranker by ranker and column by column; none
    without such groups."""
    metric = metric or main_metric(lift)
    rows = lift.filter((pl.col("metric") == metric) & pl.col("slice").str.starts_with(GAP)).to_dicts()
    several = len({row["ranker"] for row in rows}) > 1
    found = {(row["ranker"], row["slice"], row["arm"], row["against"]): row for row in rows}
    told = []
    for ranker, place in dict.fromkeys((row["ranker"], row["slice"]) for row in rows):
        base, llm = (found.get((ranker, place, arm, arm)) for arm in ("base", "llm"))
        if base is None or base["value"] is None:
            continue
        said = (
            f"users by {place.removeprefix(GAP)} ({base['n_users']:,} users): best and worst served group "
            f"differ by {metric.upper()} "
        )
        said += f"{_gap(base, 'base')}" + (
            f" and {_gap(llm, 'llm')}" if llm and llm["value"] is not None else ""
        )
        told.append(
            (f"{ranker}: " if several else "") + said + _moved(found.get((ranker, place, "llm", "base")))
        )
    return told


def _gap(row: dict[str, Any], arm: str) -> str:
    chance = "" if row["p_value"] is None else f" ({row['p_value']:.0%} of random groups differ as much)"
    return f"{row['value']:.4f} with {arm}{chance}"


def _moved(row: dict[str, Any] | None) -> str:
    """Whether the language model's features widen a gap."""
    if row is None or row["ci_low"] is None:
        return ""
    moved = "widens" if row["ci_low"] > 0 else "narrows" if row["ci_high"] < 0 else "does not measurably move"
    return f"; llm {moved} the gap ({with_interval(row)})"
