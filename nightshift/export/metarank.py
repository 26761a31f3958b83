"""Metarank: item, user, ranking and interaction events in order of time, and the configuration that makes
features of them.

Events: https://docs.metarank.ai/reference/event-schema; configuration:
https://docs.metarank.ai/reference/overview. Every night's features are item and user events at its 00:00
UTC, so a ranking that is replayed sees the newest night before it and none after.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import polars as pl
import yaml

from nightshift.export.base import Destination, Published, features_of, midnight, without_placebo
from nightshift.export.folder import Folder
from nightshift.export.jsonl import encoded, extended, joined
from nightshift.tables import INTERACTIONS, ITEM_FACTS, ITEM_FEATURES, ITEMS, USER_FEATURES, Table

POSITIVE, NEGATIVE = "positive", "negative"
"""Interaction types of labels 1 and 0 where the source names no kind; a shown row that was not chosen is
no interaction."""


def _write(night: Published, folder: Folder) -> str:
    events = night.scan(INTERACTIONS).sort("timestamp", "user_id", "item_id").collect()
    folder.lines("events.jsonl", _in_time(night, events))
    folder.text("config.yml", yaml.safe_dump(_config(night, events), sort_keys=False, width=140))
    rankings = events["request_id"].drop_nulls().n_unique()
    return _LOADING + (_NO_LISTS if not rankings else "")


def _in_time(night: Published, events: pl.DataFrame) -> Iterator[pl.Series]:
    """What happened before the first night; then each night's features and what happened until the next."""
    nights = night.nights(ITEM_FEATURES)
    ends: list[datetime | None] = [midnight(day) for day in nights]
    yield _happened(events, None, ends[0])
    for day, start, end in zip(nights, ends, [*ends[1:], None], strict=True):
        yield _items(night, day)
        if night.store.has(USER_FEATURES, day):
            yield _metadata(without_placebo(night.store.scan(USER_FEATURES, day)), "user", day, [])
        yield _happened(events, start, end)


def _items(night: Published, day: date) -> pl.Series:
    """Item events of a night: flat features, title and tags."""
    rows = without_placebo(night.store.scan(ITEM_FEATURES, day))
    texts = []
    for table, column in ((ITEMS, "title"), (ITEM_FACTS, "tags")):
        if night.store.has(table, day):
            rows = rows.join(night.store.scan(table, day).select("item_id", column), on="item_id", how="left")
            texts.append(column)
    return _metadata(rows, "item", day, texts)


def _metadata(rows: pl.LazyFrame, owner: str, day: date, texts: list[str]) -> pl.Series:
    """One event an item or user; a field that is missing is left out, as Metarank knows a missing value by
    its absence."""
    numbers = [
        pl.when(pl.col(name).is_finite()).then(
            encoded(name=pl.lit(name), value=pl.col(name).cast(pl.Float64))
        )
        for name in features_of(rows)
    ]
    words = [
        pl.when(pl.col(name).is_not_null()).then(encoded(name=pl.lit(name), value=pl.col(name)))
        for name in texts
    ]
    key = pl.col(f"{owner}_id")
    event = encoded(
        event=pl.lit(owner),
        id=pl.format("{}@{}", key, pl.lit(str(day))),
        timestamp=_millis(pl.lit(midnight(day))),
        **{owner: key},
    )
    return rows.sort(key).select(extended(event, "fields", joined([*words, *numbers]))).collect().to_series()


def _happened(events: pl.DataFrame, start: datetime | None, end: datetime | None) -> pl.Series:
    """Rankings and interactions of a span of time; a ranking comes before the interactions with it."""
    moment = pl.col("timestamp")
    part = events.filter((moment >= start) if start else True, (moment < end) if end else True)
    rows = part.with_columns(
        moment=pl.when(pl.col("request_id").is_not_null())
        .then(moment.min().over("user_id", "request_id"))
        .otherwise(moment),
        ranking=pl.format("{}|{}", "user_id", "request_id"),
    )
    both = pl.concat([_rankings(rows), _interactions(rows)])
    return both.sort("at", "order", maintain_order=True)["line"]


def _rankings(rows: pl.DataFrame) -> pl.DataFrame:
    shown = rows.filter(pl.col("request_id").is_not_null()).group_by(
        "user_id", "ranking", "moment", maintain_order=True
    )
    lists = shown.agg(pl.struct(id="item_id").alias("items"))
    line = encoded(
        event=pl.lit("ranking"),
        id=pl.col("ranking"),
        timestamp=_millis(pl.col("moment")),
        user=pl.col("user_id"),
        items=pl.col("items"),
    )
    return lists.select(at=pl.col("moment"), order=pl.lit(0, pl.Int8), line=line)


