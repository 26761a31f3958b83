"""What a night must satisfy, as plain functions of frames. Assets turn the results into Dagster asset checks.

A blocking check keeps a bad table from being published; a warning is shown and publishes all the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Checked:
    """One check's outcome."""

    name: str
    passed: bool
    message: str
    blocking: bool = True
    numbers: dict[str, Any] = field(default_factory=dict)


def not_empty(frame: pl.DataFrame) -> Checked:
    """At least one row."""
    return Checked("not_empty", frame.height > 0, f"{frame.height:,} rows")


def schema(table: Any, frame: pl.DataFrame) -> Checked:
    """Columns, types, required values and unique key of the table."""
    from nightshift.errors import TableError

    try:
        table.conform(frame)
    except TableError as error:
        return Checked("schema", False, str(error))
    return Checked("schema", True, f"{len(frame.columns)} columns, key {', '.join(table.key) or 'none'}")


def nothing_from_the_future(frame: pl.DataFrame, column: str, moment: datetime) -> Checked:
    """Every moment in the column lies strictly before the night."""
    late = frame.filter(pl.col(column) >= moment)
    message = f"newest {column}: {frame.select(pl.col(column).max()).item()}, the night begins {moment:%Y-%m-%d %H:%M} UTC"
    if late.height:
        message = f"{late.height} rows at or after the night; the first: {late.row(0, named=True)}"
    return Checked("nothing_from_the_future", late.is_empty(), message, numbers={"late_rows": late.height})


def coverage(have: int, want: int, least: float, what: str, blocking: bool = True) -> Checked:
    """Share of the rows that got a value."""
    share = have / want if want else 1.0
    return Checked(
        "coverage", share >= least, f"{have:,} of {want:,} {what} ({share:.1%}); at least {least:.0%}", blocking, {"share": share}
    )


def not_scored(backend: str) -> Checked:
    """In place of `coverage` where nothing was asked because the backend cannot weigh choices."""
    return Checked("coverage", True, f"not scored: backend {backend} writes answers only")


def reject_share(rejects: pl.DataFrame, answered: int, most: float) -> Checked:
    """Share of tonight's answers that were not accepted. The message names the worst reasons and three rows."""
    waiting = rejects.filter(pl.col("reason") == "waiting").height
    rejects, answered = rejects.filter(pl.col("reason") != "waiting"), answered - waiting
    share = rejects.height / max(answered, 1)
    message = f"{rejects.height:,} of {answered:,} answers rejected ({share:.1%}); at most {most:.0%}"
    message += f"; {waiting:,} rows wait for a batch that the next run takes up" if waiting else ""
    if rejects.height:
        reasons = rejects.group_by("reason").len().sort("len", "reason", descending=[True, False]).head(3)
        shown = rejects.head(3).select("key", "reason", pl.col("answer").str.slice(0, 60)).rows()
        message += f". Worst reasons: {dict(reasons.iter_rows())}. For example: {shown}"
    return Checked("reject_share", share <= most, message, numbers={"share": share})


def vectors_are_sound(frame: pl.DataFrame) -> Checked:
    """Every vector is finite; encoder views have unit length; one width and one encoder a view."""
    problems = []
    for (view,), rows in frame.group_by("view", maintain_order=True):
        if rows["encoder_id"].n_unique() > 1 or rows["vector"].list.len().n_unique() > 1:
            problems.append(
                f"view {view} mixes {rows['encoder_id'].unique().to_list()}, widths {rows['vector'].list.len().unique().to_list()}"
            )
            continue
        vectors = np.array(rows["vector"].to_list(), dtype=np.float32)  # (rows, width)
        norms = np.linalg.norm(vectors, axis=1)
        if not np.isfinite(norms).all():
            problems.append(f"view {view}: {int((~np.isfinite(norms)).sum())} vectors are not finite")
        elif view != "hidden" and np.abs(norms - 1).max() > 0.01:
            problems.append(f"view {view}: norms {norms.min():.3f} to {norms.max():.3f}, expected 1")
    counts = dict(frame.group_by("view").len().sort("view").iter_rows())
    return Checked("vectors_are_sound", not problems, "; ".join(problems) or f"rows by view: {counts}", numbers=counts)


def tag_drift(scores: pl.DataFrame, last: pl.DataFrame, most: float) -> Checked:
    """Jensen-Shannon divergence (base 2) between the top-tag frequencies of tonight and of the night before."""
    if last.is_empty():
        return Checked("tag_drift", True, "no night before this one", blocking=False)
    divergence = jensen_shannon(_top_frequencies(scores), _top_frequencies(last))
    return Checked("tag_drift", divergence <= most, f"{divergence:.4f}; at most {most}", blocking=False, numbers={"divergence": divergence})


def _top_frequencies(scores: pl.DataFrame) -> pl.DataFrame:
    top = scores.sort("item_id", "facet", "score", "tag").group_by("item_id", "facet", maintain_order=True).last()
    return top.group_by("facet", "tag").len().with_columns(share=pl.col("len") / pl.col("len").sum()).drop("len")


def jensen_shannon(left: pl.DataFrame, right: pl.DataFrame) -> float:
    """Divergence of two frequency tables `facet, tag, share` (Lin, 1991), 0 for equal, 1 for disjoint."""
    both = left.join(right, on=["facet", "tag"], how="full", coalesce=True, suffix="_right").fill_null(0.0)
    p, q = both["share"].to_numpy(), both["share_right"].to_numpy()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        halves = [np.where(x > 0, x * np.log2(x / middle), 0.0).sum() / 2 for x in (p, q)]
    return float(sum(halves))


def one_row_each(frame: pl.DataFrame, owners: pl.DataFrame, key: str) -> Checked:
    """Exactly the owners have a row."""
    missing = owners.join(frame, on=key, how="anti")[key]
    extra = frame.join(owners, on=key, how="anti")[key]
    twice = frame.filter(frame[key].is_duplicated())[key].unique(maintain_order=True)
    passed = missing.is_empty() and extra.is_empty() and twice.is_empty()
    message = f"{frame.height:,} rows for {owners.height:,} owners"
    if not passed:
        wrong = (("missing", missing), ("unexpected", extra), ("more than one row", twice))
        message = ", ".join(f"{what}: {ids.head(3).to_list()}" for what, ids in wrong)
    return Checked("one_row_each", passed, message)
