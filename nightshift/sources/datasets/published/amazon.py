"""Amazon reviews of 2014, 2018 and 2023: one file of reviews and one of products for a category.

McAuley et al., Image-based Recommendations on Styles and Substitutes, SIGIR 2015; Ni et al., Justifying
Recommendations using Distantly-Labeled Reviews, EMNLP 2019; Hou et al., Bridging Language and Items for
Retrieval and Recommendation, 2024.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from nightshift.sources.datasets.published.base import STARS, Format, Tables, mapped, moment
from nightshift.sources.datasets.published.blocks import Schema, json_lines, literal_lines
from nightshift.sources.datasets.published.original import Member, Original

STRINGS = pl.List(pl.String)
LICENCE = "research use; cite the paper; the texts belong to their authors and to Amazon"
NOTES = (
    "Left out: average ratings, sales ranks and also-bought lists, which sum up years that a night in "
    "the past must not know,",
    "and the texts and names of reviewers. Prices are the crawl's.",
)


@dataclass(frozen=True)
class Layout:
    """What one year's files are called and hold."""

    ending: str
    """How file names end; products begin with `meta_`, the other file has the reviews."""
    read_products: Callable[[Member, Schema], Iterator[pl.DataFrame]]
    """How lines of the product file are read."""
    product: Schema
    """Columns of the product file that are read."""
    item: dict[str, str]
    """Their names in items.parquet, in order."""
    review: Schema
    """Columns of the review file that are read."""
    event: dict[str, str]
    """Their names in interactions.parquet, besides the moment."""
    time: tuple[str, str]
    """Column and unit of the moment."""


def _read(layout: Layout, text: list[str], original: Original) -> Tables:
    reviews, products = (
        original.find(f"*{layout.ending}*", but="meta_*"),
        original.find(f"meta_*{layout.ending}*"),
    )
    mapping = mapped({"text": text, "attributes": "categories", "duplicate_item": "keep_first"}, STARS)
    return Tables(_items(layout, products), _events(layout, reviews), mapping)


def _items(layout: Layout, member: Member) -> Iterator[pl.DataFrame]:
    for frame in layout.read_products(member, layout.product):
        yield frame.select(pl.col(column).alias(name) for column, name in layout.item.items())


def _events(layout: Layout, member: Member) -> Iterator[pl.DataFrame]:
    for frame in json_lines(member, layout.review):
        yield frame.select(
            *(pl.col(column).alias(name) for column, name in layout.event.items()), moment(*layout.time)
        )


REVIEW = {"reviewerID": pl.String, "asin": pl.String, "overall": pl.Float64, "unixReviewTime": pl.Int64}
EVENT = {"reviewerID": "user_id", "asin": "item_id", "overall": "rating"}
Y2014 = Layout(
    ending=".json",
    read_products=literal_lines,
    product={
        "asin": pl.String,
        "title": pl.String,
        "description": pl.String,
        "brand": pl.String,
        "price": pl.Float64,
        "categories": STRINGS,
    },
    item={
        "asin": "item_id",
        "title": "title",
        "description": "description",
        "brand": "brand",
        "price": "price",
        "categories": "categories",
    },
    review=REVIEW,
    event=EVENT,
    time=("unixReviewTime", "s"),
)
Y2018 = Layout(
    ending=".json",
    read_products=json_lines,
    product={
        "asin": pl.String,
        "title": pl.String,
        "description": STRINGS,
        "feature": STRINGS,
        "brand": pl.String,
        "price": pl.String,
    }
    | {"category": STRINGS},
    item={
        "asin": "item_id",
        "title": "title",
        "feature": "features",
        "description": "description",
        "brand": "brand",
        "price": "price",
    }
    | {"category": "categories"},
    review=REVIEW | {"verified": pl.Boolean},
    event=EVENT | {"verified": "verified"},
    time=("unixReviewTime", "s"),
)
Y2023 = Layout(
    ending=".jsonl",
    read_products=json_lines,
    product={
        "parent_asin": pl.String,
        "title": pl.String,
        "features": STRINGS,
        "description": STRINGS,
        "store": pl.String,
    }
    | {"price": pl.String, "categories": STRINGS, "main_category": pl.String},
    item={
        "parent_asin": "item_id",
        "title": "title",
        "features": "features",
        "description": "description",
        "store": "store",
    }
    | {"price": "price", "categories": "categories", "main_category": "main_category"},
    review={
        "user_id": pl.String,
        "parent_asin": pl.String,
        "asin": pl.String,
        "rating": pl.Float64,
        "timestamp": pl.Int64,
    }
    | {"verified_purchase": pl.Boolean},
    event={
        "user_id": "user_id",
        "parent_asin": "item_id",
        "asin": "asin",
        "rating": "rating",
        "verified_purchase": "verified",
    },
    time=("timestamp", "ms"),
)


def _format(year: int, layout: Layout, text: list[str], home: str, files: str) -> Format:
    return Format(
        f"amazon-{year}",
        f"Amazon Reviews {year}, one category",
        home,
        files,
        LICENCE,
        lambda original: _read(layout, text, original),
        NOTES,
    )


FORMATS = (
    _format(
        2014,
        Y2014,
        ["description"],
        "https://jmcauley.ucsd.edu/data/amazon/links.html",
        "the folder with reviews_X_5.json.gz (or reviews_X.json.gz) and meta_X.json.gz of one category",
    ),
    _format(
        2018,
        Y2018,
        ["features", "description"],
        "https://nijianmo.github.io/amazon/index.html",
        "the folder with X_5.json.gz (or X.json.gz) and meta_X.json.gz of one category",
    ),
    _format(
        2023,
        Y2023,
        ["features", "description"],
        "https://amazon-reviews-2023.github.io",
        "the folder with X.jsonl.gz and meta_X.jsonl.gz of one category",
    ),
)
