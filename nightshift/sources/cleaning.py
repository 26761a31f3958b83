"""Text that may reach a prompt: one line, normalised, without what a person cannot see.

Kept: every script, right-to-left text, emoji with their joiners. Removed: control characters, lone surrogates,
characters that override the reading direction, and the invisible tag characters (U+E0000 to U+E007F) and byte-order
marks in which instructions can be hidden from people but not from a model.
"""

import polars as pl

LINE_BREAKS = r"[\t\n\x0B\f\r\u{85}\u{2028}\u{2029}]+"
INVISIBLE = r"[\p{Cc}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}\u{E0000}-\u{E007F}]"

MAX_ATTRIBUTE_CHARS = 100
"""Longest attribute kept, in characters; a category name is shorter."""


def cleaned(column: pl.Expr) -> pl.Expr:
    """A text column, cleaned and whole. Null and nothing but space become null."""
    text = column.str.replace_all(LINE_BREAKS, " ").str.replace_all(INVISIBLE, "")
    text = text.str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text.str.len_bytes() > 0).then(text)


def capped(column: pl.Expr, max_chars: int) -> pl.Expr:
    """At most `max_chars` characters of a cleaned column."""
    return column.str.head(max_chars).str.strip_chars_end()


def clean_text(text: str, max_chars: int) -> str:
    """One text, cleaned and cut to `max_chars` characters; the empty text when nothing is left.

    >>> clean_text("  Cafe\\u0301\\n\\x00 \\u202egnp.exe ", 20)
    'Café gnp.exe'
    """
    lone_surrogates_dropped = text.encode("utf-8", "ignore").decode("utf-8")
    frame = pl.DataFrame({"text": [lone_surrogates_dropped]})
    return str(frame.select(capped(cleaned(pl.col("text")), max_chars).fill_null("")).item())


def as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """A text, number or list-of-text column as text; a list's parts are joined by spaces."""
    if isinstance(dtype, pl.List):
        return pl.col(column).cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True)
    return pl.col(column).cast(pl.String)


def as_attributes(column: str, dtype: pl.DataType, separator: str | None) -> pl.Expr:
    """A list column, a list of lists (flattened), or text to split -> cleaned attributes, each once, in their order."""
    parts = _split(column, dtype, separator)
    element = capped(cleaned(pl.element()), MAX_ATTRIBUTE_CHARS)
    return parts.list.eval(element).list.drop_nulls().list.unique(maintain_order=True)


def _split(column: str, dtype: pl.DataType, separator: str | None) -> pl.Expr:
    if isinstance(dtype, pl.List):
        nested = isinstance(dtype.inner, pl.List)
        return (pl.col(column).list.eval(pl.element().explode()) if nested else pl.col(column)).cast(pl.List(pl.String))
    text = pl.col(column).cast(pl.String)
    if separator is not None:
        return text.str.split(separator)
    return text.str.replace_all(", ", "|", literal=True).str.split("|")
