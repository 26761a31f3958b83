"""Everything the report says, as plain values from a night's published tables and ledger. Nothing here
names a user."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from nightshift.lift.arms import comparisons, is_leave_one_out, meaning, pooled
from nightshift.lift.calibration import reliability
from nightshift.lift.cost import PAYING, Cost, costs
from nightshift.lift.headline import rankers_of, rows_of
from nightshift.lift.memorization import Memory
from nightshift.lift.metrics import auc
from nightshift.lift.quality import Quality, quality
from nightshift.lift.verdict import gaps_told, main_metric, verdict
from nightshift.night.night import Night
from nightshift.report.lift_page.group_tables import SHOWN, groups, is_of_users, shown
from nightshift.report.lift_page.provenance import decided_by, rests_on, size, versions
from nightshift.report.lift_page.samples import Sample, samples
from nightshift.tables import ITEM_FACTS, ITEMS, RANKING_EXAMPLES, RANKING_SCORES

PROOFS = {
    "recompute": "A sample of training rows was rebuilt from raw events cut strictly before each "
    "row's moment, and "
    "compared bit for bit.",
    "future_shuffle": "All events after the cut between training and validation were dealt anew; no row "
    "before it may "
    "change.",
}
"""What each proof does. Both stop a night that fails, so a report exists only where they passed."""


@dataclass(frozen=True)
class Judgement:
    """One ranker's part of the report."""

    ranker: str
    metric: str
    verdict: list[str]
    arms: list[dict[str, Any]]
    """A row an arm: its name and each metric's overall value."""
    compared: list[dict[str, Any]]
    """Overall rows of the main metric, with a name in words and each seed's difference."""
    sliced: dict[str, list[dict[str, Any]]]
    """Comparison in words -> a row a slice."""
    by_seed: dict[str, list[float]]
    """Arm -> AUC of each seed; empty for lists of candidates."""
    bins: dict[str, pl.DataFrame]
    """Arm -> reliability diagram of the first seed."""
    costs: list[Cost]
    bought: list[dict[str, Any]]
    """The arms that cost something, with the gain's interval: `arm`, `difference`, `ci_low`, `ci_high`,
    `cost`."""
    shown: list[dict[str, Any]]
    """A row an arm: what it would show in the first ten places; empty for rows that users were shown."""
    groups: dict[str, list[dict[str, Any]]]
    """Column -> a row a group of users."""
    gaps: list[str]
    """Whether those groups are served alike, in words."""
    helped: list[Sample]
    hurt: list[Sample]


@dataclass(frozen=True)
class Content:
    """The whole report."""

    as_of: str
    judgements: list[Judgement]
    quality: Quality
    memory: Memory | None
    """Whether the language model can recite the catalogue; None when it was not asked."""
    proofs: dict[str, tuple[str, str]]
    """Proof -> what it does, what it found."""
    size: dict[str, int]
    """Rows by split, test users, features by family."""
    sources: list[dict[str, Any]]
    """A row a file or table that the judgement rests on: name, rows, digest, published, model, prompt."""
    versions: dict[str, str]
    settings: dict[str, str]


def gather(night: Night, lift: pl.DataFrame, memory: Memory | None = None) -> Content:
    """Read a night's tables and ledger. `lift` is the table, published or about to be."""
    store = night.store
    scores, items = store.read(RANKING_SCORES, night.as_of), store.read(ITEMS, night.as_of)
    facts, examples = (
        store.read_or_empty(ITEM_FACTS, night.as_of),
        store.manifest(RANKING_EXAMPLES, night.as_of),
    )
    rejects = night.ledgers.rejects.query(
        lambda rows: rows.filter(pl.col("as_of") <= night.as_of).select("table", "reason")
    )
    return Content(
        as_of=str(night.as_of),
        judgements=[_judgement(night, lift, scores, items, facts, ranker) for ranker in rankers_of(lift)],
        quality=quality(items, facts, rejects),
        memory=memory,
        proofs={
            name: (says, str(examples.metadata.get(f"proof: {name}", "passed")))
            for name, says in PROOFS.items()
        },
        size=size(examples, scores),
        sources=rests_on(night),
        versions=versions(),
        settings=decided_by(night),
    )


