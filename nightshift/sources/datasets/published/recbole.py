"""RecBole's atomic files: `X.inter` and `X.item`, tab-separated with a typed header (`user_id:token`,
`genre:token_seq`).

Zhao et al., RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation
Algorithms, CIKM 2021.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.datasets.published.base import Format, Tables, mapped
from nightshift.sources.datasets.published.blocks import number, tables
from nightshift.sources.datasets.published.original import Member, Original
from nightshift.sources.wording import shown

TYPES = ("token", "token_seq", "float", "float_seq")
TITLES = ("title", "movie_title", "name", "item_name", "app_name", "artist_name")
ATTRIBUTES = ("genre", "genres", "class", "categories", "category", "tags")


@dataclass(frozen=True)
class Header:
    """The first line of an atomic file."""

    names: list[str]
    """Column names, as they are."""
    types: dict[str, str]
    """Column to token, token_seq, float or float_seq."""

    def first(self, wanted: tuple[str, ...]) -> str | None:
        """The first of the wanted names that is a column of words."""
        return next((name for name in wanted if self.types.get(name, "").startswith("token")), None)


def _read(original: Original) -> Tables:
    inter, item = original.find("*.inter"), original.find("*.item")
    events, items = _header(inter, ("user_id", "item_id")), _header(item, ("item_id",))
    return Tables(
        _frames(item, items), _frames(inter, events), mapped(_item_mapping(items), _event_mapping(events))
    )


def _header(member: Member, needed: tuple[str, ...]) -> Header:
    with member.open() as stream:
        line = stream.readline().decode("utf-8", "replace").rstrip("\r\n")
    pairs = [field.rpartition(":") for field in line.split("\t")]
    types = {name: kind for name, _, kind in pairs}
    if any(kind not in TYPES for kind in types.values()) or not set(needed) <= set(types):
        raise SourceError(
            f"{member.place} line 1 should name {', '.join(f'{name}:token' for name in needed)} and "
            f"types {TYPES}: {shown(line)}"
        )
    return Header(list(types), types)


def _frames(member: Member, header: Header) -> Iterator[pl.DataFrame]:
    for frame in tables(member, header.names, "\t", header=True):
        columns = {name: _typed(frame, name, kind, member.place) for name, kind in header.types.items()}
        yield frame.with_columns(**columns).with_columns(_moments(header))


def _typed(frame: pl.DataFrame, name: str, kind: str, place: str) -> pl.Series:
    if kind == "float":
        return number(frame, name, place)
    return frame[name].str.split(" ") if kind.endswith("_seq") and name not in TITLES else frame[name]


def _moments(header: Header) -> list[pl.Expr]:
    """Seconds since 1970 as UTC."""
    return (
        [(pl.col("timestamp") * 1e6).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))]
        if header.types.get("timestamp") == "float"
        else []
    )


def _item_mapping(header: Header) -> dict[str, object]:
    title, attributes = header.first(TITLES), header.first(ATTRIBUTES)
    text = [name for name in ("description", "abstract", "feature") if name in header.types]
    return {"title": title, "attributes": attributes, "text": text, "duplicate_item": "keep_first"}


def _event_mapping(header: Header) -> dict[str, object]:
    if "timestamp" not in header.types:
        raise SourceError(
            f"the .inter file has no column timestamp:float (it has {', '.join(header.names)}); "
            f"nights need times: add them"
        )
    return (
        {"feedback": "explicit", "label": "rating", "positive_from": 4}
        if header.types.get("rating") == "float"
        else {}
    )


FORMATS = (
    Format(
        "recbole",
        "RecBole atomic files, any data set",
        "https://recbole.io/dataset_list.html",
        "the folder or archive with X.inter and X.item",
        "that of the data set",
        _read,
        (
            "A rating from 4 on counts as positive: right for five stars, wrong for ten. Set "
            "positive_from as the data set means it.",
        ),
    ),
)
