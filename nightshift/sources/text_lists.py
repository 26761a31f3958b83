"""Lists that were written as text, by JSON, by Python (`str(list)`, as pandas does) or by NumPy, read back
as lists."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import polars as pl

NEARLY = 0.95
"""Share of the filled values that must stand in brackets before a column is one of lists."""
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
LONGEST_LITERAL = 100_000
"""Characters of a Python literal that is still read; its syntax tree takes a hundred times as much memory."""


def list_of(text: str) -> list[str] | None:
    """The texts and numbers of a list that was written as text; None where it is no such list.

    >>> list_of('["Toys", "Sale"]'), list_of("['Toys', 7, None]")
    (['Toys', 'Sale'], ['Toys', '7'])
    >>> list_of("['Toys' 'Sale']"), list_of("[Toys]")
    (['Toys', 'Sale'], None)
    """
    found = _json(text) or _numpy(text) or _python(text)
    return None if found is None else _flat(found)


def _json(text: str) -> list[Any] | None:
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _numpy(text: str) -> list[str] | None:
    """Quoted texts with nothing but space between them, which Python would read as one text."""
    quoted = QUOTED.findall(text)
    if not re.fullmatch(r"\s*\[\s*s(?:\s+s)*\s*\]\s*", QUOTED.sub("s", text)):
        return None
    found = [_literal(one) for one in quoted]
    return (
        [one for one in found if isinstance(one, str)] if all(isinstance(one, str) for one in found) else None
    )


def _python(text: str) -> list[Any] | None:
    if len(text) > LONGEST_LITERAL or re.search(r"s\s*s", QUOTED.sub("s", text)):
        return None
    found = _literal(text)
    return (
        list(found)
        if isinstance(found, (list, tuple))
        else sorted(found, key=str)
        if isinstance(found, set)
        else None
    )


def _literal(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None


def _flat(found: list[Any]) -> list[str] | None:
    """Texts and numbers, of lists in the list too; None where anything else is in it. Missing values are
    left out."""
    flat = list(_elements(found))
    sound = all(
        one is None or (isinstance(one, (str, int, float)) and not isinstance(one, bool)) for one in flat
    )
    return [str(one) for one in flat if one is not None] if sound else None


def _elements(found: list[Any]) -> Iterator[Any]:
    for one in found:
        yield from one if isinstance(one, (list, tuple)) else [one]


def in_brackets(texts: pl.Series) -> pl.Series:
    """Which texts stand in the brackets of a list or set, or of a tuple of texts. Null where there is no
    text."""
    bare = texts.str.strip_chars()
    square = bare.str.starts_with("[") & bare.str.ends_with("]")
    curly = bare.str.starts_with("{") & bare.str.ends_with("}")
    return square | curly | (bare.str.contains(r"^\(\s*['\"]") & bare.str.ends_with(")"))


def are_lists(texts: pl.Series) -> bool:
    """Whether nearly every filled value of a text column stands in brackets."""
    filled = texts.drop_nulls()
    filled = filled.filter(filled.str.contains(r"\S"))
    share = in_brackets(filled).mean()
    return isinstance(share, float) and share >= NEARLY


def as_lists(texts: pl.Series) -> pl.Series:
    """Each text as its list; null where it is none. In a column that is not one of lists only lists of
    quoted texts are read."""
    known = texts.filter(in_brackets(texts).fill_null(False)).unique()
    known = known if are_lists(texts) else known.filter(known.str.contains(r"^\s*\[\s*['\"]"))
    read = {text: list_of(text) for text in known}
    if not read:
        return pl.Series(texts.name, [None], dtype=pl.List(pl.String)).new_from_index(0, len(texts))
    return pl.Series(texts.name, [read.get(text) for text in texts], dtype=pl.List(pl.String))


def unreadable_lists(texts: pl.Series) -> pl.Series:
    """The values of a column of lists that stand in brackets and are no list of texts and numbers; null
    elsewhere."""
    lists = as_lists(texts)
    wrong = in_brackets(texts) & lists.is_null() & are_lists(texts)
    return texts.zip_with(
        wrong.fill_null(False), pl.Series(texts.name, [None], dtype=pl.String).new_from_index(0, len(texts))
    )


def joined(texts: pl.Series) -> pl.Series:
    """Texts, the lists among them joined by spaces."""
    if not are_lists(texts):
        return texts
    lists = as_lists(texts).list.join(" ")
    return texts.zip_with(lists.is_null(), lists)


def read_lists(texts: pl.Series) -> pl.Series:
    """A column of lists that were written as text as a column of lists; any other column as it is."""
    lists = as_lists(texts) if are_lists(texts) else None
    return texts if lists is None or not lists.drop_nulls().len() else lists
