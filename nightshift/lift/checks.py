"""What the features are worth, against the report before."""

from datetime import date
from typing import Any

import polars as pl

from nightshift.lift.arms import with_interval
from nightshift.tables import Checked

Z = 1.96
"""Standard errors: 2.5% of reports warn by chance, for each ranker and comparison, when nothing has
changed."""
WATCHED = (("llm", "base"), ("llm", "permuted"))
"""Lift and content lift."""

Key = tuple[str, str, str]
"""Ranker, arm, against."""


def lift_kept(lift: pl.DataFrame, last: pl.DataFrame, night: date | None, metric: str) -> Checked:
    """The lift and the content lift are not measurably smaller than in the last report.

    Worse means that the fall itself lies below zero with 97.5% confidence: (new - old) < -1.96
    sqrt(se_new^2 + se_old^2), each standard error read off its 95% interval. Comparing intervals for
    overlap would be too shy, and comparing the new interval with the old value too bold, for it forgets
    that the old value was an estimate as well (Schenker and Gentleman, On judging the significance of
    differences by examining the overlap between confidence intervals, The American Statistician 55, 2001).
    Reports that share test rows vary together, which makes the rule stricter on itself: it warns less
    often than it may.
    """
    now, before = _rows(lift, metric), _rows(last, metric)
    both = [key for key in now if key in before]
    if not both:
        return Checked(
            "lift_kept", True, "no report before this one with the same comparisons", blocking=False
        )
    falls = {key: _fall(now[key], before[key]) for key in both}
    worse = [key for key, z in falls.items() if z < -Z]
    said = "; ".join(_sentence(key, now[key], before[key]) for key in (worse or both))
    message = f"{metric.upper()} since {night}: {said}"
    if worse:
        message += (
            ". A measurable fall: compare the two reports (`nightshift report --as-of`), and what changed "
            "in prompt, model or data"
        )
    return Checked(
        "lift_kept",
        not worse,
        message,
        blocking=False,
        numbers={f"z {' '.join(key)}": round(z, 3) for key, z in falls.items()},
    )


def _rows(lift: pl.DataFrame, metric: str) -> dict[Key, dict[str, Any]]:
    judged = (
        pl.col("difference").is_not_null() & pl.col("ci_low").is_not_null() & pl.col("ci_high").is_not_null()
    )
    rows = lift.filter((pl.col("metric") == metric) & (pl.col("slice") == "all") & judged).to_dicts()
    return {
        (row["ranker"], row["arm"], row["against"]): row
        for row in rows
        if (row["arm"], row["against"]) in WATCHED
    }


def _fall(now: dict[str, Any], before: dict[str, Any]) -> float:
    """New minus old in standard errors of that difference."""
    errors = [(row["ci_high"] - row["ci_low"]) / (2 * Z) for row in (now, before)]
    error = (errors[0] ** 2 + errors[1] ** 2) ** 0.5
    difference = float(now["difference"] - before["difference"])
    return difference / error if error > 0 else (0.0 if difference == 0 else difference * float("inf"))


def _sentence(key: Key, now: dict[str, Any], before: dict[str, Any]) -> str:
    return f"{key[0]} {key[1]} - {key[2]} {with_interval(now)}, before {with_interval(before)}"
