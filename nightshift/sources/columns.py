"""What a mapped column becomes: ids and labels as expressions, chosen by the column's type."""

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.settings import InteractionsSource
from nightshift.sources.wording import wrong_type

TRUE = ("1", "1.0", "true", "t", "yes")
FALSE = ("0", "0.0", "false", "f", "no")


def id_of(setting: str, column: str, dtype: pl.DataType, place: str) -> pl.Expr:
    """An id as text, without surrounding space; null where it is missing or empty. 17.0 and 17 are one id.

    Decimals are written as numbers are: warehouses keep whole numbers as DECIMAL(38,0). Bytes that are no
    text, such as the 16 of a UUID, are written in hexadecimal.
    """
    if dtype.is_integer():
        return pl.col(column).cast(pl.String)
    if dtype.is_decimal():
        return pl.col(column).cast(pl.String).str.replace(r"\.0+$", "")
    if isinstance(dtype, pl.Binary):
        return pl.col(column).map_batches(_bytes_as_text, return_dtype=pl.String)
    if dtype.is_float():
        whole = pl.col(column).cast(pl.Int64, strict=False)
        return (
            pl.when(whole == pl.col(column))
            .then(whole.cast(pl.String))
            .otherwise(pl.col(column).fill_nan(None).cast(pl.String))
        )
    if not isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise SourceError(wrong_type(setting, column, place, dtype, "an id should be text or a whole number"))
    return _stripped(pl.col(column).cast(pl.String))


def _stripped(text: pl.Expr) -> pl.Expr:
    text = text.str.strip_chars()
    return pl.when(text.str.len_bytes() > 0).then(text)


def _bytes_as_text(values: pl.Series) -> pl.Series:
    """All values as text where all of them are text, else all of them in hexadecimal."""
    try:
        text = values.cast(pl.String)
    except pl.exceptions.ComputeError:  # not UTF-8
        return values.bin.encode("hex")
    if text.str.contains(r"\p{Cc}").any():
        return values.bin.encode("hex")
    return text.to_frame("id").select(_stripped(pl.col("id"))).to_series()


def label_of(source: InteractionsSource, schema: pl.Schema | dict[str, pl.DataType], place: str) -> pl.Expr:
    """1 or 0 as Float32, null where the value cannot be read. Implicit feedback is always 1."""
    if source.label is None:
        return pl.lit(1.0, pl.Float32)
    dtype = schema[source.label]
    clicks = source.feedback == "impressions"
    if not (
        dtype.is_numeric()
        or isinstance(dtype, (pl.String, pl.Null))
        or (clicks and isinstance(dtype, pl.Boolean))
    ):
        fix = f"feedback {source.feedback} needs {'0/1 or true/false' if clicks else 'numbers'}"
        raise SourceError(wrong_type("sources.interactions.label", source.label, place, dtype, fix))
    if source.feedback == "explicit":
        return (rating_of(source, dtype) >= source.positive_from).cast(pl.Float32)
    return _click(source.label)


def rating_of(source: InteractionsSource, dtype: pl.DataType) -> pl.Expr:
    """The rating as a number, null where it cannot be read."""
    text = pl.col(source.label or "")
    return (
        (text.str.strip_chars() if isinstance(dtype, pl.String) else text)
        .cast(pl.Float64, strict=False)
        .fill_nan(None)
    )


def _click(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase()
    clicked = pl.when(text.is_in(TRUE)).then(1.0).when(text.is_in(FALSE)).then(0.0)
    return clicked.cast(pl.Float32)
