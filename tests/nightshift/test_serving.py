"""Ranking with what is there: unknown users and items, live events, half nights, damaged tables, nights
that change under way."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ConfigError, IntegrityError, ModelUnavailable, NightshiftError
from nightshift.features.settings import CountSettings, FeatureSettings
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving import Features, Ranker
from nightshift.serving.recipe import load_recipe, save_ranker, saved_rankers
from nightshift.tables import INTERACTIONS, ITEM_EMBEDDINGS, ITEM_TAG_SCORES, ITEMS, USER_FEATURES
from tests.served import NIGHTS, Served

NOW = datetime(2024, 1, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Two whole nights and rankers trained on them. Read only."""
    home = Served(tmp_path_factory.mktemp("home"), codes=True)
    home.publish(NIGHTS[0])
    home.publish(NIGHTS[2])
    home.train(NIGHTS[0], NIGHTS[2])
    home.train_din(NIGHTS[0], NIGHTS[2])
    Ranker.load(home.home)  # maps the newest night
    return home


@pytest.fixture
def home(finished: Served, tmp_path: Path) -> Served:
    """A copy of it that a test may change."""
    shutil.copytree(finished.home, tmp_path / "home")
    return Served(tmp_path / "home", finished.world)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what DIN maps lies, so that the home has the trees' arrays alone."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(params=["lightgbm", "din"])
def ranker(request: pytest.FixtureRequest, finished: Served, elsewhere: Path) -> Ranker:
    if request.param == "lightgbm":
        return Ranker.load(finished.home)
    return Ranker.load(
        finished.home, ranker="din", features=Features.open(finished.home, codes=True, folder=elsewhere)
    )


def known(finished: Served) -> tuple[str, list[str]]:
    events = finished.world.interactions
    return events["user_id"][0], finished.world.items["item_id"].to_list()


def event(user: str, item: str, when: datetime, label: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"user_id": [user], "item_id": [item], "timestamp": [when], "label": [label]})


