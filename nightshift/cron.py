"""Cron's five fields, checked before a schedule is built of them: the same verdict as Dagster's, with the
field that is wrong."""

import re
from dataclasses import dataclass

FORM = "a schedule has cron's five fields, minute hour day-of-month month day-of-week, such as '0 1 * * *'"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")
"""`*`, `5`, `mon-fri`, `*/15`, `0-30/10`."""
SPECIAL = {
    "day-of-month": re.compile(r"\?|l"),
    "day-of-week": re.compile(rf"\?|l[0-7]|(?:[0-7]|{'|'.join(DAYS)})#[1-5]"),
}
"""`?`, the last day, the last Friday, the second Monday."""
LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of the months, in a leap year."""


@dataclass(frozen=True)
class Field:
    """One of the five: its name, the numbers that it may hold, and names for them from the lowest on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        """The number behind a part. Raises ValueError with what is allowed."""
        value = (
            self.low + self.names.index(text) if text in self.names else int(text) if text.isdecimal() else -1
        )
        if not self.low <= value <= self.high:
            named = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
            raise ValueError(f"{self.name} {text!r} is not {self.low} to {self.high}{named}")
        return value

    def check(self, text: str) -> None:
        """Raise ValueError for the first part of a list that is wrong."""
        for part in text.lower().split(","):
            if self.name in SPECIAL and SPECIAL[self.name].fullmatch(part):
                continue
            found = PART.fullmatch(part)
            if found is None:
                raise ValueError(f"{self.name} {part!r} is no number, range or step")
            for end in (found["first"], found["last"]):
                if end is not None:
                    self.number(end)
            if found["step"] is not None and int(found["step"]) < 1:
                raise ValueError(f"{self.name} {part!r} steps by 0; a step is 1 or more")
        if len({"#" in part for part in text.split(",")}) > 1:
            raise ValueError(f"{self.name} {text!r} mixes the n-th of a month with days of every week")


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day-of-month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day-of-week", 0, 7, DAYS),
)


def checked_cron(cron: str) -> str:
    """The schedule without surrounding space. Raises ValueError that names the field, what it holds and
    what it may hold."""
    texts = cron.split()
    if len(texts) != len(FIELDS):
        raise ValueError(FORM)
    try:
        for field, text in zip(FIELDS, texts, strict=True):
            field.check(text)
        if texts[4] in ("*", "?"):  # a day of the week would do as well
            _some_day(texts[2].lower(), texts[3].lower())
    except ValueError as error:
        raise ValueError(f"{error}; {FORM}") from None
    return cron.strip()


def _some_day(days: str, months: str) -> None:
    """Raise ValueError for days that no month has, such as the 30th of February."""
    listed, named = days.split(","), months.split(",")
    if not all(day.isdecimal() for day in listed) or not all(month.isalnum() for month in named):
        return
    longest = max(LONGEST[FIELDS[3].number(month) - 1] for month in named)
    if min(map(int, listed)) > longest:
        raise ValueError(f"there is no day-of-month {days!r} in month {months!r}")
