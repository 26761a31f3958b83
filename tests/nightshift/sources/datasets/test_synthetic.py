from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from pydantic import ValidationError
from scipy.stats import rankdata

from nightshift.sources import read_interactions, read_items
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world, write_sources
from nightshift.sources.datasets.vocabulary import TOPICS, words
from nightshift.tables import INTERACTIONS, ITEM_EMBEDDINGS, ITEM_TAG_SCORES, ITEMS

Floats = npt.NDArray[np.float64]
SMALL = SyntheticSettings(n_users=40, n_items=60, days=10)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def auc(labels: Floats, scores: Floats) -> float:
    positive = labels == 1
    ranks = rankdata(scores)[positive].sum()
    n_positive, n_negative = positive.sum(), (~positive).sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def tag_matrix(world: World) -> Floats:
    return (
        world.tag_scores()["score"].to_numpy().reshape(world.items.height, -1).astype(np.float64)
    )  # (items, topics)


def judged(world: World, item_vectors: Floats) -> pl.DataFrame:
    """The last fifth of the events with three scores learned from the earlier ones: popularity,
    collaborative, content."""
    events = world.interactions.with_columns(
        user=pl.col("user_id").rank("dense").cast(pl.Int64) - 1,
        item=pl.col("item_id").replace_strict(
            {item_id: row for row, item_id in enumerate(world.items["item_id"])}
        ),
    )
    cut = events["timestamp"].quantile(0.8, "nearest")
    train, test = events.filter(pl.col("timestamp") < cut), events.filter(pl.col("timestamp") >= cut)
    matrix = np.zeros((events["user"].n_unique(), world.items.height))  # (users, items)
    np.add.at(
        matrix,
        (train["user"].to_numpy(), train["item"].to_numpy()),
        train["label"].to_numpy() - train["label"].mean(),
    )
    shown = np.bincount(train["item"].to_numpy(), minlength=world.items.height)
    norms = np.linalg.norm(matrix, axis=0) + 1e-9
    similar = (matrix.T @ matrix) / norms[:, None] / norms  # (items, items) cosine
    users, items = test["user"].to_numpy(), test["item"].to_numpy()
    return test.join(world.true_topic, on="item_id", maintain_order="left").join(
        world.truth, on=["user_id", "item_id", "timestamp"], maintain_order="left"
    ).with_columns(
        popularity=pl.Series((matrix.sum(axis=0) / (shown + 10))[items]),
        collaborative=pl.Series((matrix @ similar)[users, items]),
        content=pl.Series(((matrix @ item_vectors) @ item_vectors.T)[users, items]),
    )  # fmt: skip


def aucs(frame: pl.DataFrame) -> dict[str, float]:
    labels = frame["label"].to_numpy().astype(np.float64)
    return {
        name: auc(labels, frame[name].to_numpy())
        for name in ("popularity", "collaborative", "content", "probability")
    }


def test_topic_knowledge_ranks_cold_items_where_popularity_and_collaboration_cannot(world: World) -> None:
    cold = aucs(judged(world, tag_matrix(world)).filter("cold"))
    assert cold["content"] > max(cold["popularity"], cold["collaborative"]) + 0.1
    assert cold["content"] > 0.68
    assert cold["probability"] > cold["content"]


def test_collaboration_works_where_items_are_warm(world: World) -> None:
    warm = aucs(judged(world, tag_matrix(world)).filter(~pl.col("cold")))
    assert warm["collaborative"] > warm["popularity"] + 0.05


def test_wrong_tags_are_worth_nothing(world: World) -> None:
    shuffled = np.random.default_rng(0).permutation(tag_matrix(world))
    assert aucs(judged(world, shuffled).filter("cold"))["content"] == pytest.approx(0.5, abs=0.07)


def test_without_strength_topics_tell_nothing() -> None:
    indifferent = make_world(SyntheticSettings(strength=0))
    assert aucs(judged(indifferent, tag_matrix(indifferent)))["content"] == pytest.approx(0.5, abs=0.04)


