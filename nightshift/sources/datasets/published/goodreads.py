"""Goodreads, the UCSD book graph: books and interactions as JSON lines, whole or of one genre; authors and
genres beside them.

Wan and McAuley, Item Recommendation on Monotonic Behavior Chains, RecSys 2018.
"""

import json
from collections.abc import Iterator

import polars as pl

from nightshift.sources.datasets.published.base import STARS, Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import Schema, datetimes, json_lines
from nightshift.sources.datasets.published.original import Member, Original

TIME = "%a %b %d %H:%M:%S %z %Y"
"""Tue May 12 08:00:00 -0700 2015"""
AUTHORS = pl.List(pl.Struct({"author_id": pl.String, "role": pl.String}))
KEPT = [
    "book_id",
    "title",
    "description",
    "publisher",
    "publication_year",
    "language_code",
    "format",
    "num_pages",
]
BOOK: Schema = dict.fromkeys(KEPT, pl.String) | {"authors": pl.String}
EVENT: Schema = {"user_id": pl.String, "book_id": pl.String, "rating": pl.Int64, "is_read": pl.Boolean}
EVENT |= {"date_added": pl.String, "date_updated": pl.String}


def _read(original: Original) -> Tables:
    books, events = (
        original.find("goodreads_books*.json*"),
        original.find("goodreads_interactions_*.json*", "goodreads_reviews_*.json*"),
    )
    genres, names = (
        original.some("goodreads_book_genres*.json*"),
        original.some("goodreads_book_authors*.json*"),
    )
    mapping = mapped({"text": "description", "attributes": "genres" if genres else "authors"}, STARS)
    return Tables(_books(books, _genres(genres), _names(names)), _events(events), mapping)


def _books(member: Member, genres: pl.DataFrame, names: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for frame in json_lines(member, BOOK):
        decoded = frame.with_columns(
            pl.col("authors").str.json_decode(AUTHORS).list.eval(pl.element().struct.field("author_id"))
        )
        with_genres = decoded.join(genres, on="book_id", how="left", maintain_order="left")
        yield with_genres.join(
            _written_by(decoded, names), on="book_id", how="left", maintain_order="left"
        ).select(pl.col("book_id").alias("item_id"), *KEPT[1:], "genres", pl.col("names").alias("authors"))


def _written_by(books: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Names of a book's authors, in their order; ids where the file of authors is not there."""
    pairs = (
        books.select("book_id", "authors")
        .unique("book_id", keep="first", maintain_order=True)
        .explode("authors")
    )
    named = pairs.join(names, left_on="authors", right_on="author_id", how="left", maintain_order="left")
    return named.group_by("book_id", maintain_order=True).agg(
        pl.coalesce("name", "authors").drop_nulls().alias("names")
    )


def _genres(members: list[Member]) -> pl.DataFrame:
    """Genres of each book, most frequent first; without their counts. Held in memory: some 300 MB for all
    2.4 million books."""
    frames = [pl.DataFrame(schema={"book_id": pl.String, "genres": pl.List(pl.String)})]
    for member in members:
        for frame in json_lines(member, {"book_id": pl.String, "genres": pl.String}):
            frames.append(frame.with_columns(pl.col("genres").map_elements(_by_count, pl.List(pl.String))))
    return pl.concat(frames).unique("book_id", keep="first")


def _by_count(text: str) -> list[str]:
    """`{"history, biography": 12, "fiction": 30}` -> fiction, history, biography."""
    counts: dict[str, int] = json.loads(text)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    return [genre.strip() for name in names for genre in name.split(",")]


def _names(members: list[Member]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={"author_id": pl.String, "name": pl.String})]
    frames += [
        frame
        for member in members
        for frame in json_lines(member, {"author_id": pl.String, "name": pl.String})
    ]
    return pl.concat(frames).unique("author_id", keep="first")


def _events(member: Member) -> Iterator[pl.DataFrame]:
    """Rated books only: 0 means that no rating was given."""
    for frame in json_lines(member, EVENT):
        rated = frame.filter(pl.col("rating") > 0)
        moment = datetimes(rated, "date_updated", TIME, member.place).alias("timestamp")
        added = datetimes(rated, "date_added", TIME, member.place).alias("added_at")
        yield rated.select(
            "user_id",
            pl.col("book_id").alias("item_id"),
            moment,
            pl.col("rating").cast(pl.Float32),
            "is_read",
            added,
        )


FORMATS = (
    Format(
        "goodreads",
        "Goodreads (UCSD book graph), whole or one genre",
        "https://mengtingwan.github.io/data/goodreads.html",
        "the folder with goodreads_books_X.json.gz and goodreads_interactions_X.json.gz; "
        "goodreads_book_genres_initial.json.gz "
        "and goodreads_book_authors.json.gz are read where they are there",
        "academic use; no redistribution, no commercial use; cite the papers",
        _read,
        (
            "The moment of a rating is `date_updated`, the first at which it was certainly given; "
            "`added_at` may be years earlier.",
            "Left out: books shelved without a rating; average ratings, counts, similar books and "
            "shelves, which know a night's future.",
            "Genres come from shelves of all years and were published with the books.",
        ),
    ),
)
