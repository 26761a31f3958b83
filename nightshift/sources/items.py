"""The user's catalogue -> `ITEMS`: mapped, cleaned, every id once."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.cleaning import as_attributes, as_text, capped, cleaned
from nightshift.sources.columns import id_of
from nightshift.sources.files import FILE, SourceFile, columns_of, find_files, guarded, numbered, place_of
from nightshift.sources.quoting import Span
from nightshift.sources.reads import (
    NO_ITEM,
    REASON,
    TWICE,
    UNDATED,
    UNLISTED,
    VALUE,
    ItemsRead,
    check_share,
    counts,
    rejects,
)
from nightshift.sources.settings import ItemsSource
from nightshift.sources.swallowed import counted_with, settled, swallowed_by, swallowed_rejects
from nightshift.sources.text_lists import unreadable_lists
from nightshift.sources.times import check_unit, moment_of, unreadable
from nightshift.sources.wording import shown, wrong_type
from nightshift.tables import ITEMS, MOMENT, STRINGS

Schema = dict[str, pl.DataType]


def read_items(source: ItemsSource, root: Path) -> ItemsRead:
    """The catalogue; paths are relative to `root`, the folder of nightshift.yaml.

    Raises SourceError when a file, column or type is missing or wrong, an id appears twice (unless
    `keep_first`), or no item is left. Rows without an id are dropped and listed in `rejects`.
    """
    files, found = settled(find_files("items", source.path, root))
    rows = pl.concat([guarded(file, partial(_read_file, source)) for file in files])
    if rows.is_empty():
        raise SourceError(f"{files[0].place} has no rows: the catalogue named by sources.items.path is empty")
    _check_dates(source, files, rows)
    if source.duplicate_item == "refuse":
        _refuse_duplicates(source, files, rows)
    return _result(
        source,
        files,
        rows.with_columns(_reason().alias(REASON), pl.coalesce("_undated", "_unlisted").alias(VALUE)),
        found,
    )


def _read_file(source: ItemsSource, file: SourceFile) -> pl.DataFrame:
    wanted = [("item_id", source.item_id), *(("text", column) for column in source.text_columns)]
    wanted += [
        (name, column) for name in ("title", "attributes", "created_at") if (column := getattr(source, name))
    ]
    schema = dict(columns_of("items", file, wanted))
    columns = {
        "item_id": id_of("sources.items.item_id", source.item_id, schema[source.item_id], file.place),
        "title": _text("title", (source.title,) if source.title else (), schema, file),
        "text": _text("text", source.text_columns, schema, file),
        "attributes": _attributes(source, schema, file),
        "created_at": _created_at(source, schema, file),
        "_undated": _undated(source, schema, file),
        "_unlisted": _unlisted(source, schema),
    }
    return numbered(file, columns).collect()


def _text(setting: str, names: tuple[str, ...], schema: Schema, file: SourceFile) -> pl.Expr:
    """The columns joined by a space, cleaned, uncut."""
    for name in names:
        _check_texts(setting, name, schema[name], file, depth=1)
    if not names:
        return pl.lit(None, pl.String)
    return cleaned(
        pl.concat_str([as_text(name, schema[name]) for name in names], separator=" ", ignore_nulls=True)
    )


def _check_texts(setting: str, column: str, dtype: pl.DataType, file: SourceFile, depth: int) -> None:
    """Raise SourceError unless the column holds text, or lists of text nested at most `depth` deep."""
    inner, found = dtype, 0
    while isinstance(inner, pl.List):
        inner, found = pl.Series(dtype=inner.inner).dtype, found + 1
    if found > depth or isinstance(inner, (pl.Struct, pl.Array, pl.Object)):
        fix = "it should be text or a list of texts" + (" (or of such lists)" if depth > 1 else "")
        raise SourceError(wrong_type(f"sources.items.{setting}", column, file.place, dtype, fix))


def _attributes(source: ItemsSource, schema: Schema, file: SourceFile) -> pl.Expr:
    if source.attributes is None:
        return pl.lit(None, STRINGS)
    _check_texts("attributes", source.attributes, schema[source.attributes], file, depth=2)
    return as_attributes(source.attributes, schema[source.attributes], source.attributes_separator)


def _created_at(source: ItemsSource, schema: Schema, file: SourceFile) -> pl.Expr:
    if source.created_at is None:
        return pl.lit(None, MOMENT)
    return moment_of(
        "sources.items.created_at",
        source.created_at,
        schema[source.created_at],
        source.created_at_unit,
        file.place,
    )


def _undated(source: ItemsSource, schema: Schema, file: SourceFile) -> pl.Expr:
    """The raw value of a `created_at` that is there and cannot be read."""
    if source.created_at is None:
        return pl.lit(None, pl.String)
    return unreadable(source.created_at, _created_at(source, schema, file))


def _unlisted(source: ItemsSource, schema: Schema) -> pl.Expr:
    """The raw value of attributes that were written as a list and cannot be read."""
    if source.attributes is None or not isinstance(schema[source.attributes], pl.String):
        return pl.lit(None, pl.String)
    return pl.col(source.attributes).map_batches(unreadable_lists, return_dtype=pl.String)


def _check_dates(source: ItemsSource, files: list[SourceFile], rows: pl.DataFrame) -> None:
    if source.created_at is None:
        return
    for file in files:
        middle = rows.filter(pl.col(FILE) == file.number).select(pl.col("created_at").median()).item()
        setting = "sources.items.created_at"
        check_unit(setting, source.created_at, source.created_at_unit, file, middle, datetime.now(UTC))


def _refuse_duplicates(source: ItemsSource, files: list[SourceFile], rows: pl.DataFrame) -> None:
    again = rows.filter(pl.col("item_id").is_not_null() & pl.col("item_id").is_duplicated())
    if again.is_empty():
        return
    twice = again.filter(pl.col("item_id") == again["item_id"][0]).select(place_of(files).alias("place"))[
        "place"
    ]
    extra = again.height - again["item_id"].n_unique()
    where = f"is in {twice[0]} and in {twice[1]}; {extra:,} rows repeat an id"
    fix = "Repair the catalogue, or set sources.items.duplicate_item to keep_first"
    raise SourceError(f"item id {shown(again['item_id'][0])} (column {source.item_id!r}) {where}. {fix}")


def _reason() -> pl.Expr:
    repeated = pl.int_range(pl.len()).over("item_id") > 0
    return (
        pl.when(pl.col("item_id").is_null()).then(pl.lit(NO_ITEM))
        .when(repeated).then(pl.lit(TWICE))
        .when(pl.col("_undated").is_not_null()).then(pl.lit(UNDATED))
        .when(pl.col("_unlisted").is_not_null()).then(pl.lit(UNLISTED))
    )  # fmt: skip


def _result(
    source: ItemsSource, files: list[SourceFile], rows: pl.DataFrame, found: tuple[Span, ...]
) -> ItemsRead:
    dropped = counted_with(counts(rows), found)
    named = rows.with_columns(pl.coalesce(VALUE, "item_id").alias(VALUE))
    listed = pl.concat([rejects("items", named, files), swallowed_rejects("items", found)])
    whole_rows = rows.height + swallowed_by(found)
    check_share(source, whole_rows, dropped, listed)
    kept = rows.filter(pl.col(REASON).is_null() | pl.col(REASON).is_in([UNDATED, UNLISTED]))
    whole = kept["text"]
    return ItemsRead(
        frame=_items(source, kept),
        rejects=listed,
        rows=whole_rows,
        spans=found,
        dropped=dropped,
        capped=int((whole.str.len_chars() > source.max_text_chars).sum()),
        untitled=kept["title"].null_count(),
    )


def _items(source: ItemsSource, kept: pl.DataFrame) -> pl.DataFrame:
    title = pl.coalesce("title", cleaned(pl.col("item_id")), "item_id")
    columns = {
        "title": capped(title, source.max_title_chars),
        "text": capped(pl.col("text"), source.max_text_chars),
    }
    return ITEMS.conform(kept.with_columns(**columns).select(list(ITEMS.columns)))
