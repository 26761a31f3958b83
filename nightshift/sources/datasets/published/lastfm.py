"""Last.fm: the HetRec 2011 data set (artists, tags with times) and the 1K users' listening histories.

Cantador, Brusilovsky and Kuflik, HetRec workshop, RecSys 2011; Celma, Music Recommendation and Discovery,
2010.
"""

from collections.abc import Iterator

import polars as pl

from nightshift.sources.datasets.published.base import Format, Tables, mapped, moment
from nightshift.sources.datasets.published.blocks import datetimes, number, tables
from nightshift.sources.datasets.published.original import Member, Original

PLAYS = ["user_id", "timestamp", "artist_id", "artist", "track_id", "track"]
ARTIST = pl.when(pl.col("artist_id") == "").then(pl.col("artist")).otherwise("artist_id").alias("item_id")
"""The MusicBrainz id; the name of artists that have none."""


def _hetrec(original: Original) -> Tables:
    artists, tagged = original.find("artists.dat"), original.find("user_taggedartists-timestamps.dat")
    return Tables(
        _artists(artists),
        _taggings(tagged, _weights(original.find("user_artists.dat"))),
        mapped({}, {"kind": "kind"}),
    )


def _artists(member: Member) -> Iterator[pl.DataFrame]:
    for frame in tables(member, ["item_id", "title", "url", "picture"], "\t", header=True):
        yield frame.select("item_id", "title", "url")


def _weights(member: Member) -> pl.DataFrame:
    """How often each user played each of their 50 artists; the data set says no times for it."""
    frames = tables(member, ["user_id", "item_id", "plays"], "\t", header=True)
    return pl.concat([frame.with_columns(number(frame, "plays", member.place, pl.Int64)) for frame in frames])


def _taggings(member: Member, weights: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for frame in tables(member, ["user_id", "item_id", "tag_id", "ms"], "\t", header=True):
        timed = frame.with_columns(number(frame, "ms", member.place, pl.Int64))
        events = timed.select("user_id", "item_id", moment("ms", "ms"), pl.lit("tagged").alias("kind"))
        yield events.unique(maintain_order=True).join(
            weights, on=["user_id", "item_id"], how="left", maintain_order="left"
        )


def _thousand(original: Original) -> Tables:
    member = original.find("userid-timestamp-artid-artname-traid-traname.tsv")
    return Tables(_played_artists(member), _plays(member), mapped({}, {}))


def _played_artists(member: Member) -> Iterator[pl.DataFrame]:
    """Every artist once, under the first name that was seen. One pass; memory holds the artists, some
    175,000."""
    seen = pl.DataFrame(schema={"item_id": pl.String, "title": pl.String})
    for frame in tables(member, PLAYS, "\t", header=False):
        seen = pl.concat([seen, frame.select(ARTIST, pl.col("artist").alias("title"))]).unique(
            "item_id", keep="first", maintain_order=True
        )
    yield seen


def _plays(member: Member) -> Iterator[pl.DataFrame]:
    for frame in tables(member, PLAYS, "\t", header=False):
        played_at = datetimes(frame, "timestamp", "%Y-%m-%dT%H:%M:%SZ", member.place)
        yield frame.select("user_id", ARTIST, played_at, "track")


FORMATS = (
    Format(
        "lastfm-hetrec",
        "Last.fm, HetRec 2011",
        "https://grouplens.org/datasets/hetrec-2011/",
        "hetrec2011-lastfm-2k.zip, or the folder with artists.dat, user_artists.dat and "
        "user_taggedartists-timestamps.dat",
        "non-commercial use; cite the workshop",
        _hetrec,
        (
            "Only taggings have times, so they are the events; `plays`, a user's count for an artist, "
            "has none and is not mapped.",
            "Tags are not attributes: they are the events themselves, and a night in the past would "
            "read its future in them.",
        ),
    ),
    Format(
        "lastfm-1k",
        "Last.fm, listening histories of 1,000 users",
        "http://ocelma.net/MusicRecommendationDataset/lastfm-1K.html",
        "lastfm-dataset-1K.tar.gz, or the folder with userid-timestamp-artid-artname-traid-traname.tsv",
        "non-commercial use; the terms of Last.fm",
        _thousand,
        (
            "Items are artists, by MusicBrainz id, else by name; every play is an event. `track` says "
            "what was played.",
        ),
    ),
)
