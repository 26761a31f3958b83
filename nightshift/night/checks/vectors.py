"""Checks of vectors: sound numbers, different vectors for different texts, and no drift of a view between
two nights."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.night.checks.rows import WORST
from nightshift.tables import Checked, many

Matrix = NDArray[np.float32]


def vectors_are_sound(frame: pl.DataFrame, spec: ContentSpec | None = None) -> Checked:
    """Every vector is finite; encoder views have unit length; one width and one encoder a view."""
    states = (spec or first_spec()).views_of("state")
    problems = [
        problem
        for (view,), rows in frame.group_by("view", maintain_order=True)
        if (problem := _unsound(str(view), rows, str(view) not in states))
    ]
    counts = dict(frame.group_by("view").len().sort("view").iter_rows())
    if problems:
        return Checked(
            "vectors_are_sound",
            False,
            f"{'; '.join(problems)}. Look at the encoder and its device",
            numbers=counts,
        )
    return Checked("vectors_are_sound", True, f"rows by view: {counts}", numbers=counts)


def _unsound(view: str, rows: pl.DataFrame, of_an_encoder: bool) -> str:
    if rows["vector"].null_count():
        return (
            f"view {view}: {many(rows['vector'].null_count(), 'missing vector')}, "
            f"{_ids(rows, rows['vector'].is_null().to_numpy())}"
        )
    if rows["encoder_id"].n_unique() > 1 or rows["vector"].list.len().n_unique() > 1:
        return (
            f"view {view} mixes {rows['encoder_id'].unique().to_list()}, widths "
            f"{rows['vector'].list.len().unique().to_list()}"
        )
    norms = np.linalg.norm(_matrix(rows), axis=1)
    if not np.isfinite(norms).all():
        return (
            f"view {view}: {many(int((~np.isfinite(norms)).sum()), 'vector')} not finite, "
            f"{_ids(rows, ~np.isfinite(norms))}"
        )
    if of_an_encoder and np.abs(norms - 1).max() > 0.01:
        return (
            f"view {view}: norms {norms.min():.3f} to {norms.max():.3f}, expected 1, "
            f"{_ids(rows, np.abs(norms - 1) > 0.01)}"
        )
    return ""


def _ids(rows: pl.DataFrame, wrong: NDArray[np.bool_]) -> str:
    return f"the first: {rows.filter(pl.Series(wrong)).to_series(0).head(WORST).to_list()}"


def _matrix(rows: pl.DataFrame) -> Matrix:
    """(rows, width) of a view whose vectors have one width."""
    width = int(rows["vector"].list.len().max() or 0)  # type: ignore[arg-type]
    return (
        rows["vector"]
        .explode(empty_as_null=False)
        .to_numpy()
        .astype(np.float32, copy=False)
        .reshape(rows.height, width)
    )


def distinct_vectors(frame: pl.DataFrame, texts: pl.DataFrame, most: float) -> Checked:
    """No vector stands for most of the texts: an encoder that says the same of everything passes every
    other check.

    `texts` holds `<owner>_id, view, content_key`, where equal keys mean equal texts, which may share a
    vector. Different texts share one too where they differ only in what the encoder does not read (the end
    of a long text, the order of words), in small groups; `share` counts them. A collapsed encoder has one
    group of everything, and the largest group of a view is what is judged. Views without texts (the
    model's own states) are not looked at.
    """
    owner = frame.columns[0]
    rows = texts.select(owner, "view", "content_key").join(
        frame.select(owner, "view", "vector"), on=[owner, "view"]
    )
    rows = rows.unique(["view", "content_key"], maintain_order=True).with_columns(
        bits=pl.col("vector").hash()
    )
    alike = rows.group_by("view", "bits", maintain_order=True).agg(pl.len(), owners=pl.col(owner).head(WORST))
    groups = alike.filter(pl.col("len") > 1).join(rows.group_by("view").agg(texts=pl.len()), on="view")
    sized = groups.with_columns(share=pl.col("len") / pl.col("texts"))
    worst = sized.sort("share", descending=True, maintain_order=True).head(1).to_dicts()
    shared, largest = int(groups["len"].sum()), worst[0]["share"] if worst else 0.0
    message = (
        f"{shared:,} of {rows.height:,} different texts share a vector, {largest:.1%} of a view the same "
        f"one; at most {most:.0%}"
    )
    if largest > most:
        message += (
            f". View {worst[0]['view']}, for example {owner} {worst[0]['owners']}: the encoder has "
            f"collapsed, or was given nothing"
        )
    numbers = {"share": shared / max(rows.height, 1), "largest": largest, "limit": most}
    return Checked("distinct_vectors", largest <= most, message, numbers=numbers)


@dataclass(frozen=True)
class Cloud:
    """Where the vectors of a view lie, as directions: their lengths are left out."""

    rows: int
    mean: NDArray[np.float64]
    """(width,) mean of the unit vectors; its squared length R2 is 1 when all agree."""
    encoder_id: str

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Cloud":
        """Of the rows of one view."""
        matrix = _matrix(rows)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        mean = (matrix / np.where(lengths > 0, lengths, 1)).mean(axis=0, dtype=np.float64)
        return cls(rows.height, mean, str(rows["encoder_id"][0]))

    @property
    def agreement(self) -> float:
        """R2, the squared length of the mean direction."""
        return float(self.mean @ self.mean)

    @property
    def spread(self) -> float:
        """Mean squared distance of the unit vectors to their mean."""
        return 1 - self.agreement


def clouds(frame: pl.DataFrame) -> dict[str, Cloud]:
    """The cloud of every view that has rows of one width."""
    views = frame.drop_nulls("vector").group_by("view", maintain_order=True)
    return {str(view): Cloud.of(rows) for (view,), rows in views if rows["vector"].list.len().n_unique() == 1}


def vector_drift(frame: pl.DataFrame, last: dict[str, Cloud], most: float, most_spread: float) -> Checked:
    """Each view's mean direction and spread against the night before: 1 - cosine of the means, and the
    ratio of the spreads.

    Chance is allowed for: the means of two samples of n and m unit vectors from one cloud differ by about
    (1 - R2) / (2 R2) * (1/n + 1/m), R2 the squared length of the mean (first order; Mardia and Jupp,
    Directional Statistics, 2000, section 9.2). Twice that is added to the limit, so that a shop of 60
    items is not told off for five new ones.
    """
    found = {
        view: (now, last[view])
        for view, now in clouds(frame).items()
        if view in last and last[view].encoder_id == now.encoder_id
    }
    if not found:
        return Checked("vector_drift", True, "no night before this one with the same encoder", blocking=False)
    moved = {view: _moved(now, before) for view, (now, before) in found.items()}
    bad = [
        view
        for view, (drift, chance, spread) in moved.items()
        if drift > most + 2 * chance or abs(spread - 1) > most_spread
    ]
    message = "; ".join(
        f"{view}: {drift:.4f} (chance {chance:.4f}), spread x {spread:.2f}"
        for view, (drift, chance, spread) in moved.items()
    )
    message += f"; at most {most:g}, spread within {most_spread:.0%}"
    if bad:
        message += (
            f". View {', '.join(bad)} moved: a new catalogue, prompt or model? Train on tonight's vectors "
            f"before serving them"
        )
    numbers = {f"drift {view}": drift for view, (drift, _, _) in moved.items()} | {
        f"spread {view}": s for view, (_, _, s) in moved.items()
    }
    return Checked("vector_drift", not bad, message, blocking=False, numbers=numbers)


def _moved(now: Cloud, before: Cloud) -> tuple[float, float, float]:
    """Distance of the means, what of it is chance, ratio of the spreads."""
    lengths = float(np.sqrt(now.agreement * before.agreement))
    cosine = float(now.mean @ before.mean) / lengths if lengths > 0 else 1.0
    agreement = max(min(now.agreement, before.agreement), 1e-9)
    chance = (1 - agreement) / (2 * agreement) * (1 / now.rows + 1 / before.rows)
    return max(0.0, 1 - cosine), chance, (now.spread + 1e-9) / (before.spread + 1e-9)
