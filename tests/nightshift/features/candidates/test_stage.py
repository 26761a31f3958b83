from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from nightshift.features.candidates.asked import asked_at
from nightshift.features.candidates.nightly import candidates, chosen_since, recalls
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.candidates.stage import Stage, best
from nightshift.features.content import NightContent, Snapshot, night_content
from nightshift.features.history import EventLog, encode, midnight
from nightshift.features.settings import SimilaritySettings
from nightshift.sources.datasets.synthetic import World
from nightshift.tables import CANDIDATES, USER_EMBEDDINGS

NIGHT = date(2024, 1, 15)


@pytest.fixture(scope="module")
def log(world: World, clicks: pl.DataFrame) -> EventLog:
    return EventLog.of(clicks, world.items["item_id"])


@pytest.fixture(scope="module")
def content(world: World, snapshot: Snapshot) -> NightContent:
    return night_content(NIGHT, snapshot, world.items["item_id"], SimilaritySettings())


@pytest.fixture(scope="module")
def table(world: World, clicks: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    return candidates(world.items, clicks, snapshot, NIGHT, CandidateSettings(per_source=12))


def test_the_table_has_each_sources_best_for_every_user_with_a_past(
    table: pl.DataFrame, clicks: pl.DataFrame
) -> None:
    assert CANDIDATES.conform(table).equals(table)
    before = clicks.filter(pl.col("timestamp").dt.timestamp("us") < midnight(NIGHT))
    assert set(table["user_id"]) == set(before["user_id"])
    assert set(table["source"]) == {"popular", "item_knn", "ease", "raw", "facts"}
    ordered = table.sort("user_id", "source", "rank")
    lists = ordered.group_by("user_id", "source", maintain_order=True).agg("rank", "score")
    assert all(ranks == list(range(1, len(ranks) + 1)) for ranks in lists["rank"].to_list())
    assert all(scores == sorted(scores, reverse=True) for scores in lists["score"].to_list())
    assert table.join(before, on=["user_id", "item_id"], how="semi").height == 0


def test_repeats_bring_back_what_was_met(world: World, clicks: pl.DataFrame, snapshot: Snapshot) -> None:
    again = candidates(world.items, clicks, snapshot, NIGHT, CandidateSettings(per_source=12, repeats=True))
    before = clicks.filter(pl.col("timestamp").dt.timestamp("us") < midnight(NIGHT))
    assert again.join(before, on=["user_id", "item_id"], how="semi").height > 0


def test_a_night_does_not_know_its_own_day(
    world: World, clicks: pl.DataFrame, snapshot: Snapshot, table: pl.DataFrame
) -> None:
    past = clicks.filter(pl.col("timestamp").dt.timestamp("us") < midnight(NIGHT))
    assert candidates(world.items, past, snapshot, NIGHT, CandidateSettings(per_source=12)).equals(table)


def test_ease_without_a_co_occurrence_finds_nothing(world: World, content: NightContent) -> None:
    first, second = world.items["item_id"].head(2)
    events = pl.DataFrame(
        {
            "user_id": ["one", "two"],
            "item_id": [first, second],
            "timestamp": pl.Series([datetime(2024, 1, 2, tzinfo=UTC)] * 2).dt.cast_time_unit("us"),
            "label": [1.0, 1.0],
            "request_id": pl.Series([None, None], dtype=pl.String),
        }
    )
    log = EventLog.of(events, world.items["item_id"])
    asked = asked_at(log, log.users, np.full(2, midnight(NIGHT)))
    settings = CandidateSettings(sources=("ease",), repeats=True)
    assert len(Stage(settings).find(asked, content).item) == 0


def test_scores_are_those_of_the_history_strictly_before_the_moment(
    log: EventLog, content: NightContent, clicks: pl.DataFrame
) -> None:
    stage = Stage(CandidateSettings())
    event = clicks.filter(pl.col("timestamp").dt.timestamp("us") > midnight(NIGHT)).row(0, named=True)
    moment = int(event["timestamp"].timestamp() * 1_000_000)
    asked = asked_at(log, pl.Series([event["user_id"]] * 2), np.array([moment, moment + 1]))
    assert asked.liked.sum(axis=1).tolist()[1] == asked.liked.sum(axis=1).tolist()[0] + 1
    liked = asked.liked.toarray()[0] > 0
    fit = stage.fits.of(log, NIGHT)
    assert stage.scores("ease", asked, content)[0, fit.ease.items] == pytest.approx(
        fit.ease.weights[liked[fit.ease.items]].sum(0), abs=1e-5
    )
    expected = fit.neighbours.toarray()[liked].sum(0)
    found = stage.scores("item_knn", asked, content)[0]
    assert np.where(np.isfinite(found), found, 0.0) == pytest.approx(expected, abs=1e-5)
    mine = clicks.filter(
        pl.col("user_id") == event["user_id"], pl.col("timestamp") < event["timestamp"], pl.col("label") > 0.5
    )
    newest_first = mine.sort("timestamp", descending=True)["item_id"]
    weights = 0.5 ** (np.arange(newest_first.len()) / stage.settings.half_life)
    mean = weights @ content.views["raw"].vectors[encode(newest_first, log.items)]
    assert stage.scores("raw", asked, content)[0] == pytest.approx(
        content.views["raw"].vectors @ mean / np.linalg.norm(mean), abs=1e-4
    )


def test_a_stranger_gets_what_is_popular_and_nothing_personal(log: EventLog, content: NightContent) -> None:
    stage = Stage(CandidateSettings(per_source=5))
    found = stage.find(asked_at(log, pl.Series(["nobody"]), np.array([midnight(NIGHT)])), content)
    assert set(found.source.tolist()) == {0}
    assert found.rank.tolist() == [0, 1, 2, 3, 4]


def test_written_facts_of_a_user_find_items_near_them(
    world: World, snapshot: Snapshot, log: EventLog
) -> None:
    facts = snapshot["item_embeddings"].filter(pl.col("view") == "facts")
    wanted = facts.row(7, named=True)
    user = USER_EMBEDDINGS.conform(
        pl.DataFrame(
            {
                "user_id": ["nobody"],
                "view": ["facts"],
                "encoder_id": [wanted["encoder_id"]],
                "vector": [wanted["vector"]],
            }
        )
    )
    with_user = Snapshot(item_embeddings=snapshot["item_embeddings"], user_embeddings=user)
    content = night_content(NIGHT, with_user, world.items["item_id"], SimilaritySettings())
    found = Stage(CandidateSettings(sources=("preference",))).find(
        asked_at(log, pl.Series(["nobody"]), np.array([midnight(NIGHT)])), content
    )
    assert world.items["item_id"][int(found.item[0])] == wanted["item_id"]


def test_before_any_night_collaborative_sources_find_nothing(world: World, log: EventLog) -> None:
    empty = night_content(None, Snapshot(), world.items["item_id"], SimilaritySettings())
    assert len(Stage().find(asked_at(log, log.users.head(3), np.full(3, midnight(NIGHT))), empty).item) == 0


def test_equal_scores_keep_the_order_of_the_catalogue_and_last_bits_decide_nothing() -> None:
    scores = np.array([[0.5, 0.7, 0.5 + 1e-8, 0.5, -np.inf]], np.float32)
    row, item, rank = best(scores, 3)
    assert (row.tolist(), item.tolist(), rank.tolist()) == ([0, 0, 0], [1, 0, 2], [0, 1, 2])
    assert best(scores, 99)[1].tolist() == [1, 0, 2, 3]


def test_recall_counts_what_users_chose_later_among_their_candidates() -> None:
    found = pl.DataFrame(
        {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "source": ["ease", "popular", "popular"]}
    )
    chosen = pl.DataFrame({"user_id": ["a", "a", "b", "new"], "item_id": ["x", "z", "x", "x"]})
    assert recalls(found, chosen) == pytest.approx({"ease": 1 / 3, "popular": 1 / 3, "union": 2 / 3})
    assert recalls(found, chosen.head(0)) == {}


def test_what_was_met_before_is_no_later_choice(clicks: pl.DataFrame) -> None:
    later = chosen_since(clicks, NIGHT, repeats=False)
    before = clicks.filter(pl.col("timestamp").dt.timestamp("us") < midnight(NIGHT))
    assert later.height > 0
    assert later.join(before, on=["user_id", "item_id"], how="semi").height == 0
    assert chosen_since(clicks, NIGHT, repeats=True).height > later.height
