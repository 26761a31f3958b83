"""DIN at serving: vectors of a night are mapped once, follow the night, and are made again when damaged."""

import gc
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.serving import Features, Ranker
from tests.served import NIGHTS, Served

NOW = datetime(2024, 1, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A whole night with semantic ids and a DIN that embeds them. Read only."""
    home = Served(tmp_path_factory.mktemp("home"), codes=True)
    home.publish(NIGHTS[0])
    home.train_din(NIGHTS[0])
    Ranker.load(home.home, ranker="din")
    return home


@pytest.fixture
def home(finished: Served, tmp_path: Path) -> Served:
    """A copy of it that a test may change."""
    shutil.copytree(finished.home, tmp_path / "home")
    return Served(tmp_path / "home", finished.world, codes=True)


def asked(home: Served) -> tuple[str, list[str]]:
    return home.world.interactions["user_id"][0], home.world.items["item_id"].to_list()


def chances(ranker: Ranker, home: Served) -> dict[str, float]:
    ranked = ranker.rank(*asked(home), NOW)
    return dict(zip(ranked.items, ranked.probabilities.tolist(), strict=True))


def test_a_newer_night_is_ranked_with_its_own_vectors_after_refresh(home: Served) -> None:
    ranker = Ranker.load(home.home, ranker="din")
    before, old = chances(ranker, home), ranker.features.night
    home.publish(NIGHTS[2])
    assert chances(ranker, home) == before
    assert ranker.features.refresh() is True
    after = chances(ranker, home)
    assert after != before
    assert after == chances(Ranker.load(home.home, ranker="din"), home)
    assert not np.array_equal(
        *(next(iter(night.kept.values())) for night in (old, ranker.features.night))
    )  # more items have codes


def test_an_event_since_the_night_is_in_the_history(home: Served) -> None:
    ranker = Ranker.load(home.home, ranker="din")
    items, when = (
        asked(home)[1],
        datetime(2024, 1, 8, 12, tzinfo=UTC),
    )  # before another collaborative fit is due
    before = ranker.rank("newcomer", items, when)
    ranker.features.add_events(
        pl.DataFrame({"user_id": ["newcomer"], "item_id": [items[0]], "timestamp": [when], "label": [1.0]})
    )
    after = ranker.rank("newcomer", items, when + timedelta(microseconds=1))
    assert (before.user_known, after.user_known) == (False, True)
    assert np.abs(before.probabilities - after.probabilities).max() > 1e-4
    assert np.array_equal(
        ranker.rank("newcomer", items, when).probabilities, before.probabilities
    )  # strictly before


def test_vectors_are_made_once_and_again_when_they_are_damaged(home: Served) -> None:
    wanted, folder = (
        chances(Ranker.load(home.home, ranker="din"), home),
        next((home.home / "serving" / "din").iterdir()),
    )
    stamp = (folder / "about.json").stat().st_mtime_ns
    Ranker.load(home.home, ranker="din")
    assert (folder / "about.json").stat().st_mtime_ns == stamp
    raw = (folder / "vectors.npy").read_bytes()
    (folder / "vectors.npy").unlink()
    (folder / "vectors.npy").write_bytes(raw[:-8])
    assert chances(Ranker.load(home.home, ranker="din"), home) == wanted
    assert (folder / "vectors.npy").read_bytes() == raw


def test_another_network_has_vectors_of_its_own(home: Served) -> None:
    before = chances(Ranker.load(home.home, ranker="din"), home)
    weights = home.home / "models" / "din-llm" / f"as_of={NIGHTS[0]}" / "weights.npz"
    with np.load(weights) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(weights, **(arrays | {"heads": -arrays["heads"]}))
    assert chances(Ranker.load(home.home, ranker="din"), home) != before
    assert len(list((home.home / "serving" / "din").iterdir())) == 2


def test_many_candidates_are_scored_like_few(home: Served) -> None:
    ranker = Ranker.load(home.home, ranker="din")
    user, items = asked(home)
    strangers = [f"stranger-{number}" for number in range(1500)]  # more rows than one run of the graph
    ranked = ranker.rank(user, [*strangers, *items], NOW)
    assert len(ranked.items) == 1500 + len(items)
    assert (
        np.ptp(
            [
                chance
                for item, chance in zip(ranked.items, ranked.probabilities, strict=True)
                if item in strangers
            ]
        )
        < 1e-6
    )


def test_features_without_semantic_ids_are_refused_and_shared_ones_are_not(home: Served) -> None:
    with pytest.raises(
        ConfigError, match=r"reads semantic ids; open its features with Features.open\(home, codes=True\)"
    ):
        Ranker.load(home.home, ranker="din", features=Features.open(home.home))
    home.train(NIGHTS[0])
    din = Ranker.load(home.home, ranker="din")
    trees = Ranker.load(home.home, features=din.features)
    assert trees.features is din.features
    assert trees.rank(*asked(home), NOW).known.all()


def test_a_ranker_that_nobody_holds_reads_no_more_nights(home: Served) -> None:
    ranker = Ranker.load(home.home, ranker="din")
    features = ranker.features
    del ranker
    gc.collect()
    home.publish(NIGHTS[1])
    assert features.refresh() is True
    assert features.night.kept == {}


def test_what_cannot_be_served_is_named(home: Served) -> None:
    with pytest.raises(ConfigError, match="ranker 'xgboost' is not served; served are lightgbm, din"):
        Ranker.load(home.home, ranker="xgboost")
    with pytest.raises(ModelUnavailable, match="has no ranker din-text; there are din-llm"):
        Ranker.load(home.home, arm="text", ranker="din")
    path = home.home / "models" / "din-llm" / f"as_of={NIGHTS[0]}" / "features.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"tier_views": ["permuted__hidden"]}))
    with pytest.raises(ConfigError, match="family 'permuted'; served are base, text, llm"):
        Ranker.load(home.home, ranker="din")
