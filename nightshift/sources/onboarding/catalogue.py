"""What a model reads of an item: title, text, attributes."""

import polars as pl

from nightshift.sources.onboarding import words
from nightshift.sources.onboarding.columns import Column, counted, number
from nightshift.sources.onboarding.guess import Answers, Guess, answered, existing, names, share
from nightshift.sources.onboarding.samples import Sample
from nightshift.sources.text_lists import are_lists

LONG_TEXT, MANY_TEXTS = 40, 4
"""Characters (median) from which text describes; text columns taken at most."""
SEPARATORS = (" > ", "|", ", ", ";", ">", "/", ",")
STRONG = (" > ", "|")
"""Nothing but a separator looks like these."""
READ_WITHOUT_ASKING = ("|", ", ")
"""What splits attributes when nothing is set."""
FEW_VALUES = 0.2
"""Distinct attributes over rows, above which a column tells items apart instead of grouping them ..."""
SHARED_BY, MOST = 5, 0.5
"""... unless most rows hold a value that as many rows share: brands have a long tail, and a head worth
grouping by."""


def guess_title(items: Sample, answers: Answers, taken: set[str]) -> Guess:
    """The short text that nearly every item has of its own."""
    setting = "items.title"
    if setting in answers:
        return _said(setting, answers, items)
    texts = [one for one in _prose(items, taken) if not one.is_list and one.chars <= 200]
    named = sorted(
        (one for one in texts if one.named(*words.TITLE) and one.repeats < 3),
        key=lambda one: (_rank(one, words.TITLE), -one.distinct),
    )
    if named:
        return Guess(
            setting, named[0].name, f"named like a title; {_lengths(named[0])}", choices=names(named)
        )
    short = [one for one in texts if one.repeats < 1.5 and one.chars >= 5 and one.holding(" ") > 0.3]
    if short:
        best = min(short, key=lambda one: one.chars)
        return Guess(
            setting,
            best.name,
            f"the shortest text that differs by item; {_lengths(best)}",
            False,
            choices=names(short),
        )
    return Guess(setting, None, "no short text differs by item; the item's id will stand in", False)


def guess_text(items: Sample, answers: Answers, taken: set[str]) -> Guess:
    """Every column with sentences in it, those named like a description first."""
    setting = "items.text"
    if answers.get(setting):
        for name in answers[setting]:
            existing(setting, name, items)
    said = answered(setting, answers)
    if said:
        return said
    long = [one for one in _prose(items, taken) if one.chars >= LONG_TEXT and one.repeats < 5]
    long += [
        one
        for one in _prose(items, taken)
        if one not in long and one.named(*words.TEXT) and one.repeats < 2 and one.chars > 15
    ]
    best = sorted(long, key=lambda one: _rank(one, words.TEXT))[:MANY_TEXTS]
    if not best:
        return Guess(setting, None, "no column holds sentences: a model will read title and attributes only")
    why = "; ".join(f"{one.name}: {_lengths(one)}, {share(one.filled)} filled{_markup(one)}" for one in best)
    return Guess(setting, list(names(best)), why)


def guess_attributes(items: Sample, answers: Answers, taken: set[str]) -> tuple[Guess, Guess]:
    """The column that groups items: few values, or lists of few values; and what separates them."""
    setting = "items.attributes"
    if setting in answers:
        said = _said(setting, answers, items)
        return said, _separator(items.columns[said.value] if said.value else None, answers)
    grouping = [one for one in _prose(items, taken) if _groups(one)]
    grouping.sort(key=lambda one: (_rank(one, words.ATTRIBUTES), -one.filled))
    best = next(
        (one for one in grouping if one.named(*words.ATTRIBUTES) or one.repeats > 5 or one.is_list), None
    )
    if best is None:
        return Guess(setting, None, "no column has few values that many items share"), Guess(
            "items.attributes_separator", None, ""
        )
    often = list(counted(_parts(best)))[:3]
    told = (
        f"{_parts(best).n_unique():,} different values in {len(best.text):,} filled rows, most often "
        f"{', '.join(map(repr, often))}"
    )
    return Guess(setting, best.name, told, choices=names(grouping)), _separator(best, answers)


def _said(setting: str, answers: Answers, items: Sample) -> Guess:
    if answers[setting] is not None:
        existing(setting, answers[setting], items)
    return answered(setting, answers) or Guess(setting, None, "")


def _prose(items: Sample, taken: set[str]) -> list[Column]:
    """Columns that a model could read. Lists that were written as text and hold more than texts and
    numbers are none."""
    free = [one for one in items.columns.values() if one.name not in taken and not one.named(*words.NEVER)]
    return [one for one in free if one.is_prose and (one.is_list or not are_lists(one.text))]


def _rank(column: Column, stems: tuple[str, ...]) -> int:
    return next((place for place, stem in enumerate(stems) if column.named(stem)), len(stems))


def _markup(column: Column) -> str:
    """That a column holds HTML, which is taken out when it is read."""
    if not isinstance(column.values.dtype, pl.String):
        return ""
    marked = number(column.values.str.contains(r"</?[a-zA-Z][^<>]*>").mean())
    return f"; HTML in {share(marked)}, which is taken out" if marked > 0.01 else ""


def _lengths(column: Column) -> str:
    return f"{column.chars:,} characters in the middle, {column.distinct:,} different in {len(column.text):,}"


def separator_of(column: Column) -> str | None:
    """The mark that at least three rows in ten hold; a weak one must leave fewer different parts than
    there are values."""
    for mark in SEPARATORS:
        if column.holding(mark) >= 0.3:
            parts = column.text.str.split(mark).explode().n_unique()
            if mark in STRONG or parts < column.distinct:
                return mark
    return None


def _parts(column: Column) -> pl.Series:
    if column.is_list:
        return column.values.explode().drop_nulls().cast(pl.String)
    mark = separator_of(column)
    return column.text.str.split(mark).explode() if mark else column.text


def _groups(column: Column) -> bool:
    """Few values, or a long tail of rare ones behind common ones; never one value alone, never sentences."""
    parts = _parts(column).drop_nulls()
    if parts.n_unique() < 2 or number(parts.str.len_chars().median()) > LONG_TEXT:
        return False
    sizes = parts.value_counts()["count"]
    return parts.n_unique() <= max(20, FEW_VALUES * len(column.text)) or _shared(sizes) > MOST


def _shared(sizes: pl.Series) -> float:
    """Share of the values, counted with their rows, that at least `SHARED_BY` rows have."""
    return float(sizes.filter(sizes >= SHARED_BY).sum()) / max(float(sizes.sum()), 1.0)


def _separator(column: Column | None, answers: Answers) -> Guess:
    setting = "items.attributes_separator"
    said = answered(setting, answers)
    if said or column is None or column.is_list:
        return said or Guess(setting, None, "")
    mark = separator_of(column)
    if mark is None or mark in READ_WITHOUT_ASKING:
        return Guess(setting, None, "")
    return Guess(
        setting, mark, f"{share(column.holding(mark))} of the values hold {mark!r}, such as {column.examples}"
    )
