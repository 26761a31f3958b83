"""MovieLens 20M, 25M, 32M and the two `latest`: `movies.csv` and `ratings.csv` with a header, `tags.csv`
beside them.

Harper and Konstan, The MovieLens Datasets: History and Context, ACM TiiS 2015.
"""

from collections.abc import Iterator

import polars as pl

from nightshift.sources.datasets.movielens import movies_frame, repaired
from nightshift.sources.datasets.published.base import STARS, Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import tables
from nightshift.sources.datasets.published.movielens_dat import HOME, LICENCE, NOTES, genres_of, ratings
from nightshift.sources.datasets.published.original import Member, Original

TAGS_KEPT = 10
"""Tags of a movie that are kept, the most frequent first."""


def _read(original: Original) -> Tables:
    movies, tags = original.find("movies.csv"), original.some("tags.csv")
    return Tables(
        _movies(movies, tags),
        ratings(original.find("ratings.csv"), ",", header=True),
        mapped({"attributes": "genres"}, STARS),
    )


def _movies(member: Member, tags: list[Member]) -> Iterator[pl.DataFrame]:
    """movies.csv: movieId,title,genres; titles with a comma are quoted."""
    given = _tags(tags)
    for frame in tables(member, ["item_id", "title", "genres"], ",", header=True, quoted=True):
        rows = [(item_id, title, genres_of(genres)) for item_id, title, genres in frame.iter_rows()]
        yield repaired(movies_frame(rows)).join(given, on="item_id", how="left", maintain_order="left")


def _tags(members: list[Member]) -> pl.DataFrame:
    """tags.csv: userId,movieId,tag,timestamp. A movie's most frequent tags in lower case, ties by the
    alphabet."""
    counts = [pl.DataFrame(schema={"item_id": pl.String, "tag": pl.String, "len": pl.UInt32})]
    for member in members:
        for frame in tables(member, ["user_id", "item_id", "tag", "seconds"], ",", header=True, quoted=True):
            counts.append(frame.group_by("item_id", pl.col("tag").str.to_lowercase().str.strip_chars()).len())
    total = (
        pl.concat(counts)
        .group_by("item_id", "tag")
        .agg(pl.col("len").sum())
        .sort("item_id", "len", "tag", descending=[False, True, False])
    )
    return total.group_by("item_id", maintain_order=True).agg(pl.col("tag").head(TAGS_KEPT).alias("tags"))


FORMATS = (
    Format(
        "movielens-csv",
        "MovieLens 20M, 25M, 32M, latest, latest-small",
        HOME,
        "ml-32m.zip (or 25m, 20m, latest), or the folder with movies.csv, ratings.csv and, if wanted, "
        "tags.csv",
        LICENCE,
        _read,
        (
            *NOTES,
            "Column `tags` holds the ten most frequent tags that users gave. They are not mapped: "
            "they were given over all the years, so a",
            "night in the past would read words from its future. To use them all the same: text: [tags]",
        ),
    ),
)
