"""Old nights go; whatever the kept ones still need stays."""

import os
import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightshift.enrichments.registry import built_in, carried, tables_of
from nightshift.errors import NightshiftError
from nightshift.storage.retention import removable as removable_of
from nightshift.storage.retention import remove
from nightshift.storage.store import Store, digest_of
from nightshift.tables import (
    CANDIDATES,
    INTERACTIONS,
    ITEM_FACTS,
    ITEMS,
    LIFT,
    RANKING_EXAMPLES,
    RANKING_SCORES,
)

TABLES = tables_of(built_in())

FIRST = date(2026, 11, 1)
CHAIN = {
    "item_facts": ("items",),
    "ranking_examples": ("items", "interactions"),
    "ranking_scores": ("ranking_examples",),
}
CHAIN |= {"lift": ("ranking_scores", "items"), "interactions": ("items",)}
"""What each table of the tests is built from, inputs first."""
ORDER = ("items", "interactions", "item_facts", "ranking_examples", "ranking_scores", "lift")


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def publish(store: Store, name: str, night: date) -> None:
    inputs = {
        source: store.manifest(source, night) for source in CHAIN.get(name, ()) if store.has(source, night)
    }
    store.publish(TABLES[name], night, TABLES[name].empty(), inputs=digest_of(inputs))


def whole_nights(home: Path, count: int, trained: set[int] = frozenset()) -> Store:  # type: ignore[assignment]
    store = Store(home)
    for number in range(count):
        for name in ORDER if number in trained else ORDER[:3]:
            publish(store, name, day(number))
    return store


def all_of(store: Store) -> set[tuple[str, date]]:
    return {(name, night) for name, nights in store.published().items() for night in nights}


def test_the_newest_nights_stay_and_the_night_the_oldest_of_them_carries_from(tmp_path: Path) -> None:
    store = whole_nights(tmp_path, 10)
    freed = remove(removable_of(store, 3, carried(built_in())))
    assert freed > 0
    assert store.nights(INTERACTIONS) == [day(7), day(8), day(9)]
    assert store.nights(ITEM_FACTS) == [day(6), day(7), day(8), day(9)]
    assert store.nights(ITEMS) == [day(6), day(7), day(8), day(9)], "item_facts of day 6 was made from them"
    assert list(tmp_path.glob("tables/*/.as_of=*")) == [], "nothing hidden is left behind"


def test_the_newest_training_keeps_the_night_it_was_made_from(tmp_path: Path) -> None:
    store = whole_nights(tmp_path, 10, trained={1, 4})
    remove(removable_of(store, 2, carried(built_in())))
    for table in (LIFT, RANKING_SCORES, RANKING_EXAMPLES):
        assert store.nights(table) == [day(4)]
    assert store.has(ITEMS, day(4))
    assert store.has(INTERACTIONS, day(4))
    assert not store.has(ITEM_FACTS, day(4))


def test_a_night_that_runs_is_never_removed_however_old(tmp_path: Path) -> None:
    store = whole_nights(tmp_path, 6)
    remove(removable_of(store, 1, carried(built_in()), running=[day(2)]))
    assert store.nights(INTERACTIONS) == [day(2), day(5)]
    assert store.nights(ITEM_FACTS) == [day(1), day(2), day(4), day(5)]


def test_a_manifest_that_cannot_be_read_keeps_its_whole_night(tmp_path: Path) -> None:
    store = whole_nights(tmp_path, 6, trained={1})
    (store.folder(LIFT, day(1)) / "_manifest.json").write_text("{torn")
    remove(removable_of(store, 1, carried(built_in())))
    assert {name for name, night in all_of(store) if night == day(1)} == set(ORDER)


def test_a_reader_that_has_an_old_night_open_reads_on_and_a_new_reader_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    frame = pl.DataFrame({"item_id": [str(n) for n in range(1000)], "title": ["x"] * 1000})
    for number in range(3):
        store.publish(ITEMS, day(number), ITEMS.empty().clear().select(pl.all()) if number else _items(frame))
    part = next(store.folder(ITEMS, day(0)).glob("part-*.parquet"))
    with part.open("rb") as held:
        remove(removable_of(store, 1, carried(built_in())))
        assert not part.exists()
        assert pl.read_parquet(held)["item_id"].to_list() == frame["item_id"].to_list()
    with pytest.raises(
        NightshiftError, match="items has no published night 2026-11-01; published: 2026-11-03"
    ):
        store.read(ITEMS, day(0))


def _items(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([ITEMS.empty(), frame], how="diagonal")


def test_nights_that_another_process_removes_while_they_are_measured_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stat = whole_nights(tmp_path, 6), Path.stat

    def removed(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = stat(path, follow_symlinks=follow_symlinks)
        if path.parent == store.folder(ITEMS, day(0)) and path.suffix == ".parquet":
            shutil.rmtree(path.parent)
        return found

    monkeypatch.setattr(Path, "stat", removed)
    found = removable_of(store, 1, carried(built_in()))
    monkeypatch.undo()
    assert len(found) > 1
    remove(found)
    assert store.nights(ITEMS)[-1] == day(5)
    assert removable_of(store, 1, carried(built_in())) == []


def test_listing_removes_nothing_and_the_ledger_is_never_listed(tmp_path: Path) -> None:
    store = whole_nights(tmp_path, 4)
    (tmp_path / "ledger" / "answers").mkdir(parents=True)
    before = all_of(store)
    found = removable_of(store, 1, carried(built_in()))
    assert all_of(store) == before
    assert all(one.folder.is_relative_to(tmp_path / "tables") and one.bytes > 0 for one in found)
    assert [one.as_of for one in found] == sorted(one.as_of for one in found)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    published=st.sets(st.tuples(st.integers(0, 7), st.sampled_from(ORDER)), max_size=24),
    keep=st.integers(1, 9),
)
def test_whatever_stays_has_its_inputs_and_a_second_time_nothing_goes(
    tmp_path_factory: pytest.TempPathFactory, published: set[tuple[int, str]], keep: int
) -> None:
    store = Store(tmp_path_factory.mktemp("home"))
    for number, name in sorted(published, key=lambda one: (one[0], ORDER.index(one[1]))):
        publish(store, name, day(number))
    before = all_of(store)
    kept_nights = sorted({night for _, night in before})[-keep:]
    names = (*carried(built_in()), CANDIDATES.name)
    last = {(name, night): store.before(name, night) for name in names for night in kept_nights}
    newest = {name: store.newest(name) for name in ORDER}
    remove(removable_of(store, keep, names))
    after = all_of(store)
    assert {one for one in before if one[1] in kept_nights} <= after
    assert {(name, night): store.before(name, night) for name in names for night in kept_nights} == last
    assert {name: store.newest(name) for name in ORDER} == newest
    for name, night in after:
        store.verify(name, night)
        named = {tuple(label.split(" ")) for label in store.manifest(name, night).inputs}
        assert named <= {(table, str(one)) for table, one in after}
    assert removable_of(store, keep, names) == []
