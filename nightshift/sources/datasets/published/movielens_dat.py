"""MovieLens 100K (`u.item`, `u.data`), 1M and 10M (`movies.dat`, `ratings.dat`), as GroupLens publishes them.

Harper and Konstan, The MovieLens Datasets: History and Context, ACM TiiS 2015.
"""

from collections.abc import Iterator
from functools import partial

import polars as pl

from nightshift.sources.datasets.movielens import GENRES, movies_frame, repaired
from nightshift.sources.datasets.published.base import STARS, Format, Tables, mapped, moment
from nightshift.sources.datasets.published.blocks import number, split_rows, tables
from nightshift.sources.datasets.published.original import Member, Original

HOME = "https://grouplens.org/datasets/movielens/"
LICENCE = "research use; no redistribution, commercial use only with permission (the archive's README)"
NOTES = ('Titles are read as people say them: "Postino, Il (1994)" became "Il Postino (1994)".',)
RATINGS = ["user_id", "item_id", "rating", "seconds"]
MAPPING = mapped({"attributes": "genres"}, STARS)


def _u(original: Original) -> Tables:
    return Tables(_u_item(original.find("u.item")), ratings(original.find("u.data"), "\t"), MAPPING)


def _u_item(member: Member) -> Iterator[pl.DataFrame]:
    """u.item: id|title (year)|release|video release|url|19 genre flags, Latin-1."""
    rows = split_rows(member, "|", 5 + len(GENRES), "latin-1")
    flagged = [
        (row[0], row[1], [genre for genre, flag in zip(GENRES, row[5:], strict=True) if flag == "1"])
        for row in rows
    ]
    yield repaired(movies_frame(flagged))


def _dat(encoding: str, original: Original) -> Tables:
    return Tables(
        _movies_dat(original.find("movies.dat"), encoding),
        ratings(original.find("ratings.dat"), "::"),
        MAPPING,
    )


def _movies_dat(member: Member, encoding: str) -> Iterator[pl.DataFrame]:
    """movies.dat: id::title (year)::Genre|Genre."""
    rows = split_rows(member, "::", 3, encoding)
    yield repaired(movies_frame([(item_id, title, genres_of(genres)) for item_id, title, genres in rows]))


def genres_of(text: str) -> list[str]:
    """`Comedy|Drama` as a list; a movie may have none."""
    return [] if text == "(no genres listed)" else text.split("|")


def ratings(member: Member, separator: str, *, header: bool = False) -> Iterator[pl.DataFrame]:
    """User, movie, stars, seconds since 1970."""
    for frame in tables(member, RATINGS, separator, header=header):
        columns = {
            "rating": number(frame, "rating", member.place, pl.Float32),
            "seconds": number(frame, "seconds", member.place, pl.Int64),
        }
        yield frame.with_columns(**columns).select("user_id", "item_id", moment("seconds", "s"), "rating")


FORMATS = (
    Format(
        "movielens-100k",
        "MovieLens 100K",
        HOME,
        "ml-100k.zip, or the folder with u.item and u.data",
        LICENCE,
        _u,
        NOTES,
    ),
    Format(
        "movielens-1m",
        "MovieLens 1M",
        HOME,
        "ml-1m.zip, or the folder with movies.dat and ratings.dat",
        LICENCE,
        partial(_dat, "latin-1"),
        NOTES,
    ),
    Format(
        "movielens-10m",
        "MovieLens 10M",
        HOME,
        "ml-10m.zip, or the folder with movies.dat and ratings.dat",
        LICENCE,
        partial(_dat, "utf-8"),
        NOTES,
    ),
)
