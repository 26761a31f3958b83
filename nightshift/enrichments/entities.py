"""What a row of an enrichment speaks of: an item, a user, a group of items, an event, a pair, a query, a
review.

An entity is written once and shared by all enrichments of its kind: the key of their rows, the columns that a
prompt may ever see, the order in which rows are asked, and how a placebo deals their answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

import polars as pl

from nightshift.enrichments.groups import group_rows, membership
from nightshift.errors import ConfigError
from nightshift.prompts.item_text import ITEM_FIELDS
from nightshift.prompts.portraits import portraits
from nightshift.storage.ledger import SEPARATOR
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

Dealing = Literal["items", "users", "pairs", "queries", "none"]
"""Among what a placebo deals answers: items of like popularity, users of like activity, pairs of one list."""
RECENT, REPRESENTATIVE = 5, 0
"""Items of a history that a user's own enrichment sees, newest first."""
GROUP_ITEMS, MOST_GROUPS = 5, 64
"""Items that make a group, and most groups, where nothing else is said."""


class Reader(Protocol):
    """Tables of the same night, by name."""

    def read(self, name: str) -> pl.DataFrame:
        """Tonight's rows of a table."""

    def last(self, name: str) -> pl.DataFrame:
        """The rows of the newest night before; none where there was none."""

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        """The rows of the newest night at or before a day; None where there was none."""


@dataclass(frozen=True)
class Entity:
    """One kind of row."""

    name: str
    """Word of the YAML key `entity`."""
    key: Mapping[str, str]
    """Columns that name a row, each with its sentence. Never given to a prompt."""
    reads: tuple[str, ...]
    """Tables that its rows come from."""
    fields: tuple[str, ...]
    """The widest allow-list: what a prompt may see. No personal column is on it."""
    rows: Callable[[Reader], pl.DataFrame]
    """Every row there is: key and fields."""
    group: str
    """Dagster's group of its tables."""
    every: str
    """What has exactly one row, in words: `Every <every> has exactly one row.`"""
    traffic: str | None = None
    """Column of `interactions` whose events decide who is asked first; None: as many items as a row has."""
    dealt: Dealing = "none"
    """Among what a placebo deals the answers."""
    few: bool = False
    """Whether rows are so few that some bad answers are a large share: `reject_share` only warns."""
    types: Mapping[str, Any] = field(default_factory=dict)
    """Columns of the key that are no text, with their types."""
    unmapped: str = ""
    """Source that cannot be mapped yet, and without which there are no rows."""

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Names of the key's columns."""
        return tuple(self.key)

    def type_of(self, name: str) -> Any:
        """Type of a column of the key."""
        return self.types.get(name, pl.String)

    def with_row_id(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with `row_id`, the ledger's name of each; moments are microseconds since 1970."""
        parts = [pl.col(name).to_physical() if name in self.types else pl.col(name) for name in self.key]
        return rows.with_columns(row_id=pl.concat_str(parts, separator=SEPARATOR))

    def without_row_id(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of the ledger with the key's columns, first, in place of `row_id`."""
        if len(self.key) == 1:
            return rows.rename({"row_id": self.key_columns[0]})
        parts = pl.col("row_id").str.split(SEPARATOR)
        named = [self._part(parts, place, name) for place, name in enumerate(self.key_columns)]
        return rows.select(*named, pl.exclude("row_id"))

    def _part(self, parts: pl.Expr, place: int, name: str) -> pl.Expr:
        text = parts.list.get(place)
        typed = text.cast(pl.Int64).cast(self.types[name]) if name in self.types else text
        return typed.alias(name)


def _items(tables: Reader) -> pl.DataFrame:
    return tables.read(ITEMS.name)


def _users(tables: Reader) -> pl.DataFrame:
    untagged = pl.DataFrame(schema={"item_id": pl.String, "tags": pl.List(pl.String)})
    events, items = tables.read(INTERACTIONS.name), tables.read(ITEMS.name)
    return portraits(events, items, untagged, RECENT, REPRESENTATIVE, 0)


def _groups(tables: Reader) -> pl.DataFrame:
    items = tables.read(ITEMS.name)
    return group_rows(items, tables.read(INTERACTIONS.name), membership(items, GROUP_ITEMS, MOST_GROUPS))


def _pairs(tables: Reader) -> pl.DataFrame:
    """Each user's events once, with what a prompt may see of both sides."""
    pairs = tables.read(INTERACTIONS.name).select("user_id", "item_id").unique(maintain_order=True)
    items = tables.read(ITEMS.name).select("item_id", *ITEM_FIELDS)
    users = _users(tables).select("user_id", "liked", "disliked")
    rows = pairs.join(items, on="item_id", maintain_order="left")
    return rows.join(users, on="user_id", maintain_order="left")


def _events(tables: Reader) -> pl.DataFrame:
    items = tables.read(ITEMS.name).select("item_id", *ITEM_FIELDS)
    shown = tables.read(INTERACTIONS.name).select("user_id", "item_id", "timestamp", "label", "kind")
    once = shown.unique(["user_id", "item_id", "timestamp"], keep="first", maintain_order=True)
    return once.join(items, on="item_id", maintain_order="left")


def _needs(source: str) -> Callable[[Reader], pl.DataFrame]:
    def refuse(tables: Reader) -> pl.DataFrame:
        raise ConfigError(NOT_MAPPED.format(source=source))

    return refuse


NOT_MAPPED = (
    "its rows come from `sources.{source}`, which nightshift.yaml cannot map yet; leave the enrichment out, "
    "or let it speak of an item, a user, a group, an event or a pair"
)
ITEM = Entity(
    "item",
    {"item_id": "the item"},
    (ITEMS.name,),
    ITEM_FIELDS,
    _items,
    group="items",
    every="item",
    traffic="item_id",
    dealt="items",
)
USER = Entity(
    "user",
    {"user_id": "the user"},
    (INTERACTIONS.name, ITEMS.name),
    ("liked", "disliked"),
    _users,
    group="users",
    every="user with an event before the night",
    traffic="user_id",
    dealt="users",
)
GROUP = Entity(
    "group",
    {"group": "the attribute that makes the group, as in `items.attributes`"},
    (ITEMS.name, INTERACTIONS.name),
    ("group", "titles"),
    _groups,
    group="items",
    every="group",
    few=True,
)
PAIR = Entity(
    "pair",
    {"user_id": "the user", "item_id": "the item"},
    (INTERACTIONS.name, ITEMS.name),
    (*ITEM_FIELDS, "liked", "disliked"),
    _pairs,
    group="users",
    every="pair of a user and an item of the history",
    traffic="user_id",
    dealt="pairs",
)
EVENT = Entity(
    "event",
    {"user_id": "the user", "item_id": "the item", "timestamp": "when it happened, UTC"},
    (INTERACTIONS.name, ITEMS.name),
    (*ITEM_FIELDS, "kind"),
    _events,
    group="users",
    every="event before the night",
    traffic="user_id",
    dealt="pairs",
    types={"timestamp": MOMENT},
)
QUERY = Entity(
    "query",
    {"query": "what was searched for, cleaned"},
    ("queries",),
    ("query",),
    _needs("queries"),
    group="items",
    every="query",
    dealt="queries",
    unmapped="queries",
)
REVIEW = Entity(
    "review",
    {"review_id": "the review"},
    ("reviews",),
    ("text",),
    _needs("reviews"),
    group="items",
    every="review",
    dealt="items",
    unmapped="reviews",
)
ENTITIES: dict[str, Entity] = {one.name: one for one in (ITEM, USER, GROUP, EVENT, PAIR, QUERY, REVIEW)}
"""Entities by name."""