def test_the_tables_conform_and_are_the_same_bytes_every_time() -> None:
    first, again = make_world(SMALL), make_world(SMALL)
    assert first.items.equals(ITEMS.conform(first.items))
    assert first.interactions.equals(INTERACTIONS.conform(first.interactions))
    assert first.tag_scores().equals(ITEM_TAG_SCORES.conform(again.tag_scores()))
    assert first.embeddings().equals(ITEM_EMBEDDINGS.conform(again.embeddings()))
    assert first.items.equals(again.items)
    assert first.interactions.equals(again.interactions)
    assert not first.interactions.equals(make_world(SMALL.model_copy(update={"seed": 1})).interactions)


def test_more_users_leave_the_others_as_they_were() -> None:
    small, large = make_world(SMALL), make_world(SMALL.model_copy(update={"n_users": 50}))
    assert large.interactions.filter(pl.col("user_id") < "u00040").equals(small.interactions)


def test_texts_carry_the_topic_and_titles_and_shelves_do_not(world: World) -> None:
    vocabulary = {topic: set(words(topic)) for topic in world.topics}
    found = world.items.join(world.true_topic, on="item_id", maintain_order="left")
    texts = [set(text.lower().replace(",", " ").replace(".", " ").split()) for text in found["text"]]
    most = [max(vocabulary, key=lambda topic: len(text & vocabulary[topic])) for text in texts]
    right = [guess == topic for guess, topic in zip(most, found["topic"], strict=True)]
    assert np.mean(right) > 0.85
    assert not any(
        set(title.lower().split()) & vocabulary[topic] for title in found["title"] for topic in world.topics
    )
    shelf = [
        shelves[0] == f"shelf {world.topics.index(topic) + 1}"
        for shelves, topic in found.select("attributes", "topic").rows()
    ]
    assert np.mean(shelf) < 0.45


def test_no_word_belongs_to_two_topics() -> None:
    everything = [word for topic in [*TOPICS, None] for word in words(topic)]
    assert len(everything) == len(set(everything))


def test_cold_items_come_late_and_nothing_is_shown_before_it_exists(world: World) -> None:
    shown = world.interactions.join(world.items.select("item_id", "created_at"), on="item_id").join(
        world.true_topic, on="item_id"
    )
    assert shown.filter(pl.col("timestamp") < pl.col("created_at")).is_empty()
    assert 0.15 < world.true_topic["cold"].mean() < 0.35  # type: ignore[operator]
    assert shown.filter("cold")["timestamp"].min() > datetime(2024, 1, 15, tzinfo=UTC)  # type: ignore[operator]
    assert shown["cold"].mean() < 0.15  # type: ignore[operator]


def test_lists_share_a_moment_and_hold_an_item_once(world: World) -> None:
    lists = world.interactions.group_by("request_id").agg(pl.len(), pl.col("timestamp", "item_id").n_unique())
    assert lists.select(pl.col("len").unique()).item() == 8
    assert lists.filter((pl.col("timestamp") != 1) | (pl.col("item_id") != 8)).is_empty()


def test_labels_follow_the_true_probability_and_some_are_a_coin() -> None:
    noisy = make_world(SMALL.model_copy(update={"noise_share": 0.4}))
    assert noisy.truth["probability"].min() >= 0.2  # type: ignore[operator]
    assert noisy.truth["probability"].max() <= 0.8  # type: ignore[operator]
    assert noisy.interactions["label"].mean() == pytest.approx(noisy.truth["probability"].mean(), abs=0.03)


def test_popular_items_are_shown_far_more_often(world: World) -> None:
    shown = world.interactions["item_id"].value_counts(sort=True)["count"]
    assert int(shown.head(40).sum()) > 0.3 * int(shown.sum())


def test_written_sources_read_back_as_the_same_tables(tmp_path: Path) -> None:
    small = make_world(SMALL)
    mapping = write_sources(small, tmp_path)
    items = read_items(mapping.items, tmp_path)
    events = read_interactions(
        mapping.interactions, tmp_path, items.frame, before=None, now=datetime.now(UTC)
    )
    assert items.frame.equals(small.items)
    assert events.frame.equals(small.interactions)
    assert events.rejects.is_empty()


def test_more_topics_than_there_are_vocabularies_are_refused() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 12"):
        SyntheticSettings(n_topics=13)
