"""The synthetic world as tests see it: its settings, its tables, and the truth behind them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from nightshift.sources.datasets.base import Dataset
from nightshift.sources.datasets.vocabulary import TOPICS
from nightshift.storage.content_key import content_key
from nightshift.tables import ITEM_EMBEDDINGS, ITEM_TAG_SCORES

Floats = npt.NDArray[np.float64]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]

RAW_DIMENSION = 64
HIDDEN_DIMENSION = 16


class SyntheticSettings(BaseModel):
    """What the world is like."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    seed: int = 0
    """Another seed is another world."""
    n_users: Count = 300
    """Users."""
    n_items: Count = 400
    """Items, cold ones included."""
    n_topics: Annotated[int, Field(ge=2, le=len(TOPICS))] = 8
    """Topics, 2 to 12."""
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    """First moment of the world, UTC."""
    days: Count = 30
    """Days over which lists are shown."""
    lists_per_day: Annotated[float, Field(gt=0)] = 0.5
    """Lists shown to a user a day, on average."""
    list_length: Count = 8
    """Items in a list."""
    cold_share: Share = 0.25
    """Share of the items that appear in the second half of the days, so that few events tell about them."""
    noise_share: Share = 0.1
    """Share of the labels that a coin decides."""
    drift: Share = 0.4
    """How much of a user's taste has been replaced by another one at the end."""
    popularity_skew: Annotated[float, Field(ge=0)] = 1.0
    """Standard deviation of the log exposure of items; 0 shows all equally often."""
    strength: Annotated[float, Field(ge=0)] = 4.0
    """Weight of taste in the log-odds of a click; 0 makes topics useless."""
    words_per_item: Count = 30
    """Words from the vocabularies in a description, rounded down to whole sentences of three."""
    topic_word_share: Share = 0.5
    """Share of those words that come from the item's topics; the others are neutral."""
    attribute_signal: Share = 0.2
    """Share of items whose shelf is their main topic's; the others stand on a random one."""


@dataclass(frozen=True, kw_only=True)
class World(Dataset):
    """A synthetic dataset with what a test may know and a model may not."""

    settings: SyntheticSettings
    """What it was made from."""
    topics: tuple[str, ...]
    """Topic names, in the order of the loadings' columns."""
    loadings: Floats
    """(items, topics): how much an item is about a topic; rows sum to 1, in the order of `items`."""
    true_topic: pl.DataFrame
    """item_id, topic (the main one), cold (bool)."""
    truth: pl.DataFrame
    """user_id, item_id, timestamp, probability: the true click probability of every event, coin included."""

    def tag_scores(self, noise: float = 0.3) -> pl.DataFrame:
        """What a good model would have read: log topic loadings plus noise (its standard deviation),
        centred per tag.

        Conforms to ITEM_TAG_SCORES; facet `topic`, one tag a topic.
        """
        rng = generator(self.settings.seed, "tag scores")
        logits = np.log(self.loadings + 0.02) + rng.normal(0, noise, self.loadings.shape)  # (items, topics)
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        scores -= scores.mean(axis=0)
        item_ids = self.items["item_id"].to_numpy().repeat(len(self.topics))
        columns = {"item_id": item_ids, "tag": list(self.topics) * len(scores), "score": scores.ravel()}
        provenance = {
            "facet": "topic",
            "origin": "llm",
            "prompt_id": "truth",
            "model_id": "synthetic",
            "content_key": None,
        }
        frame = pl.DataFrame(columns).with_columns(
            pl.lit(value, pl.String).alias(name) for name, value in provenance.items()
        )
        return ITEM_TAG_SCORES.conform(frame)

    def embeddings(self, noise: float = 0.1) -> pl.DataFrame:
        """Two views, conforming to ITEM_EMBEDDINGS: `hidden`, the loadings turned into 16 dimensions plus
        noise (its standard deviation); `raw`, the hashed words of the description, 64 dimensions, unit
        length."""
        rng = generator(self.settings.seed, "embeddings")
        turn = rng.normal(0, 1, (len(self.topics), HIDDEN_DIMENSION))
        hidden = self.loadings @ turn + rng.normal(
            0, noise, (len(self.loadings), HIDDEN_DIMENSION)
        )  # (items, 16)
        raw = np.stack([_hashed_words(text) for text in self.items["text"]])  # (items, 64)
        views = [
            self._view("hidden", "synthetic-topics@1", hidden),
            self._view("raw", "synthetic-words@1", raw),
        ]
        return ITEM_EMBEDDINGS.conform(pl.concat(views))

    def _view(self, view: str, encoder_id: str, vectors: Floats) -> pl.DataFrame:
        named = {"view": pl.lit(view), "encoder_id": pl.lit(encoder_id)}
        vector = pl.Series("vector", vectors.tolist(), pl.List(pl.Float32))
        return self.items.select("item_id", **named).with_columns(vector)


def generator(seed: int, *parts: str) -> np.random.Generator:
    """A random generator of its own for these parts, the same in every run."""
    return np.random.default_rng(int(content_key(str(seed), *parts), 16))


def _hashed_words(text: str) -> Floats:
    """Counts of hashed words, unit length."""
    vector = np.zeros(RAW_DIMENSION)
    for word in text.lower().replace(".", " ").replace(",", " ").split():
        vector[int(content_key(word), 16) % RAW_DIMENSION] += 1.0
    length: float = float(np.linalg.norm(vector))
    return vector / length
