"""Exports loaded by the tools they are for, each in an environment of its own."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.export import export
from nightshift.features.asof import join_features
from nightshift.tables import INTERACTIONS, USER_FEATURES
from tests.exports.venvs import python_with
from tests.served import NIGHTS, Served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("exports")]
HERE = Path(__file__).parent


def load(tool: str, *words: object) -> dict[str, Any]:
    """What the tool's own script says about a folder."""
    command = [str(python_with(tool)), str(HERE / f"load_{tool}.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_fuxictr_puts_every_vector_in_the_row_of_its_id_and_trains_on_the_rows(
    home: Served, tmp_path: Path
) -> None:
    out = export(home.store, "fuxictr", tmp_path / "out")
    told = load("fuxictr", out.out)
    assert told["rows"] == out.files["train.parquet"]
    assert told["worst"] == {"user_id": 0.0, "item_id": 0.0}
    assert 0.3 < told["loss"] < 3.0


def test_feast_joins_the_newest_night_before_each_event_as_we_do(home: Served, tmp_path: Path) -> None:
    out = export(home.store, "feast", tmp_path / "out").out
    log = home.store.read(INTERACTIONS, NIGHTS[-1])
    events = log.select("user_id", "item_id", "timestamp").gather_every(7)
    stranger = {"user_id": "nobody", "item_id": "nothing", "timestamp": datetime(2024, 1, 20, tzinfo=UTC)}
    edge = {
        "user_id": log["user_id"][0],
        "item_id": log["item_id"][0],
        "timestamp": datetime(2024, 1, 15, tzinfo=UTC),
    }
    events = pl.concat([events, pl.DataFrame([stranger, edge], schema=events.schema)])
    events.rename({"timestamp": "event_timestamp"}).write_parquet(tmp_path / "events.parquet")
    told = load("feast", out, tmp_path / "events.parquet")
    assert {"item_features", "user_features", "item_embeddings_facts", "user_embeddings_facts"} <= set(
        told["views"]
    )
    joined = pl.read_parquet(out / "joined.parquet")
    assert joined.height == events.height
    ours = join_features(events, {night: home.store.scan(USER_FEATURES, night) for night in NIGHTS})
    keys = ["user_id", "item_id", "event_timestamp"]
    theirs = joined.with_columns(pl.col("event_timestamp").cast(ours.schema["timestamp"])).sort(keys)
    ours = ours.rename({"timestamp": "event_timestamp"}).sort(keys)
    for name in ("base__events", "base__rate", "llm__facts_liked_00"):
        assert (
            theirs[f"user_features__{name}"].cast(pl.Float32).fill_nan(None).equals(ours[name].fill_nan(None))
        ), name
    assert 0 < ours["base__events"].is_nan().sum() < ours.height  # some events come before the first night
    [online] = told["online"]["base__events"]
    features = home.store.read("item_features", NIGHTS[-1])
    assert online == features.filter(item_id=told["item"])["base__events"][0]
    vectors = home.store.read("item_embeddings", NIGHTS[-1]).filter(item_id=told["item"], view="facts")
    assert told["online"]["vector"][0] == pytest.approx(vectors["vector"][0].to_list())


def test_rectools_builds_its_dataset_and_recommends(home: Served, tmp_path: Path) -> None:
    out = export(home.store, "rectools", tmp_path / "out")
    told = load("rectools", out.out)
    log = home.store.read(INTERACTIONS, NIGHTS[-1])
    assert told["interactions"] == log.height
    assert told["liked"] == log.filter(pl.col("label") > 0).height
    assert told["categories"] == ["attribute", "tag"]
    assert told["dense"] == [
        home.world.items.height,
        len(home.store.read("item_features", NIGHTS[-1]).columns) - 1,
    ]
    assert told["finite"]
    assert told["recommended"] == {"PopularModel": 25, "ImplicitItemKNNWrapperModel": 25}
