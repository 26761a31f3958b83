"""A small world with a known answer: who likes what and why is planted, so tests can tell signal from luck.

Every item mixes one or two topics. Its description really talks about them, among neutral words; its title
says nothing and its shelf (the attribute) is mostly wrong. Users like two topics, and their taste drifts.
A list of items is shown (popular ones far more often), and whether an item is clicked depends on taste and
topic, a little on the item's own quality, and for a share of rows on a coin. Cold items appear late: for a
while nothing but their text tells who would like them.

Each item and each user has a random generator of its own, derived from seed and id: more users leave the
others' events as they were.
"""

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from nightshift.sources.datasets.base import write_sources
from nightshift.sources.datasets.vocabulary import SENTENCES, TOPICS, words
from nightshift.sources.datasets.world import Floats, SyntheticSettings, World, generator
from nightshift.sources.settings import InteractionsSource, ItemsSource, SourcesSettings
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

__all__ = ["SyntheticSettings", "World", "make_world", "write_sources"]

Ints = npt.NDArray[np.int64]

SECOND = 1_000_000
"""Microseconds."""

MAPPING = SourcesSettings(
    items=ItemsSource(
        path="items.parquet",
        item_id="item_id",
        title="title",
        text="description",
        attributes="shelves",
        created_at="created_at",
    ),
    interactions=InteractionsSource(
        path="interactions.parquet",
        user_id="user_id",
        item_id="item_id",
        timestamp="shown_at",
        timestamp_unit="ms",
        feedback="impressions",
        label="clicked",
        group="request_id",
    ),
)
"""How the files written by `write_sources` are read back."""


def make_world(settings: SyntheticSettings | None = None) -> World:
    """The world of these settings: the same bytes every time."""
    settings = settings or SyntheticSettings()
    topics = tuple(list(TOPICS)[: settings.n_topics])
    items = [_item(settings, topics, number) for number in range(settings.n_items)]
    loadings = np.stack([item.pop("loadings") for item in items])
    catalogue = pl.DataFrame(items).with_columns(pl.col("created_at").cast(MOMENT))
    shown = _shown(settings, catalogue, loadings)
    source_items = catalogue.select("item_id", "title", "description", "shelves", "created_at")
    source_interactions = shown.select(
        "user_id",
        "item_id",
        pl.col("timestamp").dt.timestamp("ms").alias("shown_at"),
        pl.col("label").cast(pl.Int8).alias("clicked"),
        "request_id",
    )
    return World(
        name="synthetic",
        items=ITEMS.conform(source_items.rename({"description": "text", "shelves": "attributes"})),
        interactions=INTERACTIONS.conform(
            shown.drop("probability").with_columns(pl.lit(None, pl.String).alias("kind"))
        ),
        source_items=source_items,
        source_interactions=source_interactions,
        mapping=MAPPING,
        settings=settings,
        topics=topics,
        loadings=loadings,
        true_topic=catalogue.select("item_id", "topic", "cold"),
        truth=shown.select("user_id", "item_id", "timestamp", "probability"),
    )


def _item(settings: SyntheticSettings, topics: tuple[str, ...], number: int) -> dict[str, Any]:
    item_id = f"i{number:05d}"
    rng = generator(settings.seed, "item", item_id)
    main, second = rng.choice(len(topics), 2, replace=False)
    loadings = np.zeros(len(topics))
    loadings[main], loadings[second] = share = rng.choice([[1.0, 0.0], [0.75, 0.25]])
    cold = bool(rng.random() < settings.cold_share)
    appears = settings.days * rng.uniform(0.5, 0.95) if cold else 0.0
    shelf = main if rng.random() < settings.attribute_signal else rng.integers(len(topics))
    neutral = rng.choice(words(None), 2, replace=False)
    return {
        "item_id": item_id,
        "title": f"{neutral[0].title()} {neutral[1].title()} {number}",
        "description": _description(settings, rng, [topics[main], topics[second]], share),
        "shelves": [f"shelf {shelf + 1}"],
        "created_at": settings.start + timedelta(days=float(appears))
        if cold
        else settings.start - timedelta(days=1),
        "topic": topics[main],
        "cold": cold,
        "exposure": rng.normal(0, 1) * settings.popularity_skew,
        "quality": rng.normal(0, 0.4),
        "loadings": loadings,
    }


