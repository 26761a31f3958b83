"""Drift of the strongest tags between two nights."""

import numpy as np
import polars as pl

from nightshift.tables import Checked


def tag_drift(scores: pl.DataFrame, last: pl.DataFrame, most: float) -> Checked:
    """Jensen-Shannon divergence (base 2) between the top-tag frequencies of tonight and of the night before.

    Two samples of n items from one catalogue with k tags differ by about (k - 1) / (4 n ln 2) by chance
    alone (the chi-square approximation): 0.02 for 70 tags and 1,250 items. Items that both nights have do
    not differ at all, since the centres are frozen.
    """
    if last.is_empty():
        return Checked("tag_drift", True, "no night before this one", blocking=False)
    now, before = _top_frequencies(scores), _top_frequencies(last)
    divergence = jensen_shannon(now, before)
    message = f"{divergence:.4f}; at most {most}"
    if divergence > most:
        message += (
            f". The largest moves: {_moves(now, before)}. A new catalogue, vocabulary or model: retrain; "
            f"else look at the new items"
        )
    return Checked(
        "tag_drift",
        divergence <= most,
        message,
        blocking=False,
        numbers={"divergence": divergence, "limit": most},
    )


def _top_frequencies(scores: pl.DataFrame) -> pl.DataFrame:
    top = (
        scores.sort("item_id", "facet", "score", "tag")
        .group_by("item_id", "facet", maintain_order=True)
        .last()
    )
    return (
        top.group_by("facet", "tag").len().with_columns(share=pl.col("len") / pl.col("len").sum()).drop("len")
    )


def _moves(now: pl.DataFrame, before: pl.DataFrame) -> str:
    both = now.join(before, on=["facet", "tag"], how="full", coalesce=True, suffix="_last").fill_null(0.0)
    most = both.with_columns(by=(pl.col("share") - pl.col("share_last")).abs()).sort(
        "by", "facet", "tag", descending=[True, False, False]
    )
    return ", ".join(
        f"{facet} {tag} {old:.1%} to {new:.1%}" for facet, tag, new, old, _ in most.head(3).iter_rows()
    )


def jensen_shannon(left: pl.DataFrame, right: pl.DataFrame) -> float:
    """Divergence of two frequency tables `facet, tag, share` (Lin, 1991), 0 for equal, 1 for disjoint."""
    both = left.join(right, on=["facet", "tag"], how="full", coalesce=True, suffix="_right").fill_null(0.0)
    p, q = both["share"].to_numpy(), both["share_right"].to_numpy()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        halves = [np.where(x > 0, x * np.log2(x / middle), 0.0).sum() / 2 for x in (p, q)]
    return float(sum(halves))
