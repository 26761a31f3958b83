"""The user's own file about users: groups that a gain is judged by, so that one sees whom it serves.

Read when the features are judged and at no other time: no prompt, no feature and no published table holds
any of it.
"""

from functools import partial
from pathlib import Path

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.columns import id_of
from nightshift.sources.files import SourceFile, columns_of, find_files, guarded, numbered, place_of
from nightshift.sources.quoting import Span
from nightshift.sources.reads import HINTS, SWALLOWED
from nightshift.sources.settings import UsersSource
from nightshift.sources.swallowed import settled, swallowed_by
from nightshift.sources.wording import shown, wrong_type

MOST_GROUPS = 25
"""Values that one column may have; a column with more is a number or a text, not a grouping."""


def read_users(source: UsersSource, root: Path) -> pl.DataFrame:
    """`user_id` and each column of `groups` as text (null: unknown), one row a user; paths are relative to
    `root`.

    Raises SourceError when a file or column is missing, a user stands in two groups, a column has over 25
    values or more than `max_rejected_share` of the rows name no user.
    """
    files, spans = settled(find_files("users", source.path, root))
    rows = pl.concat([guarded(file, partial(_read_file, source)) for file in files])
    _check_swallowed(source, spans, rows.height)
    _check_nameless(source, files, rows)
    known = rows.filter(pl.col("user_id").is_not_null())
    found = known.select("user_id", *source.groups).unique()
    twice = found.filter(pl.col("user_id").is_duplicated())
    if twice.height:
        user = twice["user_id"].sort()[0]
        places = known.filter(pl.col("user_id") == user).select(place_of(files).alias("place"))["place"]
        where = ", ".join(places.head(2))
        raise SourceError(
            f"user {shown(user)} (column {source.user_id!r}) stands in two groups: {where}. Keep one "
            f"row a user"
        )
    for column in source.groups:
        _check_values(source, found[column])
    return found.sort("user_id")


def _read_file(source: UsersSource, file: SourceFile) -> pl.DataFrame:
    schema = columns_of(
        "users", file, [("user_id", source.user_id), *(("groups", column) for column in source.groups)]
    )
    columns = {name: _group(name, schema[name], file.place) for name in source.groups}
    return numbered(
        file,
        {"user_id": id_of("sources.users.user_id", source.user_id, schema[source.user_id], file.place)}
        | columns,
    ).collect()


def _group(column: str, dtype: pl.DataType, place: str) -> pl.Expr:
    if isinstance(dtype, pl.Boolean):
        return pl.col(column).cast(pl.String)
    if dtype.is_nested():
        raise SourceError(
            wrong_type(
                "sources.users.groups",
                column,
                place,
                dtype,
                "a group should be text, a whole number or true/false",
            )
        )
    return id_of("sources.users.groups", column, dtype, place)


def _check_swallowed(source: UsersSource, spans: tuple[Span, ...], rows: int) -> None:
    found = [span for span in spans if span.as_rows]
    if swallowed_by(spans) > source.max_rejected_share * rows:
        raise SourceError(f"{found[0].place} line {found[0].line}: {found[0].said}. {HINTS[SWALLOWED]}")


def _check_nameless(source: UsersSource, files: list[SourceFile], rows: pl.DataFrame) -> None:
    nameless = rows.filter(pl.col("user_id").is_null())
    if rows.is_empty():
        raise SourceError(
            f"{files[0].place} has no rows: sources.users.path names no users; repair it, or leave "
            f"sources.users out"
        )
    if nameless.height > source.max_rejected_share * rows.height:
        first = nameless.select(place_of(files).alias("place"))["place"][0]
        limit = f"sources.users.max_rejected_share {source.max_rejected_share:g}"
        raise SourceError(
            f"{nameless.height:,} of {rows.height:,} rows of {source.path} have no user id, more than "
            f"{limit} allows, first in {first}, "
            f"column {source.user_id!r}. Repair the rows, or map another column"
        )


def _check_values(source: UsersSource, column: pl.Series) -> None:
    values = column.drop_nulls().unique().sort()
    if values.len() > MOST_GROUPS:
        some = ", ".join(map(shown, values.head(4)))
        raise SourceError(
            f"column {column.name!r} of {source.path} has {values.len()} values ({some}, ...), and "
            f"groups may be {MOST_GROUPS} at most; "
            "write ranges into the file (18-24, 25-34), or take it out of sources.users.groups"
        )
