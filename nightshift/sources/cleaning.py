"""Text that may reach a prompt: one line, normalised, without markup and without what a person cannot see.

Kept: every script, right-to-left text, emoji with their joiners, addresses of web pages (their words say
something). Removed: HTML (`nightshift.sources.markup`), control characters, lone surrogates, characters
that override the reading direction, the invisible tag characters (U+E0000 to U+E007F) and byte-order marks
in which instructions can be hidden from people but not from a model, and the label of a link at the end of
a preview ("Read more").
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl

from nightshift.sources.markup import maybe_markup, without_markup
from nightshift.sources.text_lists import are_lists, as_lists, in_brackets, joined

LINE_BREAKS = r"[\t\n\x0B\f\r\u{85}\u{2028}\u{2029}]+"
INVISIBLE = r"[\p{Cc}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}\u{E0000}-\u{E007F}]"
SPACES = r"\s\s+|[\s--\x20]"
"""Spaces that are not one blank: a run, a tab, a no-break space. Four times faster to replace than all of
them."""
NORMAL = r"\x00-\u{2FF}\u{400}-\u{482}\u{48A}-\u{52F}\u{2010}-\u{2027}\u{2030}-\u{205E}\u{4E00}-\u{9FFF}"
"""Characters that are in form C among themselves: Latin, Cyrillic, dashes and quotes, Chinese. Other texts
are normalised."""
PREVIEW_END = r"""((?:\.|!|\?|…)["”)]?)\s*(?:(?:Read|See|Show) (?:more|less)[\s.…›»>]*)+$"""
"""The label of a link after the end of a sentence, at the end of the text."""
TAIL = 60
"""Characters at the end of a text in which such a label is looked for."""

MAX_ATTRIBUTE_CHARS = 100
"""Longest attribute kept, in characters; a category name is shorter."""
MAX_PASSES = 8
"""How deep markup inside markup is undone. Deeper nesting stays visible as what it is; nobody writes it by
accident."""


def cleaned(column: pl.Expr) -> pl.Expr:
    """A text column, cleaned and whole. Null and nothing but space become null."""
    return column.map_batches(_cleaned, return_dtype=pl.String, is_elementwise=True)


def _cleaned(texts: pl.Series) -> pl.Series:
    """Each step looks only at the texts that need it, which is much quicker to know than to do."""
    texts = _unmarked(_visible(texts.cast(pl.String)))
    texts = _where(texts, texts.str.contains(rf"{SPACES}|^ | $"), _single_spaced)
    texts = _where(
        texts,
        texts.str.tail(TAIL).str.contains(r"more|less"),
        lambda some: some.str.replace(PREVIEW_END, "${1}"),
    )
    return texts.set(texts.str.len_bytes() == 0, None)


def _visible(texts: pl.Series) -> pl.Series:
    texts = texts.str.replace_all(LINE_BREAKS, " ").str.replace_all(INVISIBLE, "")
    return _where(texts, texts.str.contains(f"[^{NORMAL}]"), lambda some: some.str.normalize("NFC"))


def _unmarked(texts: pl.Series) -> pl.Series:
    """Without markup, which may be hidden in markup: `&amp;lt;b&amp;gt;`, `<b<i>>`."""
    marked = maybe_markup(texts)
    for _ in range(MAX_PASSES):
        before, texts = texts, _where(texts, marked, without_markup)
        changed = texts != before
        texts = _where(texts, changed, _visible)
        marked = changed & maybe_markup(texts)
    return texts


def _single_spaced(texts: pl.Series) -> pl.Series:
    return texts.str.replace_all(SPACES, " ").str.strip_chars()


def _where(texts: pl.Series, rows: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The texts, those of `rows` changed."""
    chosen = rows.fill_null(False)
    if not chosen.any():
        return texts
    changed = change(texts.filter(chosen))
    place = np.arange(texts.len())
    place[chosen.to_numpy()] = texts.len() + np.arange(changed.len())
    return pl.concat([texts, changed.rename(texts.name)]).gather(place)


def capped(column: pl.Expr, max_chars: int) -> pl.Expr:
    """At most `max_chars` characters of a cleaned column."""
    return column.str.head(max_chars).str.strip_chars_end()


def clean_text(text: str, max_chars: int) -> str:
    """One text, cleaned and cut to `max_chars` characters; the empty text when nothing is left.

    >>> clean_text("  <p>Cafe\\u0301 &amp; bar</p>\\n\\x00 \\u202egnp.exe ", 20)
    'Café & bar gnp.exe'
    """
    lone_surrogates_dropped = text.encode("utf-8", "ignore").decode("utf-8")
    frame = pl.DataFrame({"text": [lone_surrogates_dropped]})
    return str(frame.select(capped(cleaned(pl.col("text")), max_chars).fill_null("")).item())


def as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """A text, number or list-of-text column as text; a list's parts are joined by spaces, also where it
    was written as text."""
    if isinstance(dtype, pl.List):
        return pl.col(column).cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True)
    text = pl.col(column).cast(pl.String)
    return text.map_batches(joined, return_dtype=pl.String) if isinstance(dtype, pl.String) else text


def as_attributes(column: str, dtype: pl.DataType, separator: str | None) -> pl.Expr:
    """A list column, a list of lists (flattened), text that is a list, or text to split -> cleaned
    attributes, each once, in order."""
    parts = _split(column, dtype, separator)
    element = capped(cleaned(pl.element()), MAX_ATTRIBUTE_CHARS)
    return parts.list.eval(element).list.drop_nulls().list.unique(maintain_order=True)


def _split(column: str, dtype: pl.DataType, separator: str | None) -> pl.Expr:
    if isinstance(dtype, pl.List):
        nested = isinstance(dtype.inner, pl.List)
        return (pl.col(column).list.eval(pl.element().explode()) if nested else pl.col(column)).cast(
            pl.List(pl.String)
        )
    text = pl.col(column).cast(pl.String)
    return text.map_batches(partial(_parts, separator), return_dtype=pl.List(pl.String))


def _parts(separator: str | None, texts: pl.Series) -> pl.Series:
    """Lists that were written as text as such (null where one cannot be read), everything else split."""
    plain = (
        texts.str.split(separator)
        if separator
        else texts.str.replace_all(", ", "|", literal=True).str.split("|")
    )
    lists = as_lists(texts)
    unreadable = in_brackets(texts).fill_null(False) & are_lists(texts)
    return plain.zip_with(lists.is_null() & ~unreadable, lists)
