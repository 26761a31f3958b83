"""A night that has every kind of feature that is read off a table by itself."""

import numpy as np
import polars as pl

from nightshift.features.content import Snapshot
from nightshift.features.content_spec import ContentSpec, Feature, ItemView, first_spec
from nightshift.features.specs import Number, OneHot, Overlap, PairScore, Similarity
from nightshift.sources.datasets.synthetic import World
from nightshift.tables import Column, Table

PARTS = ContentSpec(
    (*first_spec().views, ItemView("mood", "text", "mood")),
    (
        *first_spec().features,
        Feature("mood", "item", Similarity("mood")),
        Feature("mood", "item", Number("length")),
        Feature("budget", "user", Number("spent")),
        Feature("mood", "item", OneHot("tone", ("calm", "Loud & fast"))),
        Feature("budget", "user", OneHot("class", ("low", "high"))),
        Feature("budget", "user", Overlap("wants", "mood.offers")),
        Feature("fit", "pair", PairScore("relevance")),
        Feature("peers", "user", Number("near"), "text"),
    ),
)
"""What every night reads, and one of each kind; `peers` no language model wrote."""
MADE_UP = ("mood", "budget", "fit", "peers")
"""Tables that no enrichment of ours writes."""
WORDS = ("red", "green", "blue", "round")


def made_up(name: str, frame: pl.DataFrame) -> Table:
    """A table with the columns of a frame, to publish it."""
    return Table(
        name, "", {column: Column(dtype, "", required=False) for column, dtype in frame.schema.items()}
    )


def all_kinds(world: World, written: Snapshot, seed: int) -> Snapshot:
    """A snapshot with rows of every kind, and gaps: items, users, pairs without a row, values that are
    null."""
    random = np.random.default_rng(seed)
    items, users = world.items["item_id"].head(90 + seed), world.interactions["user_id"].unique().sort()
    half = users.gather_every(2)
    lists = [[word for word in WORDS if random.random() < 0.5] for _ in range(items.len())]
    raw = written["item_embeddings"].filter(pl.col("view") == "raw").with_columns(view=pl.lit("mood"))
    pairs = (
        world.interactions.select("user_id", "item_id").unique(maintain_order=True).sort("user_id", "item_id")
    )
    kept = pairs.filter(pl.Series(random.random(pairs.height) < 0.8))
    return Snapshot(
        written,
        item_embeddings=pl.concat([written["item_embeddings"], raw]),
        mood=pl.DataFrame(
            {
                "item_id": items,
                "length": [None if n % 7 == 0 else n * 1.5 for n in range(items.len())],
                "tone": [("calm", "Loud & fast", "no choice")[n % 3] for n in range(items.len())],
                "offers": lists,
            }
        ),
        budget=pl.DataFrame(
            {
                "user_id": half,
                "spent": random.integers(1, 10_000, half.len()),
                "class": [("low", "high", None)[n % 3] for n in range(half.len())],
                "wants": [list(WORDS[: n % 4]) for n in range(half.len())],
            }
        ),
        fit=kept.with_columns(relevance=pl.Series(random.random(kept.height))),
        peers=pl.DataFrame({"user_id": users, "near": random.random(users.len())}),
    )
