"""The lift table as text: values of the arms, differences with their intervals by slice, and the one line
that is quoted."""

import time
from typing import Any

import polars as pl

from nightshift.lift.arms import SOURCE, with_interval
from nightshift.lift.headline import rankers_of
from nightshift.lift.verdict import main_metric, verdict

PAIRS = (
    ("llm", "base"),
    ("text", "base"),
    ("permuted", "base"),
    ("llm", "permuted"),
    ("llm", "text"),
    ("both", "text"),
)
ARMS = ("base", "text", "llm", "both", "permuted")
METRICS = ("auc", "gauc", "ndcg@10", "recall@20", "logloss")


def tell(name: str, lift: pl.DataFrame, seeds: int) -> None:
    """Print everything; a line `NAME: ...` a ranker at the end, with its name where there are two."""
    print(values(lift), *verdict(lift), sep="\n")
    rankers = rankers_of(lift)
    for ranker in rankers:
        own = lift.filter(pl.col("ranker").is_in([ranker, SOURCE]))
        print(f"differences, {ranker}", differences(own), sep="\n")
    for ranker in rankers:
        own = lift.filter(pl.col("ranker") == ranker)
        print(
            f"{name if len(rankers) == 1 else f'{name}.{ranker}'}: {line(own)}; {seeds} seeds, 95% "
            f"intervals over users",
            flush=True,
        )


def say(words: str) -> None:
    """Progress, with the time of day."""
    print(f"  {time.strftime('%H:%M:%S')} {words}", flush=True)


def values(lift: pl.DataFrame) -> str:
    """A line for each ranker, arm and slice: every metric."""
    own = lift.filter(
        (pl.col("arm") == pl.col("against")) & pl.col("metric").is_in(METRICS) & pl.col("value").is_not_null()
    )
    wide = own.pivot(
        "metric", index=["slice", "n_rows", "n_users", "ranker", "arm"], values="value", maintain_order=True
    )
    return "\n".join(" | ".join(_cell(cell) for cell in row) for row in [wide.columns, *wide.rows()])


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def differences(lift: pl.DataFrame) -> str:
    """A line for each slice, metric and pair: difference, interval, p."""
    rows = lift.filter(
        (pl.col("arm") != pl.col("against"))
        & pl.col("metric").is_in(METRICS)
        & pl.col("ci_low").is_not_null()
    )
    return "\n".join(
        f"{row['slice']} | {row['metric']} | {row['arm']} - {row['against']} | {shown(row)}"
        for row in rows.to_dicts()
    )


def shown(row: dict[str, Any]) -> str:
    """`+0.0012 [+0.0004, +0.0020] p 0.004`"""
    p_value = "" if row["p_value"] is None else f" p {row['p_value']:.3f}"
    return with_interval(row) + p_value


def line(lift: pl.DataFrame) -> str:
    """The main metric's differences, overall, for tail and for cold items."""
    metric = main_metric(lift)
    rows = {
        (row["slice"], row["arm"], row["against"]): row
        for row in lift.filter(pl.col("metric") == metric).to_dicts()
    }
    said = []
    for slice_name in ("all", "tail items (bottom 60%)", "cold items (under 5 events)"):
        for arm, against in PAIRS:
            row = rows.get((slice_name, arm, against))
            if row is not None and row["ci_low"] is not None:
                said.append(f"{slice_name.split(' ')[0]} {arm} - {against} {shown(row)}")
    return f"{metric.upper()}: " + ", ".join(said)
