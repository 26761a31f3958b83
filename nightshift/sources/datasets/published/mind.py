"""MIND, the Microsoft News Dataset: `news.tsv` and `behaviors.tsv` of one or several parts (train, dev).

Wu et al., MIND: A Large-scale Dataset for News Recommendation, ACL 2020.
"""

from collections.abc import Iterator

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.datasets.published.base import Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import datetimes, tables
from nightshift.sources.datasets.published.original import Member, Original
from nightshift.sources.wording import shown

NEWS = [
    "item_id",
    "category",
    "subcategory",
    "title",
    "abstract",
    "url",
    "title_entities",
    "abstract_entities",
]
BEHAVIORS = ["impression_id", "user_id", "time", "history", "impressions"]
ROWS = 20_000
"""Impression logs that are unfolded at a time, into some 40 rows each."""


def _read(original: Original) -> Tables:
    logs = original.all("behaviors.tsv")
    mapping = mapped(
        {"text": "abstract", "attributes": "categories"},
        {"feedback": "impressions", "label": "clicked", "group": "request_id"},
    )
    return Tables(
        _news(original.all("news.tsv")), (frame for log in logs for frame in _impressions(log)), mapping
    )


def _news(members: list[Member]) -> Iterator[pl.DataFrame]:
    """Every article once: the parts share most of them."""
    seen = pl.Series("item_id", [], dtype=pl.String)
    for member in members:
        for frame in tables(member, NEWS, "\t", header=False):
            new = frame.unique("item_id", keep="first", maintain_order=True).filter(
                ~pl.col("item_id").is_in(seen.implode())
            )
            seen = pl.concat([seen, new["item_id"]])
            yield new.select(
                "item_id",
                "title",
                "abstract",
                pl.concat_list("category", "subcategory").alias("categories"),
                "url",
            )


def _impressions(member: Member) -> Iterator[pl.DataFrame]:
    """`N1-1 N2-0` unfolded: one row an article that was shown. Ids of impressions begin anew in each part,
    so its name goes before them."""
    for frame in tables(member, BEHAVIORS, "\t", header=False):
        logs = frame.with_columns(
            pl.format("{}-{}", pl.lit(member.folder), "impression_id").alias("request_id"),
            datetimes(frame, "time", "%m/%d/%Y %I:%M:%S %p", member.place).alias("timestamp"),
        )
        yield from (_unfolded(part, member.place) for part in logs.iter_slices(ROWS))


def _unfolded(logs: pl.DataFrame, place: str) -> pl.DataFrame:
    shown_items = logs.select(
        "user_id", "timestamp", "request_id", pl.col("impressions").str.split(" ").alias("shown")
    ).explode("shown")
    parts = shown_items.with_columns(
        pl.col("shown").str.extract(r"^(.+)-[01]$").alias("item_id"),
        pl.col("shown").str.extract(r"-([01])$").cast(pl.Int8).alias("clicked"),
    )
    bad = parts.filter(pl.col("clicked").is_null())
    if not bad.is_empty():
        request, item = bad.row(0, named=True)["request_id"], bad["shown"][0]
        raise SourceError(
            f"{place}, impression {request}: {shown(item)} says no click; the test part has none: "
            f"leave its folder out"
        )
    return parts.select("user_id", "item_id", "timestamp", "clicked", "request_id")


FORMATS = (
    Format(
        "mind",
        "MIND (Microsoft News), small or large",
        "https://msnews.github.io",
        "MINDsmall_train.zip, or a folder with news.tsv and behaviors.tsv, or with several of either "
        "(train and dev; not test)",
        "Microsoft Research License Terms: research use",
        _read,
        (
            "Left out: the column `history`. Its clicks have no times, so nobody can say what a night "
            "in the past knew of them.",
            "Times are read as UTC; the data set does not say its zone.",
        ),
    ),
)