def _interactions(rows: pl.DataFrame) -> pl.DataFrame:
    """Every event but shown rows that were not chosen. Interactions come at their own time, or their
    ranking's where that is later."""
    done = rows.filter((pl.col("label") > 0.5) | pl.col("request_id").is_null()).with_row_index("number")
    base = encoded(
        event=pl.lit("interaction"), id=pl.format("{}|{}|{}", "user_id", "item_id", "number"), timestamp=_millis(pl.col("timestamp")),
        user=pl.col("user_id"), type=_type(), item=pl.col("item_id"),
    )  # fmt: skip
    parent = pl.struct(id="ranking").struct.json_encode().str.slice(6).str.head(-1)  # the id as JSON text
    line = pl.when(pl.col("ranking").is_not_null()).then(extended(base, "ranking", parent)).otherwise(base)
    return done.select(at=pl.col("timestamp"), order=pl.lit(1, pl.Int8), line=line)


def _type() -> pl.Expr:
    """The source's kind; dislikes keep apart, so that no weight counts them as wanted."""
    kind = pl.col("kind").fill_null(POSITIVE)
    return pl.when(pl.col("label") > 0.5).then(kind).otherwise(pl.lit(NEGATIVE))


def _millis(moment: pl.Expr) -> pl.Expr:
    """Milliseconds since 1970, as text."""
    return moment.dt.epoch("ms").cast(pl.String)


def _config(night: Published, events: pl.DataFrame) -> dict[str, Any]:
    features = [_number(owner, name) for owner, table in _FLAT for name in features_of(night.scan(table))]
    facts = night.newest(ITEM_FACTS)
    tags = (
        []
        if facts is None
        else facts.select(pl.col("tags").explode().unique().sort().drop_nulls()).collect()["tags"].to_list()
    )
    if tags:
        features.append(
            {
                "name": "tags",
                "type": "string",
                "scope": "item",
                "source": "item.tags",
                "encode": "onehot",
                "values": tags,
            }
        )
    kinds = events.filter(pl.col("label") > 0.5).select(_type().unique().sort()).to_series().to_list()
    model = {
        "type": "lambdamart", "backend": {"type": "lightgbm", "iterations": 100, "seed": 0},
        "weights": dict.fromkeys(kinds or [POSITIVE], 1), "features": [feature["name"] for feature in features],
    }  # fmt: skip
    return {"state": {"type": "memory"}, "features": features, "models": {"nightshift": model}}


_FLAT: tuple[tuple[str, Table], ...] = (("item", ITEM_FEATURES), ("user", USER_FEATURES))


def _number(owner: str, name: str) -> dict[str, Any]:
    """A number as it stands; `ttl` outlives a few missed nights."""
    return {
        "name": f"{owner}_{name}",
        "type": "number",
        "scope": owner,
        "source": f"{owner}.{name}",
        "ttl": "30d",
    }


_LOADING = """
```sh
docker run -v $PWD:/opt/nightshift -p 8080:8080 metarank/metarank:latest standalone \\
  --config /opt/nightshift/config.yml --data /opt/nightshift/events.jsonl
curl -s localhost:8080/rank/nightshift -d '{"id": "1", "user": "7", "timestamp": "1705795200000", "items": [{"id": "50"}, {"id": "181"}]}'
```

`events.jsonl` is in order of time: at each night's 00:00 UTC an `item` event with the title, tags and flat features of every item and
a `user` event for every user, between them the `ranking` and `interaction` events of the source. A missing value is an absent
field. `config.yml` declares a `number` feature a column and the tags one-hot, and keeps state in memory; set `state` and a `train` store
for production. Send the next night's item and user events to `/feedback`. Vectors are not here: their main directions are among
the flat columns.
"""

_NO_LISTS = """
The source has no request ids, so there are no `ranking` events, and Metarank cannot train on interactions alone: log the lists you show
through `/feedback`, or use `nightshift export --to lightgbm`.
"""

METARANK = Destination(
    "metarank",
    "Item, user, ranking and interaction events in order of time, and a configuration.",
    (ITEMS, INTERACTIONS, ITEM_FEATURES, USER_FEATURES),
    _write,
)
"""The destination `metarank`."""
