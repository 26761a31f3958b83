"""Small sources in the shapes that people really have, and what a mapping of them should be."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
Frames = tuple[pl.DataFrame, pl.DataFrame]
SUBJECTS = ("lamp", "kettle", "novel", "drum", "jacket", "ladder", "camera", "tent", "globe", "puzzle")
SENTENCE = "A {} {} that {} keeps for years, with a second {} in the box and room for one more."


def moments(rng: random.Random, count: int) -> list[datetime]:
    return sorted(NOW - timedelta(seconds=rng.randint(3600, 60 * 86400)) for _ in range(count))


def catalogue(rng: random.Random, ids: list[Any], **names: str) -> pl.DataFrame:
    """Columns id, title, text and kind under the names that are given."""
    rows = []
    for number, one in enumerate(ids):
        word, other = rng.choice(SUBJECTS), rng.choice(SUBJECTS)
        title = f"{word.title()} of {other.title()} No. {number}"
        text = SENTENCE.format(rng.choice(("bright", "quiet", "sturdy")), word, f"owner {number}", other)
        rows.append(
            {"id": one, "title": title, "text": text, "kind": rng.choice(("home", "garden", "music"))}
        )
    frame = pl.DataFrame(rows)
    return frame.select(**{names[name]: pl.col(name) for name in frame.columns if name in names})


def shop(rng: random.Random) -> Frames:
    ids = [f"SKU-{number:04d}" for number in range(80)]
    items = catalogue(rng, ids, id="sku", title="product_title", text="long_description", kind="dept")
    times = moments(rng, 1500)
    events = {
        "customer": [f"c{rng.randint(1, 90)}" for _ in times],
        "sku": [rng.choice(ids) for _ in times],
        "event_time": [int(time.timestamp() * 1000) for time in times],
        "event": [
            rng.choices(("view", "add_to_cart", "purchase", "remove_from_cart"), (70, 15, 10, 5))[0]
            for _ in times
        ],
    }
    return items, pl.DataFrame(events)


def movie_ratings(rng: random.Random) -> Frames:
    ids = list(range(1, 201))
    items = catalogue(rng, ids, id="movieId", title="title")
    genres = [
        "|".join(rng.sample(("Action", "Drama", "Comedy", "Crime", "War"), rng.randint(1, 3))) for _ in ids
    ]
    times = moments(rng, 2000)
    events = {
        "userId": [rng.randint(1, 150) for _ in times],
        "movieId": [rng.choice(ids) for _ in times],
        "rating": [rng.choice((0.5, 1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0)) for _ in times],
        "timestamp": [int(time.timestamp()) for time in times],
    }
    return items.with_columns(genres=pl.Series(genres)), pl.DataFrame(events)


def news_impressions(rng: random.Random) -> Frames:
    ids = [f"N{number}" for number in range(10_000, 10_120)]
    items = catalogue(rng, ids, id="news_id", title="headline", text="abstract", kind="category")
    items = items.with_columns(url=pl.format("https://news.example/{}", "news_id"))
    rows = []
    for number, time in enumerate(moments(rng, 300)):
        user = f"U{rng.randint(1, 60)}"
        for shown in rng.sample(ids, 5):
            click = int(rng.random() < 0.2)
            rows.append(
                {
                    "impression_id": number,
                    "user": user,
                    "news_id": shown,
                    "time": time.isoformat(),
                    "clicked": click,
                }
            )
    return items, pl.DataFrame(rows)


def reviews(rng: random.Random) -> Frames:
    ids = [f"B{number:09d}" for number in range(100)]
    items = catalogue(rng, ids, id="parent_asin", title="title").with_columns(
        features=pl.Series(
            [
                [f"Works with {rng.choice(SUBJECTS)} {number}", "Easy to wash and easy to store"]
                for number in range(100)
            ]
        ),
        description=pl.Series(
            [
                [SENTENCE.format("light", rng.choice(SUBJECTS), f"owner {number}", "bag")]
                for number in range(100)
            ]
        ),
        price=pl.Series([rng.random() * 50 for _ in ids]),
        categories=pl.Series([["Beauty", rng.choice(("Hair", "Skin", "Nails"))] for _ in ids]),
        store=pl.Series([f"Store {rng.randint(1, 60)}" for _ in ids]),
    )
    times = moments(rng, 1200)
    events = {
        "rating": [float(rng.randint(1, 5)) for _ in times],
        "text": [f"I liked it {number}" for number in range(1200)],
        "parent_asin": [rng.choice(ids) for _ in times],
        "user_id": [f"A{rng.randint(1, 400):027d}" for _ in times],
        "timestamp": [int(time.timestamp() * 1000) for time in times],
        "helpful_vote": [rng.randint(0, 4) for _ in times],
        "verified_purchase": [rng.random() < 0.9 for _ in times],
    }
    return items, pl.DataFrame(events)


def behaviours(rng: random.Random) -> Frames:
    ids = list(range(500_000, 500_090))
    items = catalogue(rng, ids, id="item_id", title="name").with_columns(
        category_path=pl.Series([f"Home > {rng.choice(SUBJECTS)}" for _ in ids])
    )
    times = moments(rng, 1000)
    events = {
        "user_id": [rng.randint(1, 100) for _ in times],
        "item_id": [rng.choice(ids) for _ in times],
        "category_id": [rng.randint(1, 9) for _ in times],
        "behavior_type": [rng.choices(("pv", "cart", "fav", "buy"), (80, 8, 7, 5))[0] for _ in times],
        "ts": times,
    }
    return items, pl.DataFrame(events)


def places(rng: random.Random) -> Frames:
    ids = [str(number) for number in range(70)]
    items = catalogue(rng, ids, id="item_id", title="title")
    events = [
        {"user_id": f"u{user}", "item_id": rng.choice(ids), "position": place}
        for user in range(60)
        for place in range(9)
    ]
    return items, pl.DataFrame(events)


SHAPES: dict[str, tuple[Callable[[random.Random], Frames], dict[str, Any], dict[str, Any]]] = {
    "shop": (
        shop,
        {"item_id": "sku", "title": "product_title", "text": ["long_description"], "attributes": "dept"},
        {"user_id": "customer", "item_id": "sku", "timestamp": "event_time", "timestamp_unit": "ms", "feedback": "implicit",
         "kind": "event", "positive_kinds": ["add_to_cart", "purchase"]},
    ),
    "movie ratings": (
        movie_ratings,
        {"item_id": "movieId", "title": "title", "attributes": "genres"},
        {"user_id": "userId", "item_id": "movieId", "timestamp": "timestamp", "timestamp_unit": "s", "feedback": "explicit",
         "label": "rating", "positive_from": 4},
    ),
    "news impressions": (
        news_impressions,
        {"item_id": "news_id", "title": "headline", "text": ["abstract"], "attributes": "category"},
        {"user_id": "user", "item_id": "news_id", "timestamp": "time", "feedback": "impressions", "label": "clicked",
         "group": "impression_id"},
    ),
    "reviews": (
        reviews,
        {"item_id": "parent_asin", "title": "title", "text": ["description", "features"], "attributes": "categories"},
        {"user_id": "user_id", "item_id": "parent_asin", "timestamp": "timestamp", "timestamp_unit": "ms", "feedback": "explicit",
         "label": "rating", "positive_from": 4},
    ),
    "behaviours": (
        behaviours,
        {"item_id": "item_id", "title": "name", "attributes": "category_path", "attributes_separator": " > "},
        {"user_id": "user_id", "item_id": "item_id", "timestamp": "ts", "feedback": "implicit", "kind": "behavior_type",
         "positive_kinds": ["buy", "cart", "fav"]},
    ),
    "an order without times": (
        places,
        {"item_id": "item_id", "title": "title"},
        {"user_id": "user_id", "item_id": "item_id", "timestamp": "position", "timestamp_unit": "order", "feedback": "implicit"},
    ),
}  # fmt: skip
"""Name to: the maker, what `sources.items` and `sources.interactions` should be (without their paths)."""


def write(folder: Path, frames: Frames, ending: str = "parquet") -> tuple[str, str]:
    """Both files in one format; their names."""
    names = (f"items.{ending}", f"events.{ending}")
    for name, frame in zip(names, frames, strict=True):
        save = {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[ending]
        save(folder / name)
    return names