def _description(
    settings: SyntheticSettings, rng: np.random.Generator, topics: list[str], share: Floats
) -> str:
    """Sentences whose gaps are filled from the topics' vocabularies and from the neutral words."""
    sentences = []
    for _ in range(max(1, settings.words_per_item // 3)):
        about = [
            topics[rng.choice(2, p=share)] if rng.random() < settings.topic_word_share else None
            for _ in range(3)
        ]
        sentences.append(str(rng.choice(SENTENCES)).format(*(rng.choice(words(topic)) for topic in about)))
    return " ".join(sentences)


def _shown(settings: SyntheticSettings, catalogue: pl.DataFrame, loadings: Floats) -> pl.DataFrame:
    """Every item of every list: user_id, item_id, timestamp, label, request_id, probability."""
    frames = [_user(settings, catalogue, loadings, f"u{number:05d}") for number in range(settings.n_users)]
    return pl.concat(frames).sort("timestamp", "user_id", "item_id")


def _user(
    settings: SyntheticSettings, catalogue: pl.DataFrame, loadings: Floats, user_id: str
) -> pl.DataFrame:
    rng = generator(settings.seed, "user", user_id)
    seconds = np.unique(
        rng.integers(0, settings.days * 86_400, rng.poisson(settings.lists_per_day * settings.days))
    )  # (lists,)
    before, after = _taste(settings, rng), _taste(settings, rng)
    picked = _lists(settings, rng, catalogue, seconds)  # (lists, list_length) item numbers
    progress = settings.drift * seconds[:, None] / (settings.days * 86_400)  # (lists, 1)
    taste = (1 - progress) * before + progress * after  # (lists, topics)
    odds = (
        settings.strength * np.einsum("lt,lkt->lk", taste, loadings[picked])
        + catalogue["quality"].to_numpy()[picked]
        - 1.0
    )
    liked = 1 / (1 + np.exp(-odds))
    probability = (1 - settings.noise_share) * liked + settings.noise_share / 2
    return _rows(
        settings, catalogue, user_id, seconds, picked, probability, rng.random(picked.shape) < probability
    )


def _taste(settings: SyntheticSettings, rng: np.random.Generator) -> Floats:
    """(topics,): 1 for two liked topics, -0.3 for the others."""
    taste = np.full(settings.n_topics, -0.3)
    taste[rng.choice(settings.n_topics, 2, replace=False)] = 1.0
    return taste


def _lists(
    settings: SyntheticSettings, rng: np.random.Generator, catalogue: pl.DataFrame, seconds: Ints
) -> Ints:
    """Items drawn without replacement in proportion to exp(exposure), among those that exist (Gumbel
    top-k)."""
    keys = catalogue["exposure"].to_numpy() + rng.gumbel(
        size=(len(seconds), len(catalogue))
    )  # (lists, items)
    start = int(settings.start.timestamp()) * SECOND
    exists = catalogue["created_at"].dt.timestamp("us").to_numpy() <= start + seconds[:, None] * SECOND
    length = min(settings.list_length, int((~catalogue["cold"]).sum()))
    return np.argsort(np.where(exists, -keys, np.inf), axis=1, kind="stable")[:, :length]


def _rows(
    settings: SyntheticSettings,
    catalogue: pl.DataFrame,
    user_id: str,
    seconds: Ints,
    picked: Ints,
    probability: Floats,
    clicked: npt.NDArray[np.bool_],
) -> pl.DataFrame:
    length = picked.shape[1]
    start = int(settings.start.timestamp()) * SECOND
    requests = pl.Series([f"{user_id}-{number}" for number in range(len(seconds))], dtype=pl.String)
    columns = {
        "user_id": pl.Series([user_id], dtype=pl.String).new_from_index(0, picked.size),
        "item_id": catalogue["item_id"].gather(picked.ravel()),
        "timestamp": pl.Series(start + seconds.repeat(length) * SECOND, dtype=pl.Int64).cast(MOMENT),
        "label": pl.Series(clicked.ravel()).cast(pl.Float32),
        "request_id": requests.gather(np.arange(len(seconds)).repeat(length)),
        "probability": pl.Series(probability.ravel(), dtype=pl.Float64),
    }
    return pl.DataFrame(columns)
