"""A benchmark's judgement as a night leaves it: printed, as tables anyone can recompute from, and as the
report's page."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from benchmarks.lift.telling import say, tell
from nightshift.features.builder import Builder
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs
from nightshift.features.proofs import future_shuffle, recompute
from nightshift.features.settings import ExampleSettings
from nightshift.lift.descriptions import Beside, spaces_of
from nightshift.lift.item_slices import about_items
from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import judge
from nightshift.night.night import Night
from nightshift.rankers.context import Context
from nightshift.report.lift_page import page
from nightshift.tables import (
    INTERACTIONS,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    ITEMS,
    RANKING_EXAMPLES,
    RANKING_SCORES,
    Table,
)

PROOFS = ("recompute", "future_shuffle")
SAMPLE = 50
"""Rows that are built again from events cut before their moment."""


@dataclass(frozen=True)
class Judged:
    """What was built, and how; `users` divides the test's users into groups."""

    night: Night
    inputs: ExampleInputs
    settings: ExampleSettings
    builder: Builder
    examples: pl.DataFrame
    users: pl.DataFrame | None = None

    def tell(self, name: str, lift: LiftSettings, proofs: bool = True) -> None:
        """Train, compare, print, publish. Raises SystemExit when a proof finds the future in a row."""
        known = (
            self._proved()
            if proofs
            else dict.fromkeys(
                ("recompute", "future_shuffle"), "not run in this benchmark; every night runs it"
            )
        )
        context = Context.of(self.inputs, self.settings) if "din" in lift.rankers else None
        made = judge(self.examples, lift, say, context, self._beside())
        tell(name, made.lift, lift.seeds)
        self._publish(made.scores, known)
        print(f"report: {page.write(self.night, made.lift)}", flush=True)

    def _beside(self) -> Beside:
        newest = self.inputs.snapshots[max(self.inputs.snapshots)]
        items = self.inputs.items
        spaces = spaces_of(items, _of(newest, ITEM_EMBEDDINGS)) if self.inputs.implicit else {}
        return Beside(
            about_items(items, _of(newest, ITEM_FACTS), self.examples),
            self.users,
            self.inputs.interactions,
            spaces,
        )

    def _proved(self) -> dict[str, str]:
        cut: Any = self.examples.filter(pl.col("split") != "train")["timestamp"].min()
        found = {
            "recompute": recompute(self.inputs, self.settings, self.examples, SAMPLE, builder=self.builder),
            "future_shuffle": future_shuffle(
                self.inputs, self.settings, cut, builder=self.builder, examples=self.examples
            ),
        }
        for name, differences in found.items():
            print(f"proof {name}: {len(differences)} differences", flush=True)
            if differences:
                raise SystemExit(f"{name}: {differences[0]}")
        return dict.fromkeys(found, "0 differences")

    def _publish(self, scores: pl.DataFrame, proofs: dict[str, str]) -> None:
        newest = self.inputs.snapshots[max(self.inputs.snapshots)]
        tables = (
            (ITEMS, self.inputs.items),
            (INTERACTIONS, self.inputs.interactions),
            (RANKING_SCORES, scores),
        )
        written = (
            (ITEM_FACTS, _of(newest, ITEM_FACTS)),
            (ITEM_TAG_SCORES, _of(newest, ITEM_TAG_SCORES)),
            (ITEM_EMBEDDINGS, _of(newest, ITEM_EMBEDDINGS)),
        )
        for table, frame in (*tables, *written):
            self.night.store.publish(table, self.night.as_of, frame)
        counts = {
            f"rows: {split}": rows
            for split, rows in self.examples.group_by("split").len().sort("split").iter_rows()
        }
        names, families = self.examples.columns, self.settings.features.families
        columns = {
            f"features: {family}": sum(name.startswith(f"{family}__") for name in names)
            for family in families
        }
        said = {f"proof: {name}": words for name, words in proofs.items()}
        self.night.store.publish(
            RANKING_EXAMPLES, self.night.as_of, self.examples, metadata=counts | columns | said
        )


def _of(snapshot: Snapshot, table: Table) -> pl.DataFrame:
    return snapshot.get(table.name, table.empty())