def _judgement(
    night: Night,
    lift: pl.DataFrame,
    scores: pl.DataFrame,
    items: pl.DataFrame,
    facts: pl.DataFrame,
    ranker: str,
) -> Judgement:
    rows, metric = lift.filter(pl.col("ranker") == ranker), main_metric(lift)
    overall, own = rows_of(lift, ranker), scores.filter(pl.col("ranker") == ranker)
    values = aucs(own) if metric == "auc" else {}
    gains = {arm: overall[arm, "base"]["difference"] for arm in PAYING if (arm, "base") in overall}
    paid = costs(night.store, night.ledgers, night.as_of, gains, night.content_spec)
    helped, hurt = samples(scores, items, facts, ranker)
    return Judgement(
        ranker=ranker,
        metric=metric,
        verdict=verdict(rows.filter(pl.col("slice") == "all"), metric),
        arms=_arms(rows),
        compared=[_named(overall[pair], values) for pair in _ordered(overall)],
        sliced={
            f"{arm} minus {against}": [
                row | {"name": row["slice"]} for row in _slices(rows, metric, arm, against)
            ]
            for arm, against in (("llm", "base"), ("llm", "permuted"))
            if (arm, against) in overall
        },
        by_seed=values,
        bins={arm: _bins(own, arm) for arm in ("base", "llm") if _is_probability(own, arm)},
        costs=paid,
        bought=[overall[cost.arm, "base"] | {"cost": cost} for cost in paid],
        shown=shown(lift, ranker),
        groups=groups(rows, metric),
        gaps=gaps_told(rows, metric),
        helped=helped,
        hurt=hurt,
    )


def aucs(scores: pl.DataFrame) -> dict[str, list[float]]:
    """Arm -> AUC of each seed, the dealings of the placebo as one arm."""
    values: dict[str, list[float]] = {}
    for (arm, _), part in scores.sort("seed", maintain_order=True).group_by(
        "arm", "seed", maintain_order=True
    ):
        values.setdefault(pooled(str(arm)), []).append(
            auc(part["label"].cast(pl.Float64).to_numpy(), part["score"].to_numpy())
        )
    return values


def _ordered(overall: dict[tuple[str, str], dict[str, Any]]) -> Sequence[tuple[str, str]]:
    known = comparisons(dict.fromkeys(name for pair in overall for name in pair))
    return [pair for pair in known if pair in overall] + [
        p for p in overall if p[0] != p[1] and p not in known
    ]


def _named(row: dict[str, Any], values: dict[str, list[float]]) -> dict[str, Any]:
    arm, against = row["arm"], row["against"]
    said = meaning(arm, against)
    seeds = [one - other for one, other in zip(values.get(arm, []), values.get(against, []), strict=False)]
    name = said if is_leave_one_out(against) else f"{arm} - {against}"
    return row | {"name": name, "meaning": said, "seeds": seeds}


def _slices(rows: pl.DataFrame, metric: str, arm: str, against: str) -> list[dict[str, Any]]:
    wanted = (
        (pl.col("metric") == metric)
        & (pl.col("arm") == arm)
        & (pl.col("against") == against)
        & (pl.col("slice") != "all")
    )
    return rows.filter(wanted & ~is_of_users(pl.col("slice"))).to_dicts()


def _arms(rows: pl.DataFrame) -> list[dict[str, Any]]:
    own = rows.filter(
        (pl.col("arm") == pl.col("against"))
        & (pl.col("slice") == "all")
        & ~pl.col("metric").is_in(list(SHOWN))
    )
    found: dict[str, dict[str, Any]] = {}
    for arm, metric, value in own.select("arm", "metric", "value").iter_rows():
        found.setdefault(arm, {"arm": arm})[metric] = value
    return list(found.values())


def _is_probability(scores: pl.DataFrame, arm: str) -> bool:
    own = scores.filter(pl.col("arm") == arm)["score"]
    return len(own) > 0 and bool(own.is_between(0, 1).all())


def _bins(scores: pl.DataFrame, arm: str) -> pl.DataFrame:
    first = scores.filter((pl.col("arm") == arm) & (pl.col("seed") == pl.col("seed").min()))
    found = reliability(first["label"].cast(pl.Float64).to_numpy(), first["score"].to_numpy())
    columns = {
        name: np.asarray(getattr(found, name)) for name in ("predicted", "observed", "low", "high", "rows")
    }
    return pl.DataFrame(columns)
