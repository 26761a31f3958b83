"""One column of a sample, measured: what its values look like, whatever the file calls it."""

import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from nightshift.sources.cleaning import as_text, cleaned
from nightshift.sources.columns import FALSE, TRUE

MOSTLY = 0.95
"""Share of the filled values that must look alike before the column is taken for it."""
TEXTS = (pl.String, pl.Categorical, pl.Enum)
"""Types that hold text."""
LONGEST_ID = 64
"""Longest id, in characters: a SHA-256 in hexadecimal is this long."""


def number(value: object) -> float:
    """A mean, median or extreme of a polars series as a float; 0 where the series is empty."""
    return float(value) if isinstance(value, (int, float)) else 0.0


def counted(values: pl.Series) -> dict[str, int]:
    """How often each value occurs, the most frequent first, equal ones by name."""
    return dict(sorted(values.value_counts().iter_rows(), key=lambda pair: (-pair[1], pair[0])))


def words_of(name: str) -> list[str]:
    """The words of a column's name, in lower case.

    >>> words_of("productTitle_EN")
    ['product', 'title', 'en']
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def _met(word: str, stem: str) -> bool:
    return word == stem or (len(stem) > 3 and (word.startswith(stem) or word.endswith(stem)))


@dataclass(frozen=True)
class Column:
    """A column of a sample; measures are of its filled values."""

    name: str
    values: pl.Series
    """The values as the file holds them."""

    def named(self, *stems: str) -> bool:
        """Whether a word of the name is one of these, or (from four letters on) begins or ends with one."""
        return any(_met(word, stem) for word in words_of(self.name) for stem in stems)

    @cached_property
    def is_list(self) -> bool:
        """A list column."""
        return isinstance(self.values.dtype, pl.List)

    @cached_property
    def is_moment(self) -> bool:
        """A date or datetime column."""
        return isinstance(self.values.dtype, (pl.Date, pl.Datetime))

    @cached_property
    def is_plain(self) -> bool:
        """Text, numbers, truth values, dates, or lists of text: what a setting can name. Nothing nested,
        no bytes, no vectors."""
        dtype = self.values.dtype
        if isinstance(dtype, pl.List):
            return isinstance(pl.Series(dtype=dtype.inner).dtype, TEXTS)
        return dtype.is_numeric() or isinstance(dtype, (*TEXTS, pl.Boolean, pl.Date, pl.Datetime))

    @cached_property
    def text(self) -> pl.Series:
        """The filled values as cleaned text, in file order; a list's parts are joined by spaces."""
        if not self.is_plain:
            return pl.Series(self.name, [], dtype=pl.String)
        frame = self.values.to_frame().select(cleaned(as_text(self.name, self.values.dtype)))
        return frame[self.name].drop_nulls()

    @cached_property
    def filled(self) -> float:
        """Share of rows with a value, 0 to 1."""
        return len(self.text) / max(len(self.values), 1)

    @cached_property
    def distinct(self) -> int:
        """Different values."""
        return self.text.n_unique()

    @cached_property
    def repeats(self) -> float:
        """Rows a value, on average; 1 where every value is different."""
        return len(self.text) / max(self.distinct, 1)

    @cached_property
    def chars(self) -> int:
        """Median length in characters."""
        return int(number(self.text.str.len_chars().median()))

    @property
    def largest(self) -> float:
        """The largest number."""
        return number(self.numbers.max())

    def holding(self, pattern: str, literal: bool = True) -> float:
        """Share of the values that contain the pattern, 0 to 1."""
        return number(self.text.str.contains(pattern, literal=literal).mean())

    @cached_property
    def numbers(self) -> pl.Series:
        """The values as Float64, those that are not numbers left out."""
        if self.values.dtype.is_numeric():
            return self.values.cast(pl.Float64).fill_nan(None).drop_nulls()
        return (
            self.text.cast(pl.Float64, strict=False).drop_nulls()
            if self._is_text
            else pl.Series(self.name, [], dtype=pl.Float64)
        )

    @cached_property
    def _is_text(self) -> bool:
        return isinstance(self.values.dtype, TEXTS)

    @cached_property
    def is_number(self) -> bool:
        """Numbers, or text that holds nothing else."""
        return bool(len(self.text)) and len(self.numbers) >= MOSTLY * len(self.text)

    @cached_property
    def is_prose(self) -> bool:
        """Text, or lists of it: not numbers, not truth values, not times, not links, not e-mail addresses."""
        if not len(self.text) or self.is_number or self.is_moment or not self.is_plain or self.is_binary:
            return False
        return (
            self.holding(r"^(https?://|www\.|/[\w./-]+$)", literal=False) < 0.5
            and self.holding(r"^\S+@\S+\.\S+$", literal=False) < 0.3
        )

    @cached_property
    def is_binary(self) -> bool:
        """0/1, true/false or yes/no, and both of them seen."""
        seen = set(self.text.str.to_lowercase().unique().to_list()) if self.distinct <= 4 else set()
        return bool(seen & set(TRUE)) and bool(seen & set(FALSE)) and seen <= {*TRUE, *FALSE}

    @cached_property
    def is_key(self) -> bool:
        """Could be an id: short words without spaces, or whole numbers, in nearly every row."""
        dtype = self.values.dtype
        if (
            self.filled < 0.9
            or not (dtype.is_integer() or dtype.is_float() or self._is_text)
            or not self.distinct
        ):
            return False
        if dtype.is_float():
            return (self.numbers == self.numbers.round()).all()
        return number(self.text.str.len_chars().max()) <= LONGEST_ID and self.holding(" ") < 0.05

    @cached_property
    def keys(self) -> pl.Series:
        """The distinct values as ids are compared: whole floats without their point."""
        whole = self.values.dtype.is_float()
        return (self.numbers.cast(pl.Int64).cast(pl.String) if whole else self.text).unique(
            maintain_order=True
        )

    @cached_property
    def examples(self) -> str:
        """Two values for a person: `'B01', 'B02'`."""
        return ", ".join(
            repr(value if len(value) <= 30 else f"{value[:29]}…")
            for value in self.text.unique(maintain_order=True).head(2)
        )