def test_candidates_come_back_best_first_with_probabilities(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    ranked = ranker.rank(user, items, NOW)
    assert set(ranked.items) == set(items)
    assert (np.diff(ranked.probabilities) <= 0).all()
    assert ((ranked.probabilities > 0) & (ranked.probabilities < 1)).all()
    assert len(np.unique(ranked.probabilities)) > 10
    assert ranked.known.all()
    assert ranked.user_known
    assert ranked.as_of == NIGHTS[2]


def test_the_order_of_the_candidates_changes_nothing(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    forward, backward = ranker.rank(user, items, NOW), ranker.rank(user, items[::-1], NOW)
    scores = dict(zip(backward.items, backward.probabilities, strict=True))
    np.testing.assert_array_equal(forward.probabilities, [scores[item] for item in forward.items])


def test_unknown_items_are_scored_like_cold_ones_and_marked(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    ranked = ranker.rank(user, [*items[:5], "nobody-knows-me", "", "ж" * 300, "x\x00"], NOW)
    strange = [item for item, there in zip(ranked.items, ranked.known, strict=True) if not there]
    assert sorted(strange) == sorted(["nobody-knows-me", "", "ж" * 300, "x\x00"])
    assert np.isfinite(ranked.probabilities).all()
    row = ranker.features.columns(user, ["nobody-knows-me", items[0]], NOW).row(0, named=True)
    assert row["base__item_events"] == 0
    assert row["base__collab_missing"] == row["base__attributes_missing"] == row["llm__hidden_missing"] == 1
    assert np.isnan(
        [row["llm__hidden_difference"], row["llm__tags_neighbour_rate"], row["base__item_recency_days"]]
    ).all()


def test_an_unknown_user_is_ranked_by_what_is_known_of_the_items(ranker: Ranker, finished: Served) -> None:
    _, items = known(finished)
    ranked = ranker.rank("nobody", items, NOW)
    assert not ranked.user_known
    assert np.isfinite(ranked.probabilities).all()
    row = ranker.features.columns("nobody", items[:2], NOW).row(0, named=True)
    assert row["base__user_events"] == 0
    assert row["llm__preference_missing"] == 1
    assert np.isnan(row["llm__hidden_highest"])


def test_no_candidates_no_answer_and_one_candidate_no_list(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    assert ranker.rank(user, [], NOW).items == ()
    assert ranker.rank(user, items[:1], NOW).probabilities.shape == (1,)
    assert np.isnan(ranker.features.columns(user, items[:1], NOW)["base__collab_odds_rank"][0])


def test_a_repeated_candidate_is_returned_once(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    twice, once = ranker.rank(user, [*items[:10], *items[:10]], NOW), ranker.rank(user, items[:10], NOW)
    assert twice.items == once.items
    np.testing.assert_array_equal(twice.probabilities, once.probabilities)


def test_a_moment_before_the_night_counts_as_the_night(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    midnight = datetime(2024, 1, 21, tzinfo=UTC)
    early, at_midnight = (
        ranker.rank(user, items[:20], when) for when in (datetime(2023, 1, 1, tzinfo=UTC), midnight)
    )
    np.testing.assert_array_equal(early.probabilities, at_midnight.probabilities)


def test_a_moment_without_a_time_zone_is_utc(ranker: Ranker, finished: Served) -> None:
    user, items = known(finished)
    np.testing.assert_array_equal(
        ranker.rank(user, items[:9], NOW).probabilities,
        ranker.rank(user, items[:9], NOW.replace(tzinfo=None)).probabilities,
    )


def test_added_events_count_from_the_moment_after_theirs(finished: Served) -> None:
    features = Features.open(finished.home)
    user, items = known(finished)
    before = features.columns(user, items[:3], NOW)
    added = features.add_events(event(user, items[0], NOW))
    assert added.known == 1
    assert features.columns(user, items[:3], NOW).equals(before, null_equal=True)  # strictly before
    after = features.columns(user, items[:3], NOW + timedelta(microseconds=1))
    assert after["base__user_events"][0] == before["base__user_events"][0] + 1
    assert after["base__item_events"].to_list() == [
        before["base__item_events"][0] + 1,
        *before["base__item_events"][1:],
    ]
    assert features.columns(user, items[:3], NOW).equals(before, null_equal=True)


def test_an_added_user_is_known_from_the_first_event_on(finished: Served) -> None:
    ranker = Ranker.load(finished.home)
    _, items = known(finished)
    ranker.features.add_events(event("newcomer", items[0], NOW))
    assert ranker.rank("newcomer", items[:4], NOW + timedelta(hours=1)).user_known
    assert not ranker.rank("other", items[:4], NOW + timedelta(hours=1)).user_known


def test_events_of_the_night_and_of_unknown_items_are_told_apart(finished: Served) -> None:
    features = Features.open(finished.home)
    user, items = known(finished)
    old, strange = (
        event(user, items[0], datetime(2024, 1, 20, tzinfo=UTC)),
        event(user, "nobody-knows-me", NOW),
    )
    added = features.add_events(
        pl.concat([old, strange, event(user, items[1], NOW), event(user, items[1], NOW, 0.0)])
    )
    assert (added.known, added.before_the_night, added.of_unknown_items) == (
        1,
        1,
        1,
    )  # the same event twice is one


def test_a_newer_night_is_served_after_refresh_and_keeps_only_events_it_lacks(tmp_path: Path) -> None:
    home = Served(tmp_path)
    home.publish(NIGHTS[0])
    features = Features.open(tmp_path)
    assert features.refresh() is False
    user, items = known(home)
    since = home.world.interactions.filter(pl.col("timestamp").dt.date() >= NIGHTS[0])
    features.add_events(since.select("user_id", "item_id", "timestamp", "label"))
    features.add_events(event(user, items[0], NOW))
    home.publish(NIGHTS[2])
    assert features.refresh() is True
    assert features.as_of == NIGHTS[2]
    fresh = Features.open(tmp_path)
    fresh.add_events(event(user, items[0], NOW))
    later = NOW + timedelta(hours=1)
    assert features.columns(user, items[:5], later).equals(
        fresh.columns(user, items[:5], later), null_equal=True
    )


def test_a_second_open_maps_what_the_first_one_made(home: Served) -> None:
    folder = next((home.home / "serving").glob("as_of=*"))
    stamp = (folder / "about.json").stat().st_mtime_ns
    Features.open(home.home)
    assert [path.name for path in (home.home / "serving").iterdir()] == [folder.name]
    assert (folder / "about.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("damage", ["truncate", "forget", "about", "flipped"])
def test_damaged_arrays_are_made_again(home: Served, damage: str) -> None:
    folder = next((home.home / "serving").glob("as_of=*"))
    user, items = known(home)
    wanted = Features.open(home.home).columns(user, items[:20], NOW)
    if damage == "truncate":
        raw = (folder / "user_time.npy").read_bytes()
        (folder / "user_time.npy").unlink()
        (folder / "user_time.npy").write_bytes(raw[:-100])
    elif damage == "forget":
        (folder / "view_hidden_vectors.npy").unlink()
    elif damage == "about":
        (folder / "about.json").write_text("{")
    else:
        raw = (folder / "about.json").read_bytes()
        (folder / "about.json").write_bytes(raw[:20] + bytes([raw[20] ^ 0x80]) + raw[21:])
    assert Features.open(home.home).columns(user, items[:20], NOW).equals(wanted, null_equal=True)


def test_several_processes_may_open_a_fresh_night_at_once(home: Served) -> None:
    wanted = Features.open(home.home).columns("u00001", ["i00001"], NOW)
    shutil.rmtree(home.home / "serving")
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Features.open(home.home), range(4)))
    assert all(
        features.columns("u00001", ["i00001"], NOW).equals(wanted, null_equal=True) for features in opened
    )
    assert len(list((home.home / "serving").iterdir())) == 1


def test_a_home_that_may_not_be_written_to_is_served_from_another_folder(
    home: Served, tmp_path: Path
) -> None:
    shutil.rmtree(home.home / "serving")
    features = Features.open(home.home, folder=tmp_path / "elsewhere")
    assert not (home.home / "serving").exists()
    assert features.columns("u00001", ["i00001"], NOW).height == 1


def test_a_home_without_nights_says_so(tmp_path: Path) -> None:
    with pytest.raises(NightshiftError, match="is not there; name the folder that holds tables"):
        Features.open(tmp_path / "nothing")
    with pytest.raises(NightshiftError, match="no night has been published yet; run one: nightshift run"):
        Features.open(tmp_path)


def test_a_half_night_is_not_served(tmp_path: Path) -> None:
    home = Served(tmp_path)
    home.publish(NIGHTS[0], upto=ITEM_TAG_SCORES.name)
    with pytest.raises(
        NightshiftError, match=f"no whole night to serve: item_features has no published night {NIGHTS[0]}"
    ):
        Features.open(tmp_path)
    home.publish(NIGHTS[0])
    home.publish(NIGHTS[1], upto=INTERACTIONS.name)
    assert Features.open(tmp_path).as_of == NIGHTS[0]


def test_a_night_that_is_being_published_again_is_not_served_until_it_is_whole(home: Served) -> None:
    changed = home.world.items.with_columns(title=pl.col("title") + " (new)")
    home.store.publish(ITEMS, NIGHTS[2], changed)
    assert Features.open(home.home).as_of == NIGHTS[0]
    with pytest.raises(
        IntegrityError,
        match=r"items of 2024-01-21 was published after item_features and user_features were built",
    ):
        Features.open(home.home, as_of=NIGHTS[2])


def test_a_night_without_its_semantic_ids_is_half_for_who_reads_them(tmp_path: Path) -> None:
    home = Served(tmp_path, codes=True)
    home.publish(NIGHTS[0])
    Served(tmp_path, home.world).publish(NIGHTS[1])
    assert Features.open(tmp_path).as_of == NIGHTS[1]
    assert Features.open(tmp_path, codes=True).as_of == NIGHTS[0]
    assert (
        Features.open(tmp_path, FeatureSettings(codes=True)).night.about["codebooks"].keys()
        == home.codebooks.keys()
    )
    with pytest.raises(NightshiftError, match=f"item_codes has no published night {NIGHTS[1]}"):
        Features.open(tmp_path, as_of=NIGHTS[1], codes=True)
    vectors = home.snapshot(NIGHTS[0])["item_embeddings"]
    home.store.publish(ITEM_EMBEDDINGS, NIGHTS[0], vectors.head(100))
    with pytest.raises(
        IntegrityError, match=r"item_embeddings of 2024-01-08 was published after .* item_codes were built"
    ):
        Features.open(tmp_path, as_of=NIGHTS[0], codes=True)


def test_a_damaged_table_is_named_when_it_is_needed(home: Served) -> None:
    shutil.rmtree(home.home / "serving")
    part = next(home.store.folder(INTERACTIONS, NIGHTS[2]).glob("part-*.parquet"))
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(bytes(raw))
    with pytest.raises(
        IntegrityError,
        match=r"part-00000.*\.parquet is damaged; materialize 2024-01-21 of interactions again",
    ):
        Features.open(home.home)
    part.unlink()
    with pytest.raises(IntegrityError, match="is not there; materialize 2024-01-21 of interactions again"):
        Features.open(home.home)


def test_refresh_keeps_the_night_when_the_newer_one_is_damaged(home: Served) -> None:
    features = Features.open(home.home, as_of=NIGHTS[0])
    moving = Features.open(home.home)
    shutil.rmtree(home.store.folder(USER_FEATURES, NIGHTS[2]))
    shutil.rmtree(home.store.folder(USER_FEATURES, NIGHTS[0]))
    assert features.refresh() is False
    assert moving.refresh() is False
    assert (features.as_of, moving.as_of) == (NIGHTS[0], NIGHTS[2])


def test_refresh_keeps_the_night_when_the_newer_one_is_replaced_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, read = Served(tmp_path), Path.read_bytes
    home.publish(NIGHTS[0])
    features = Features.open(tmp_path)
    home.publish(NIGHTS[2])

    def replaced(path: Path) -> bytes:
        if path.parent.parent.name == INTERACTIONS.name and path.suffix == ".parquet":
            monkeypatch.undo()
            Served(tmp_path, home.world, lost=40).publish(NIGHTS[2])
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", replaced)
    assert features.refresh() is False
    assert features.as_of == NIGHTS[0]
    assert features.refresh() is True
    assert features.as_of == NIGHTS[2]


def test_refresh_makes_nothing_when_another_process_removed_the_arrays_of_the_night_that_is_served(
    home: Served,
) -> None:
    features = Features.open(home.home)
    shutil.rmtree(features.folder)
    assert features.refresh() is False
    assert not features.folder.exists()


def test_a_home_without_a_ranker_names_the_arms_there_are(home: Served) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"has no ranker lightgbm-base; there are din-llm, lightgbm-llm. Train one"
    ):
        Ranker.load(home.home, arm="base")
    with pytest.raises(ModelUnavailable, match="lightgbm-llm of 2020-01-01"):
        Ranker.load(home.home, as_of=date(2020, 1, 1))


def test_features_of_other_settings_than_the_rankers_are_refused(home: Served) -> None:
    other = Features.open(home.home, FeatureSettings(counts=CountSettings(smoothing=3.0)))
    with pytest.raises(ConfigError, match="trained on features of other settings"):
        Ranker.load(home.home, features=other)


def test_a_placebo_is_not_served(home: Served) -> None:
    folder = home.home / "models" / "lightgbm-llm" / f"as_of={NIGHTS[2]}"
    placebo = home.home / "models" / "lightgbm-permuted" / folder.name
    shutil.copytree(folder, placebo)
    about = json.loads((placebo / "features.json").read_text())
    about["features"] = [name.replace("llm__", "permuted__") for name in about["features"]]
    (placebo / "features.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match="family 'permuted'; served are base, text, llm"):
        Ranker.load(home.home, arm="permuted")


class Killed(LightGBMRanker):
    """Its process ends when half of it is written."""

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.txt").write_text("tree")
        raise KeyboardInterrupt


def test_a_ranker_whose_saving_is_killed_leaves_the_one_before(home: Served) -> None:
    before = saved_rankers(home.home, "lightgbm-llm")
    for night in NIGHTS[1:]:  # one without a ranker, and one with
        with pytest.raises(KeyboardInterrupt):
            save_ranker(home.home, Killed(), "llm", night, home.settings.features)
    assert saved_rankers(home.home, "lightgbm-llm") == before
    assert Ranker.load(home.home).as_of == NIGHTS[2]
    assert not [*(home.home / "models").rglob(".*")]


def test_a_ranker_that_is_trained_again_takes_the_place_of_the_one_before_whole(home: Served) -> None:
    saved = saved_rankers(home.home, "lightgbm-llm")[NIGHTS[2]]
    (saved / "of_an_earlier_version.json").write_text("{}")
    ranker = LightGBMRanker.load(saved)
    save_ranker(home.home, ranker, "llm", NIGHTS[2], FeatureSettings(lists=False))
    assert sorted(path.name for path in saved.iterdir()) == ["features.json", "model.txt", "recipe.json"]
    assert load_recipe(saved) == FeatureSettings(lists=False)
    assert not [*(home.home / "models").rglob(".*")]
