"""Steam, as UCSD publishes it: games, reviews and libraries as Python dictionaries, one a line.

Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018; Pathak et al., Generating and
Personalizing Bundle Recommendations on Steam, SIGIR 2017.
"""

from collections.abc import Iterator

import polars as pl

from nightshift.sources.datasets.published.base import Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import Schema, datetimes, literal_lines
from nightshift.sources.datasets.published.original import Member, Original

STRINGS = pl.List(pl.String)
GAME: Schema = dict.fromkeys(["id", "app_name", "title", "developer", "publisher", "release_date"], pl.String)
GAME |= {"genres": STRINGS, "specs": STRINGS, "tags": STRINGS}
REVIEW: Schema = {"username": pl.String, "product_id": pl.String, "date": pl.String, "hours": pl.Float64}
LIBRARY: Schema = {"user_id": pl.String, "items": pl.String}
OWNED = pl.List(pl.Struct({"item_id": pl.String, "playtime_forever": pl.Int64}))
ITEMS = {"text": "specs", "attributes": "genres", "duplicate_item": "keep_first"}

HOME = "https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data"
LICENCE = "research use; cite the papers"
NOTES = (
    "Column `tags` is what players called a game over all years; it is not mapped, for a night in the "
    "past must not know it.",
)


def _games(member: Member) -> Iterator[pl.DataFrame]:
    """Lines without an id, of which there are two, have no reviews either and are left out."""
    for frame in literal_lines(member, GAME):
        games = frame.filter(pl.col("id").is_not_null()).with_columns(
            pl.coalesce("app_name", "title").alias("title")
        )
        yield games.rename({"id": "item_id"}).drop("app_name")


def _reviewed(original: Original) -> Tables:
    games, reviews = (
        original.find("steam_games.json*"),
        original.find("steam_reviews.json*", "steam_new.json*"),
    )
    return Tables(_games(games), _reviews(reviews), mapped(ITEMS, {}))


def _reviews(member: Member) -> Iterator[pl.DataFrame]:
    for frame in literal_lines(member, REVIEW):
        moment = datetimes(frame, "date", "%Y-%m-%d", member.place).alias("timestamp")
        yield frame.select(
            pl.col("username").alias("user_id"), pl.col("product_id").alias("item_id"), moment, "hours"
        )


def _owned(original: Original) -> Tables:
    games, libraries = original.find("steam_games.json*"), original.find("australian_users_items.json*")
    return Tables(
        _games(games),
        _libraries(libraries),
        mapped(ITEMS, {"timestamp": "position", "timestamp_unit": "order"}),
    )


def _libraries(member: Member) -> Iterator[pl.DataFrame]:
    for frame in literal_lines(member, LIBRARY):
        games = frame.select("user_id", pl.col("items").str.json_decode(OWNED)).filter(
            pl.col("items").list.len() > 0
        )
        placed = games.with_columns(
            pl.int_ranges(1, pl.col("items").list.len() + 1).alias("position")
        ).explode("items", "position")
        yield placed.unnest("items").select(
            "user_id", "item_id", "position", pl.col("playtime_forever").alias("minutes_played")
        )


FORMATS = (
    Format(
        "steam",
        "Steam games and reviews",
        HOME,
        "the folder with steam_games.json.gz and steam_reviews.json.gz",
        LICENCE,
        _reviewed,
        (
            *NOTES,
            "Users are display names, as in the literature; two players may share one. Days only, no "
            "time of day.",
        ),
    ),
    Format(
        "steam-libraries",
        "Steam games and Australian players' libraries",
        HOME,
        "the folder with steam_games.json.gz and australian_users_items.json.gz",
        LICENCE,
        _owned,
        (
            *NOTES,
            "There are no times: `position` is a game's place in the library, an order that the "
            "authors do not explain.",
        ),
    ),
)
