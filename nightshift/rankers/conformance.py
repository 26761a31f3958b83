"""What every ranker must hold: inherit the suite in a test, give it the ranker."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import ModelUnavailable, TableError
from nightshift.models.conformance import refusal
from nightshift.rankers.base import Ranker
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

if TYPE_CHECKING:
    from nightshift.rankers.context import Context


class RankerConformance:
    """What every `Ranker` promises. Override `make_ranker`."""

    features: ClassVar[tuple[str, ...]] = ("base__0", "base__1", "base__2")

    def make_ranker(self) -> Ranker:
        """A fresh, unfitted ranker."""
        raise NotImplementedError

    def _rows(self, size: int, seed: int) -> pl.DataFrame:
        """Two features that matter, one that does not, holes in all of them, and labels; users, items and
        moments beside them."""
        random = np.random.default_rng(seed)
        values = random.normal(size=(size, 3)).astype(np.float32)
        chance = 1 / (1 + np.exp(-2 * values[:, 0] + values[:, 1]))
        values[random.random(values.shape) < 0.1] = np.nan
        columns: dict[str, Any] = {f"base__{number}": values[:, number] for number in range(3)}
        places = pl.DataFrame(
            {
                "user": random.integers(0, 20, size),
                "item": random.integers(0, 30, size),
                "row": np.arange(size),
            }
        )
        named = places.select(
            pl.format("u{}", "user").alias("user_id"),
            pl.format("i{}", "item").alias("item_id"),
            (pl.lit(datetime(2024, 1, 1, tzinfo=UTC)) + pl.duration(days=seed, seconds="row"))
            .cast(MOMENT)
            .alias("timestamp"),
            pl.format("g{}", pl.col("row") // 5).alias("group_id"),
        )
        return named.with_columns(**columns, label=(random.random(size) < chance).astype(np.float32))

    def _context(self) -> "Context":
        """Thirty items and an earlier day of events; what a ranker reads beside the rows."""
        from nightshift.features.examples import ExampleInputs
        from nightshift.rankers.context import Context

        events = self._rows(400, 0).select(
            "user_id",
            "item_id",
            "timestamp",
            "label",
            kind=pl.lit("seen"),
            request_id=pl.lit(None, pl.String),
        )
        items = pl.DataFrame({"item_id": [f"i{number}" for number in range(30)]})
        shelves = [[f"shelf {number % 4}"] for number in range(30)]
        catalogue = items.with_columns(
            title="item_id", text=pl.lit(None, pl.String), attributes=pl.Series(shelves), created_at=None
        )
        return Context.of(ExampleInputs(ITEMS.conform(catalogue), INTERACTIONS.conform(events)))

    def _fitted(self, seed: int = 0) -> Ranker:
        return self.make_ranker().fit(
            self._rows(1500, 1), self._rows(500, 2), self.features, seed, self._context()
        )

    def _predict(self, ranker: Ranker, rows: pl.DataFrame | pl.LazyFrame) -> NDArray[np.float64]:
        return ranker.predict(rows, self._context())

    def test_probabilities_tell_the_labels_apart(self) -> None:
        """One finite probability a row, missing values included; liked rows score higher."""
        rows = self._rows(800, 3)
        chance = self._predict(self._fitted(), rows)
        assert chance.shape == (800,)
        assert chance.dtype == np.float64
        assert ((chance >= 0) & (chance <= 1)).all()
        liked = rows["label"].to_numpy() > 0.5
        assert chance[liked].mean() > chance[~liked].mean() + 0.1

    def test_the_same_seed_gives_the_same_ranker(self) -> None:
        """Bit for bit."""
        rows = self._rows(200, 4)
        assert np.array_equal(self._predict(self._fitted(7), rows), self._predict(self._fitted(7), rows))

    def test_a_saved_ranker_predicts_the_same(self, tmp_path: Path) -> None:
        """Features and predictions survive a folder."""
        ranker, rows = self._fitted(), self._rows(200, 5)
        ranker.save(tmp_path / "ranker")
        loaded = type(ranker).load(tmp_path / "ranker")
        assert loaded.features == ranker.features
        assert np.array_equal(self._predict(loaded, rows), self._predict(ranker, rows))

    def test_column_order_does_not_matter(self) -> None:
        """Columns are found by name; others are ignored."""
        ranker, rows = self._fitted(), self._rows(100, 6)
        turned = rows.select(pl.lit(1.0).alias("other"), *reversed(rows.columns))
        assert np.array_equal(self._predict(ranker, turned), self._predict(ranker, rows))

    def test_importances_are_shares_of_known_features(self) -> None:
        """What matters comes first."""
        importances = self._fitted().importances()
        assert set(importances) == {"base__0", "base__1", "base__2"}
        assert next(iter(importances)) == "base__0"
        assert abs(sum(importances.values()) - 1) < 1e-6

    def test_no_rows_no_predictions(self) -> None:
        """An empty frame is an answer."""
        assert self._predict(self._fitted(), self._rows(5, 7).head(0)).shape == (0,)

    def test_a_lazy_frame_is_a_frame(self, tmp_path: Path) -> None:
        """Rows scanned from Parquet are learnt and scored like rows in memory."""
        train, valid = self._rows(1500, 1), self._rows(500, 2)
        train.write_parquet(tmp_path / "train.parquet", row_group_size=300)
        valid.write_parquet(tmp_path / "valid.parquet")
        frames = [pl.scan_parquet(tmp_path / f"{name}.parquet", glob=False) for name in ("train", "valid")]
        lazy = self.make_ranker().fit(frames[0], frames[1], self.features, 0, self._context())
        assert np.array_equal(self._predict(lazy, frames[1]), self._predict(self._fitted(), valid))

    def test_a_row_does_not_depend_on_its_neighbours(self) -> None:
        """Alone or among others, up to rounding."""
        ranker, rows = self._fitted(), self._rows(60, 8)
        alone = np.concatenate([self._predict(ranker, rows[place : place + 1]) for place in range(5)])
        np.testing.assert_allclose(alone, self._predict(ranker, rows)[:5], atol=1e-6)

    def test_a_missing_column_is_named(self) -> None:
        """The way to the fix is in the message."""
        ranker, rows = self._fitted(), self._rows(5, 9).drop("base__1")
        assert "base__1" in refusal(TableError, lambda: self._predict(ranker, rows))

    def test_an_unfitted_ranker_and_an_empty_folder_are_refused(self, tmp_path: Path) -> None:
        """ModelUnavailable says what to do."""
        ranker = self.make_ranker()
        assert "never fitted" in refusal(ModelUnavailable, lambda: self._predict(ranker, self._rows(5, 9)))
        assert "train one first" in refusal(ModelUnavailable, lambda: type(ranker).load(tmp_path))
