"""A fit has a birthday: nothing it knows is as young as that, and nothing that reads it is as old."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nightshift.enrichments.base import Context, Enrichment, Fitted, Plain, Shared
from nightshift.enrichments.engine import settled, tonight
from nightshift.enrichments.fits import (
    Fit,
    birthday,
    digest_of_arrays,
    fit_of,
    fits_proved,
    learnt,
    past_of,
    proved,
)
from nightshift.errors import ConfigError
from nightshift.features.proofs import fit_birthdays, fit_shuffle, shuffled_future
from nightshift.models.llm.base import ModelIdentity
from nightshift.prompts.vocabulary import load_vocabulary
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT
from tests.nightshift.enrichments.examples import LIKED

NIGHT = date(2024, 1, 18)
MONDAY = datetime(2024, 1, 15, tzinfo=UTC)


def items() -> pl.DataFrame:
    rows = {"item_id": ["a", "b", "c"], "title": ["A", "B", "C"], "attributes": [["x"], ["y"], ["x", "y"]]}
    return ITEMS.conform(pl.DataFrame(rows).with_columns(text=pl.lit(None), created_at=pl.lit(None)))


def events(days: int = 17) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = {
        "user_id": [f"u{number % 5}" for number in range(days * 12)],
        "item_id": rng.choice(["a", "b", "c"], days * 12).tolist(),
        "timestamp": [start + timedelta(hours=2 * number) for number in range(days * 12)],
        "label": rng.integers(0, 2, days * 12).astype(np.float32),
    }
    frame = pl.DataFrame(rows, schema_overrides={"timestamp": MOMENT})
    return INTERACTIONS.conform(frame.with_columns(kind=pl.lit(None), request_id=pl.lit(None)))


class Frames:
    """Tables by name, and by name and night."""

    def __init__(self, known: Mapping[tuple[str, date], pl.DataFrame] | None = None, **tables: pl.DataFrame):
        self.tables = {"items": items(), "interactions": events()} | tables
        self.nights = known or {}

    def read(self, name: str) -> pl.DataFrame:
        return self.tables[name]

    def last(self, name: str) -> pl.DataFrame:
        return self.tables[name].clear()

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        nights = [night for table, night in self.nights if table == name and night <= day]
        return self.nights[name, max(nights)] if nights else None


def context(
    home: Path, each: Enrichment[Any] = LIKED, tables: Any = None, as_of: date = NIGHT, **settings: Any
) -> Context[Any]:
    shared = Shared(
        as_of=as_of,
        moment=datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC),
        run_id="run",
        home=home,
        vocabulary=lambda: load_vocabulary("movies", home),
        identity=ModelIdentity(model_id="echo@1", arithmetic="none"),
        encoder_id="hashing",
        ledgers=Ledgers(home),
        settings={each.name: each.settings(**settings)},
    )
    return Context(each, shared, tables or Frames())


def fitted(fit: Callable[[Context[Any], pl.DataFrame], Mapping[str, Any]], **more: Any) -> Enrichment[Any]:
    return dataclasses.replace(LIKED, maker=dataclasses.replace(LIKED.maker, fit=fit), **more)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("night", "days", "until"),
    [
        (date(2024, 1, 18), 7, date(2024, 1, 15)),
        (date(2024, 1, 16), 7, date(2024, 1, 15)),
        (date(2024, 1, 15), 7, date(2024, 1, 8)),
        (date(2024, 1, 15), 1, date(2024, 1, 14)),
        (date(1970, 1, 6), 30, date(1970, 1, 5)),
        (date(1970, 1, 5), 7, date(1969, 12, 29)),
    ],
)
def test_a_night_reads_the_newest_day_of_the_grid_strictly_before_it(
    night: date, days: int, until: date
) -> None:
    assert birthday(night, days) == datetime(until.year, until.month, until.day, tzinfo=UTC)


def test_every_row_says_until_when_it_was_fitted(tmp_path: Path) -> None:
    made = settled(tonight(LIKED, context(tmp_path).shared, Frames()))
    assert made.fit is not None
    assert made.frame.columns == ["item_id", "mean", "fitted_until"]
    assert made.frame["fitted_until"].unique().to_list() == [MONDAY]
    assert made.frame.schema["fitted_until"] == MOMENT


def test_dealing_everything_from_the_birthday_on_anew_leaves_the_digest(tmp_path: Path) -> None:
    true = fit_of(context(tmp_path / "a"), keep=True)
    dealt = Frames(interactions=shuffled_future(events(), MONDAY))
    other = fit_of(context(tmp_path / "b", tables=dealt), keep=True)
    cut = fit_of(
        context(tmp_path / "c", tables=Frames(interactions=events().filter(pl.col("timestamp") < MONDAY))),
        keep=True,
    )
    assert true is not None
    assert other is not None
    assert cut is not None
    assert true.digest == other.digest == cut.digest
    earlier = Frames(interactions=shuffled_future(events(), MONDAY - timedelta(days=1)))
    changed = fit_of(context(tmp_path / "d", tables=earlier), keep=True)
    assert changed is not None
    assert changed.digest != true.digest


def means_until(until: datetime) -> Callable[[pl.DataFrame], Mapping[str, Any]]:
    """Mean label of each item up to a moment."""

    def fit(events: pl.DataFrame) -> Mapping[str, Any]:
        seen = events.filter(pl.col("timestamp") < until)
        return {
            "mean": seen.group_by("item_id").agg(pl.col("label").mean()).sort("item_id")["label"].to_numpy()
        }

    return fit


def test_a_fit_that_is_a_week_too_young_is_caught_by_name() -> None:
    until = datetime(2024, 1, 8, tzinfo=UTC)
    assert fit_shuffle("peers", means_until(until), events(), until) == []
    found = fit_shuffle("peers", means_until(until + timedelta(days=7)), events(), until)
    assert found
    assert {difference.feature for difference in found} == {"peers: mean"}
    assert "peers: mean of place" in str(found[0])
    assert "without what came later" in str(found[0])


def test_a_kept_fit_that_saw_a_week_too_much_is_caught_by_name_where_rows_are_made(tmp_path: Path) -> None:
    night = date(2024, 1, 15)
    here = context(tmp_path, as_of=night)
    fit_of(here, keep=True)
    assert fits_proved(here, {night: here.each.table.empty()}) == []
    (folder,) = (tmp_path / "models" / "fits" / "attribute_means").iterdir()
    young = learnt(here, past_of(here).until + timedelta(days=7))
    np.savez(folder / "arrays.npz", allow_pickle=False, **dict(young))
    about = json.loads((folder / "fit.json").read_text()) | {"digest": digest_of_arrays(young)}
    (folder / "fit.json").write_text(json.dumps(about))
    found = fits_proved(here, {night: here.each.table.empty()})
    assert {difference.feature for difference in found} == {"attribute_means: means"}


def test_a_fit_that_does_not_come_out_the_same_twice_is_not_kept(tmp_path: Path) -> None:
    drawn = iter(range(100))
    each = fitted(lambda context, events: {"attributes": np.array(["x"]), "means": np.array([next(drawn)])})
    made = settled(tonight(each, context(tmp_path, each).shared, Frames()))
    assert made.fit is not None
    assert {difference.feature for difference in made.fit.differences} == {"attribute_means: means"}
    assert not list(tmp_path.rglob("*.npz"))


def rows(*moments: datetime) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [str(n) for n in range(len(moments))], "fitted_until": list(moments)})


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (rows(MONDAY + timedelta(days=10)), "likes.fitted_until of the night 2024-01-18 is 2024-01-25 00:00"),
        (rows(MONDAY + timedelta(days=3)), "not before 2024-01-18 00:00"),
        (rows(MONDAY, MONDAY - timedelta(days=7)), "is 2024-01-08 00:00 and 2024-01-15 00:00: two fits"),
    ],
)
def test_a_night_that_reads_a_fit_too_young_or_two_is_named(table: pl.DataFrame, says: str) -> None:
    (found,) = fit_birthdays("likes", {NIGHT: table})
    assert says in str(found)
    assert fit_birthdays("likes", {NIGHT: rows(MONDAY, MONDAY), date(2024, 1, 1): rows()}) == []


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, False),
        ({"as_of": NIGHT + timedelta(days=1)}, False),
        ({"as_of": NIGHT + timedelta(days=7)}, True),
        ({"tables": Frames(interactions=events().head(190))}, False),
        ({"tables": Frames(interactions=events().filter(pl.col("user_id") != "u1"))}, True),
        ({"tables": Frames(items=items().head(2))}, True),
        ({"tables": Frames({("items", date(2024, 1, 14)): items()}, items=items().head(2))}, False),
        ({"each": dataclasses.replace(LIKED, maker=dataclasses.replace(LIKED.maker, version=2))}, True),  # type: ignore[type-var]
        ({"least": 3}, True),
    ],
)
def test_only_other_inputs_settings_or_another_day_of_the_grid_are_fitted_anew(
    tmp_path: Path, change: dict[str, Any], again: bool
) -> None:
    class Least(Plain):
        least: int = 1

    each = dataclasses.replace(LIKED, settings=Least)
    fit_of(context(tmp_path, each), keep=True)
    before = len(list(tmp_path.rglob("*.npz")))
    if "each" in change:
        change = change | {"each": dataclasses.replace(change["each"], settings=Least)}
    fit_of(context(tmp_path, **({"each": each} | change)), keep=True)
    assert (before, len(list(tmp_path.rglob("*.npz")))) == (1, 2 if again else 1)


def test_a_damaged_fit_is_fitted_anew(tmp_path: Path) -> None:
    true = fit_of(context(tmp_path), keep=True)
    (arrays,) = tmp_path.rglob("*.npz")
    arrays.write_bytes(arrays.read_bytes()[:100])
    again = fit_of(context(tmp_path), keep=True)
    assert true is not None
    assert again is not None
    assert again.digest == true.digest
    assert arrays.stat().st_size > 100


def reads_facts(context: Context[Any], events: pl.DataFrame) -> Mapping[str, Any]:
    said = context.read("item_facts").height
    return {"attributes": np.array(["x"]), "means": np.array([float(said)])}


def test_what_a_fit_reads_beside_events_is_as_old_as_its_birthday(tmp_path: Path) -> None:
    each = fitted(reads_facts, reads=("items", "item_facts"))
    facts = {("item_facts", date(2024, 1, day)): pl.DataFrame({"n": range(day)}) for day in (3, 10, 16)}
    assert fit_of(context(tmp_path, each, Frames({("item_facts", NIGHT): pl.DataFrame()})), keep=True) is None
    fit = fit_of(context(tmp_path, each, Frames(facts)), keep=True)
    assert fit is not None
    assert fit.arrays["means"].tolist() == [10.0]


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (reads_facts, "attribute_means: its fit reads 'item_facts', which is not in `reads`: items"),
        (lambda context, events: {"a": np.array([object()])}, "gives 'a' as object"),
        (lambda context, events: {"a": np.array([context.last.height])}, "reads last night's"),
    ],
)
def test_a_fit_that_reads_or_gives_what_it_may_not_is_refused(tmp_path: Path, fit: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        fit_of(context(tmp_path, fitted(fit)), keep=True)


def test_a_fit_is_given_no_home_to_read_from(tmp_path: Path) -> None:
    Store(tmp_path).publish(INTERACTIONS, NIGHT, events())
    homes: list[Path] = []
    each = fitted(lambda context, events: homes.append(context.shared.home) or {"means": np.zeros(1)})  # type: ignore[func-returns-value]
    fit_of(context(tmp_path, each), keep=True)
    assert all(not Store(home).nights(INTERACTIONS) for home in homes)


def test_a_proof_names_the_array_and_the_place(tmp_path: Path) -> None:
    here = context(tmp_path)
    true = learnt(here, MONDAY)
    wrong = Fit(MONDAY, dict(true) | {"means": np.asarray(true["means"]) + 1.0})
    assert [d.row for d in proved(here, wrong)] == ["place 0", "place 1"]
    assert isinstance(LIKED.maker, Fitted)
