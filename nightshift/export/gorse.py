"""Gorse: users, items and feedback as the JSON lines that its dashboard imports, and the configuration
that reads them.

Format: https://gorse.io/docs/concepts/data-source.html (users, items, feedback); embedding labels:
https://gorse.io/docs/concepts/recommenders/item-to-item.html. Ids and categories must not contain a slash
there.
"""

import polars as pl

from nightshift.errors import InputError
from nightshift.export.base import Destination, Published, midnight, vectors
from nightshift.export.folder import Folder
from nightshift.export.jsonl import encoded
from nightshift.features.content_spec import SOURCE
from nightshift.tables import (
    INTERACTIONS,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEMS,
    MOMENT,
    USER_EMBEDDINGS,
    USER_PREFERENCES,
    Table,
)

POSITIVE, READ = "positive", "read"
NO_STRINGS = pl.lit([], pl.List(pl.String))


def _write(night: Published, folder: Folder) -> str:
    events = night.scan(INTERACTIONS).collect()
    folder.lines("users.jsonl", [_users(night, events)])
    folder.lines("items.jsonl", [_items(night)])
    folder.lines("feedback.jsonl", [_feedback(events)])
    folder.text("config.toml", _CONFIG)
    return _LOADING


def _users(night: Published, events: pl.DataFrame) -> pl.Series:
    """UserId, Labels, Comment of everybody with an event."""
    users = events.select(pl.col("user_id").unique().sort())
    preferences = night.newest(USER_PREFERENCES)
    if preferences is not None:
        users = users.join(
            preferences.select("user_id", "likes", "dislikes", "summary").collect(),
            "user_id",
            "left",
            maintain_order="left",
        )
    else:
        users = users.with_columns(
            NO_STRINGS.alias("likes"), NO_STRINGS.alias("dislikes"), pl.lit("").alias("summary")
        )
    users, names = _with_vectors(night, USER_EMBEDDINGS, users, "user_id")
    labels = pl.struct(
        pl.col("likes").fill_null(NO_STRINGS), pl.col("dislikes").fill_null(NO_STRINGS), *names
    )
    _refuse_slashes(users["user_id"], "user")
    return users.select(
        encoded(UserId=pl.col("user_id"), Labels=labels, Comment=pl.col("summary").fill_null(""))
    ).to_series()


def _items(night: Published) -> pl.Series:
    """ItemId, IsHidden, Categories, Timestamp, Labels, Comment of the catalogue."""
    items = night.scan(ITEMS).select("item_id", "title", "attributes", "created_at").sort("item_id").collect()
    facts = night.newest(ITEM_FACTS)
    if facts is not None:
        items = items.join(
            facts.select("item_id", "tags").collect(), "item_id", "left", maintain_order="left"
        )
    else:
        items = items.with_columns(NO_STRINGS.alias("tags"))
    items, names = _with_vectors(night, ITEM_EMBEDDINGS, items, "item_id")
    _refuse_slashes(items["item_id"], "item")
    attributes = pl.col("attributes").fill_null(NO_STRINGS)
    line = encoded(
        ItemId=pl.col("item_id"),
        IsHidden=pl.lit(False),
        Categories=attributes.list.eval(pl.element().str.replace_all("/", "|", literal=True)),
        Timestamp=_moment(pl.col("created_at").fill_null(pl.lit(midnight(night.as_of), MOMENT))),
        Labels=pl.struct(pl.col("tags").fill_null(NO_STRINGS), attributes.alias("attributes"), *names),
        Comment=pl.col("title"),
    )
    return items.select(line).to_series()


def _with_vectors(
    night: Published, table: Table, rows: pl.DataFrame, key: str
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with a column a view of a text encoder (which Gorse compares by distance), empty lists where
    a row has no vector, and the names of these columns."""
    found, wanted = night.newest(table), (*night.spec.views_of("text"), SOURCE)
    kept = (
        []
        if found is None
        else [(view, part) for view, part in vectors(found, key).items() if view in wanted]
    )
    for view, part in kept:
        own = part.select(key, pl.col("vector").arr.to_list().alias(view))
        rows = rows.join(own, key, "left", maintain_order="left").with_columns(
            pl.col(view).fill_null(pl.lit([], pl.List(pl.Float32)))
        )
    return rows, [view for view, _ in kept]


def _feedback(events: pl.DataFrame) -> pl.Series:
    """FeedbackType, UserId, ItemId, Value, Timestamp: one row a type, user and item, of the newest event;
    Value counts them."""
    kind = pl.when(pl.col("label") > 0.5).then(pl.lit(POSITIVE)).otherwise(pl.lit(READ)).alias("kind")
    keys = ["user_id", "item_id", "kind"]
    counted = (
        events.with_columns(kind)
        .group_by(keys)
        .agg(pl.len().alias("value"), pl.col("timestamp").max())
        .sort("timestamp", *keys)
    )
    line = encoded(
        FeedbackType=pl.col("kind"), UserId=pl.col("user_id"), ItemId=pl.col("item_id"),
        Value=pl.col("value").cast(pl.Float64), Timestamp=_moment(pl.col("timestamp")),
    )  # fmt: skip
    return counted.select(line).to_series()


def _moment(column: pl.Expr) -> pl.Expr:
    """RFC 3339 in UTC."""
    return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")


def _refuse_slashes(ids: pl.Series, what: str) -> None:
    wrong = ids.filter(ids.str.contains("/", literal=True))
    if wrong.len():
        raise InputError(
            f"Gorse takes no {what} id with a slash, and {wrong.len():,} have one, such as "
            f"{wrong[0]!r}; map another id column"
        )


_CONFIG = f"""\
# Sections for Gorse's own configuration file.
[recommend.data_source]
positive_feedback_types = ["{POSITIVE}"]
read_feedback_types = ["{READ}"]

[[recommend.item-to-item]]
name = "written"                     # nearest in what the language model wrote
type = "embedding"
column = "item.Labels.facts"

[[recommend.item-to-item]]
name = "tags"                        # tags that the language model chose
type = "tags"
column = "item.Labels.tags"
"""

_LOADING = """
Merge `config.toml` into Gorse's configuration, start it, and import the three files in this order on the dashboard (Users, Items, Feedback:
*Import*), or through the API:

```sh
send() { split -l 500 --filter "jq -s . | curl -sX $1 localhost:8088/api/$2 -H 'content-type: application/json' -d @-" "$2.jsonl"; }
send POST users; send POST items; send PUT feedback
```

`Labels` hold tags, attributes and the vectors of the views `facts` and `raw`; a row without a vector has an empty list. Label 1 is feedback
`positive`, label 0 is `read`; `Value` counts the events of the same user, item and type, `Timestamp` is the newest. A slash in an attribute
became `|` in `Categories`, because Gorse allows none there.
"""

GORSE = Destination(
    "gorse",
    "Users, items and feedback as JSON lines, and the sections of its configuration.",
    (ITEMS, INTERACTIONS),
    _write,
)
"""The destination `gorse`."""
