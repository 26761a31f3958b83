"""Days and moments in nightshift.yaml. YAML reads 20261015 as a number, and pydantic a number as seconds
since 1970."""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator

COMPACT = re.compile(r"(?:19|20)\d{6}")
MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?(Z|\+00:00)?$")
WANTED = "a day is written year-month-day, as in 2026-10-15"


def _iso(value: object) -> object:
    """20261015 as 2026-10-15; everything else as it is."""
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not COMPACT.fullmatch(text):
        return value
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _day(value: object) -> date:
    value = _iso(value)
    if isinstance(value, datetime):
        if value.time() != datetime.min.time():
            raise ValueError(f"{value} is a moment, and nights begin at 00:00 UTC; {WANTED}")
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(MIDNIGHT.sub("", str(value).strip()))
    except ValueError:
        raise ValueError(WANTED) from None


Day = Annotated[date, BeforeValidator(_day)]
"""A day: a date, 2026-10-15 as text, or 20261015."""
Moment = Annotated[datetime, BeforeValidator(_iso)]
"""A moment, ISO 8601; 20261015 is the beginning of that day."""
