from datetime import date
from pathlib import Path

import polars as pl
import pytest

from nightshift.report.pictures.gains import Gain, found, over_nights
from nightshift.report.pictures.svg import IN_SIGHT
from nightshift.storage.store import Store
from nightshift.tables import LIFT
from tests.nightshift.report.pictures.test_bars import NIGHTS, SVG, drawn, words


def judged(gain: float | None, metric: str = "auc") -> pl.DataFrame:
    """A lift table of one comparison, and of the same in a slice."""
    low, high = (None, None) if gain is None else (gain - 0.001, gain + 0.001)
    row = {
        "arm": "llm",
        "against": "base",
        "ranker": "lightgbm",
        "metric": metric,
        "slice": "all",
        "value": 0.7,
        "difference": gain,
    }
    alone = row | {"arm": "base", "difference": None, "ci_low": None, "ci_high": None}
    sliced = row | {"slice": "cold items (under 5 events)", "difference": 9.0, "ci_low": 8.0, "ci_high": 10.0}
    rows = [row | {"ci_low": low, "ci_high": high}, alone, sliced]
    counted = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        n_users=pl.lit(900), n_rows=pl.lit(9000)
    )
    missing = [
        pl.lit(None, column.dtype).alias(name)
        for name, column in LIFT.columns.items()
        if name not in counted.columns
    ]
    return counted.with_columns(missing)


def test_every_training_up_to_the_night_is_found_with_its_interval(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for night, gain in zip(NIGHTS, (0.002, None, 0.003, 0.004), strict=False):
        store.publish(LIFT, night, judged(gain))
    assert found(store, NIGHTS[2], "llm", "base") == [
        Gain(NIGHTS[0], 0.002, 0.001, 0.003),
        Gain(NIGHTS[2], 0.003, 0.002, 0.004),
    ]
    assert found(store, NIGHTS[2], "llm", "permuted") == []


def test_trainings_judged_by_another_metric_are_not_on_the_same_scale(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.publish(LIFT, NIGHTS[0], judged(0.1, "ndcg@10"))
    store.publish(LIFT, NIGHTS[1], judged(0.002))
    assert [gain.night for gain in found(store, NIGHTS[1], "llm", "base")] == [NIGHTS[1]]


def test_no_training_is_no_gain(tmp_path: Path) -> None:
    assert found(Store(tmp_path), NIGHTS[0], "llm", "base") == []


def test_intervals_stand_around_zero_and_the_newest_is_said_in_numbers() -> None:
    root = drawn(
        over_nights("llm - base", [Gain(NIGHTS[0], 0.0, -0.01, 0.01), Gain(NIGHTS[1], 0.005, 0.0, 0.01)])
    )
    zero, lines, dots = (path.get("d") for path in root.iter(f"{SVG}path"))
    assert zero == "M0 57h150"
    assert lines == "M30 20V94M90 20V57"
    assert dots == "M30 57h0M90 38h0"
    assert words(root)[0] == "+0.0050 [+0.0000, +0.0100] on 2026-11-02"


@pytest.mark.parametrize("many", [1, 7, 60])
def test_any_number_of_trainings_stands_on_the_page(many: int) -> None:
    gains = [
        Gain(night, 0.001 * (n % 7), -0.002, 0.003 + 0.001 * (n % 5)) for n, night in enumerate(NIGHTS[:many])
    ]
    said = over_nights("llm - base", gains)
    assert len(said) < IN_SIGHT
    assert words(drawn(said))[0].endswith(str(NIGHTS[many - 1]))


def test_equal_gains_of_nothing_are_drawn() -> None:
    assert drawn(over_nights("llm - base", [Gain(date(2026, 11, 1), 0.0, 0.0, 0.0)])).tag == f"{SVG}svg"
