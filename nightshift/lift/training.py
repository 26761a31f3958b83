"""Train the arms: every ranker with every arm and seed on the same split, and what each says about every
test row."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from nightshift.errors import SourceError
from nightshift.features.content_spec import ContentSpec
from nightshift.lift.arms import Arm, arms_of
from nightshift.lift.settings import LiftSettings, RankerName
from nightshift.rankers.base import Ranker
from nightshift.rankers.build import build_ranker
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lightgbm import LightGBMSettings
from nightshift.rankers.tuning import choose
from nightshift.tables import RANKING_SCORES

if TYPE_CHECKING:  # a context loads SciPy, and the configuration imports this package
    from nightshift.rankers.context import Context

Progress = Callable[[str], None]
"""Told in words what is being done."""


@dataclass(frozen=True)
class Trained:
    """What training leaves behind."""

    scores: pl.DataFrame
    """The `ranking_scores` table: every ranker, arm, seed and test row."""
    rankers: dict[str, dict[str, Ranker]]
    """Ranker -> arm -> the one of seed 0."""


@dataclass(frozen=True)
class Training:
    """What every arm shares."""

    splits: dict[str, pl.DataFrame]
    settings: LiftSettings
    tell: Progress
    context: "Context | None"
    """Histories and contents, for rankers that read them."""
    checkpoints: Path | None
    """Folder in which a long training leaves where it stands."""

    def ranker(self, name: RankerName, arm: Arm) -> tuple[Ranker, pl.DataFrame]:
        """The ranker of seed 0 of one arm, and the scores of all seeds. Seeds take turns where an arm has
        versions."""
        versions = arm.versions(self.splits["train"])
        contexts = [self.context.seeing(version.families) if self.context else None for version in versions]
        settings: Any = self.settings.of(name)

        def fit(variant: LightGBMSettings | DINSettings, seed: int = 0) -> Ranker:
            version, context = versions[seed % len(versions)], contexts[seed % len(versions)]
            file = self.checkpoints / f"{name}-{version.name}-{seed}.npz" if self.checkpoints else None
            ranker = build_ranker(variant, file, self.tell)
            return ranker.fit(
                self.splits["train"],
                self.splits["valid"],
                version.features(self.splits["train"]),
                seed,
                context,
            )

        if self.settings.trials > 1:
            self.tell(f"choosing among {self.settings.trials} variants of {name} for arm {arm.name}")
        chosen = choose(settings, name, self.settings.trials, fit, self.splits["valid"], contexts[0])
        rankers, scores = list[Ranker](), list[pl.DataFrame]()
        for seed in range(self.settings.seeds):
            version, context = versions[seed % len(versions)], contexts[seed % len(versions)]
            width = len(version.features(self.splits["train"]))
            self.tell(
                f"training arm {version.name} with {name}, seed {seed + 1} of {self.settings.seeds}, "
                f"{width} features"
            )
            ranker = fit(chosen, seed)
            rankers = rankers or [ranker]
            scores.append(_scores(name, version.name, seed, ranker, self.splits["test"], context))
        return rankers[0], pl.concat(scores)


def train_arms(
    examples: pl.DataFrame,
    settings: LiftSettings | None = None,
    progress: Progress | None = None,
    context: "Context | None" = None,
    checkpoints: Path | None = None,
    spec: ContentSpec | None = None,
) -> Trained:
    """Every ranker with every arm and seed on the same split, and what each says about every test row.

    `spec` says what `llm` is made of, for arms that leave a part out. `context` (`Context.of` the inputs
    that `examples` were built from) is needed by `din`. With a folder `checkpoints`, a killed training goes
    on where it was. Raises SourceError when the train or the test split has no rows or one kind of label.
    """
    settings, tell = settings or LiftSettings(), progress or (lambda _: None)
    splits = {name: examples.filter(pl.col("split") == name) for name in ("train", "valid", "test")}
    check_splits(splits)
    training = Training(splits, settings, tell, context, checkpoints)
    rankers, scores = dict[str, dict[str, Ranker]](), list[pl.DataFrame]()
    for name in settings.rankers:
        rankers[name] = {}
        for arm in arms_of(settings.all_arms(spec), examples, spec):
            if arm.without and name == "din":  # it reads whole views beside the columns
                continue
            rankers[name][arm.name], part = training.ranker(name, arm)
            scores.append(part)
    return Trained(RANKING_SCORES.conform(pl.concat(scores)), rankers)


def check_splits(splits: dict[str, pl.DataFrame]) -> None:
    """Raises SourceError when a split cannot be learnt from or judged."""
    for name in ("train", "test"):
        rows = splits[name]
        if rows["label"].n_unique() == 2:
            continue
        if rows.height and rows["label"].min() == 1.0:
            raise SourceError(
                f"all {rows.height} rows of the {name} split are positive, so there is nothing to "
                f"rank them against; is "
                "sources.interactions.feedback right? (implicit: candidates are what is ranked; "
                "impressions and explicit need both labels)"
            )
        _refuse_lists_of_nobody(pl.concat(splits.values()))
        raise SourceError(
            f"the {name} split has {rows.height} rows and no positive among them; rows begin at the "
            f"first published night: "
            "run earlier nights (--as-of), or move examples.train_until and examples.valid_until"
        )


def _refuse_lists_of_nobody(rows: pl.DataFrame) -> None:
    """Raises SourceError when most rows are in lists of several users, which have one moment each."""
    user = pl.col("user_id")
    lists = rows.group_by("group_id").agg(rows=pl.len(), users=user.n_unique()).filter(pl.col("users") > 1)
    if lists["rows"].sum() * 2 <= rows.height:
        return
    name, size, users = lists.sort("rows", descending=True).row(0)
    raise SourceError(
        f"list {name!r} has {size:,} rows of {users:,} users, and one moment: sources.interactions.group "
        "names no list; map the id of one request or page view (nightshift check says more)"
    )


def _scores(
    name: str, arm: str, seed: int, ranker: Ranker, test: pl.DataFrame, context: "Context | None"
) -> pl.DataFrame:
    """Rows of `ranking_scores`."""
    rows = test.select("user_id", "item_id", "timestamp", "label", "group_id", "split", "retrieved")
    named: dict[str, Any] = {"arm": pl.lit(arm), "ranker": pl.lit(name), "seed": pl.lit(seed, pl.Int32)}
    return rows.with_columns(**named, score=pl.Series(ranker.predict(test, context)))
