"""The SQL file in DuckDB itself."""

import shutil
from pathlib import Path

import duckdb
import polars as pl

from nightshift.export import export
from nightshift.features.asof import join_features
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, ITEM_FACTS, ITEM_FEATURES, USER_FEATURES
from tests.served import NIGHTS, Served

KEYS = ["user_id", "item_id", "timestamp"]


def opened(home: Served, out: Path, **words: object) -> duckdb.DuckDBPyConnection:
    done = export(home.store, "duckdb", out, **words)  # type: ignore[arg-type]
    connection = duckdb.connect()
    connection.execute((done.out / "nightshift.sql").read_text())
    return connection


def test_every_table_is_a_view_with_its_rows(home: Served, tmp_path: Path) -> None:
    connection = opened(home, tmp_path / "out")
    for name in home.store.published():
        [rows] = connection.execute(f"SELECT count(*) FROM {name}").fetchone() or ()
        assert rows == home.store.read(name, NIGHTS[-1]).height, name
    tags = connection.execute("SELECT tags FROM item_facts ORDER BY item_id").fetchall()
    assert [tag for (tag,) in tags] == home.store.read(ITEM_FACTS, NIGHTS[-1]).sort("item_id")[
        "tags"
    ].to_list()


def test_the_as_of_join_is_ours(home: Served, tmp_path: Path) -> None:
    connection = opened(home, tmp_path / "out")
    connection.execute(f"COPY (SELECT * FROM interactions_with_features) TO '{tmp_path / 'joined.parquet'}'")
    joined = pl.read_parquet(tmp_path / "joined.parquet").sort(KEYS)
    events = home.store.read(INTERACTIONS, NIGHTS[-1])
    assert joined.height == events.height
    for owner, table in (("user", USER_FEATURES), ("item", ITEM_FEATURES)):
        ours = join_features(
            events, {night: home.store.scan(table, night) for night in NIGHTS}, on=f"{owner}_id"
        ).sort(KEYS)
        assert joined[f"{owner}_as_of"].equals(ours["as_of"])
        names = [name for name in ours.columns if "__" in name]
        theirs = joined.select(pl.col(f"{owner}_{name}").fill_nan(None).alias(name) for name in names)
        assert theirs.equals(ours.select(pl.col(names).fill_nan(None)))
    assert 0 < joined["user_as_of"].null_count() < joined.height


def test_an_earlier_night_knows_no_later_one(home: Served, tmp_path: Path) -> None:
    connection = opened(home, tmp_path / "it's out", as_of=NIGHTS[1])
    assert connection.execute("SELECT max(as_of) FROM item_features_nights").fetchone() == (NIGHTS[1],)
    [rows] = connection.execute("SELECT count(*) FROM interactions").fetchone() or ()
    assert rows == home.store.read(INTERACTIONS, NIGHTS[1]).height


def test_a_home_in_a_folder_with_brackets_is_read(home: Served, tmp_path: Path) -> None:
    shutil.copytree(home.store.root, tmp_path / "home [v2]" / "tables")
    done = export(Store(tmp_path / "home [v2]"), "duckdb", tmp_path / "out [1]")
    connection = duckdb.connect()
    connection.execute((done.out / "nightshift.sql").read_text())
    assert connection.execute("SELECT max(as_of) FROM item_features_nights").fetchone() == (NIGHTS[-1],)
