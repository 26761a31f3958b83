"""The Yelp Open Dataset: businesses and reviews as JSON lines, in the folder or in the tar archive."""

from collections.abc import Iterator

import polars as pl

from nightshift.sources.datasets.published.base import STARS, Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import Schema, datetimes, json_lines
from nightshift.sources.datasets.published.original import Member, Original

BUSINESS: Schema = dict.fromkeys(["business_id", "name", "categories", "city", "state"], pl.String)
REVIEW: Schema = {"user_id": pl.String, "business_id": pl.String, "stars": pl.Float64, "date": pl.String}


def _read(original: Original) -> Tables:
    businesses, reviews = original.find("*business.json"), original.find("*review.json")
    return Tables(
        _businesses(businesses),
        _reviews(reviews),
        mapped({"text": ["city", "state"], "attributes": "categories"}, STARS),
    )


def _businesses(member: Member) -> Iterator[pl.DataFrame]:
    for frame in json_lines(member, BUSINESS):
        categories = pl.col("categories").str.split(", ")  # null where a business has none
        yield frame.select(
            pl.col("business_id").alias("item_id"), pl.col("name").alias("title"), categories, "city", "state"
        )


def _reviews(member: Member) -> Iterator[pl.DataFrame]:
    for frame in json_lines(member, REVIEW):
        moment = datetimes(frame, "date", "%Y-%m-%d %H:%M:%S", member.place).alias("timestamp")
        yield frame.select(
            "user_id", pl.col("business_id").alias("item_id"), moment, pl.col("stars").alias("rating")
        )


FORMATS = (
    Format(
        "yelp",
        "Yelp Open Dataset",
        "https://business.yelp.com/data/resources/open-dataset/",
        "the tar archive, or the folder with yelp_academic_dataset_business.json and "
        "yelp_academic_dataset_review.json",
        "Yelp Dataset Terms of Use: academic, non-commercial use; no redistribution",
        _read,
        (
            "Left out: average stars, counts of reviews and whether a business is open now, which a "
            "night in the past must not know.",
            "Times are read as UTC; the data set does not say their zone.",
        ),
    ),
)
