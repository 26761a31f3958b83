"""Which nights a source needs: some spread over its events, so that every training row reads a night that
is not old, and the newest."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources import SourcesSettings, read_interactions, read_items

FIRST_SHARE, TRAINED_SHARE = 0.1, 0.6
"""Shares of the events before the first night, and before the night at which training ends
(`examples.train_share`)."""
BETWEEN = (0.2, 0.3, 0.4, 0.5, 0.8)
"""Shares of the events before further nights: a row of training or of the test reads a night with about a
tenth of the events since. A single early night would know one event of most users, and nothing could be
learnt from it."""
GOES_ON = timedelta(days=7)
"""Data whose newest event is older than this has ended."""


@dataclass(frozen=True)
class Nights:
    """The nights of a new configuration. A night knows events strictly before its day, 00:00 UTC."""

    first: date
    middle: date
    newest: date
    ended: bool
    """The data has ended: the newest night is the last there is."""
    why: tuple[str, ...]
    """The reasons, a sentence each."""
    between: tuple[date, ...] = ()
    """Further nights over training and test, so that no row reads an old one."""

    @property
    def of_a_judgement(self) -> list[date]:
        """The nights to run before training, oldest first, each once."""
        return sorted({self.first, *self.between, self.middle, self.newest})


def nights_of(sources: SourcesSettings, root: Path) -> Nights:
    """The nights of mapped files, bad rows left out. Raises SourceError when none can be used."""
    lenient = {"max_rejected_share": 1.0}
    now, events = datetime.now(UTC), sources.interactions.model_copy(update=lenient)
    catalogue = read_items(sources.items.model_copy(update=lenient), root).frame
    found = read_interactions(events, root, catalogue, before=None, now=now).frame
    if found.is_empty():
        raise SourceError(f"{events.path} holds no event that can be used")
    return choose_nights(found, now, events.timestamp_unit == "order")


def choose_nights(events: pl.DataFrame, now: datetime, ordered: bool = False) -> Nights:
    """From accepted events (`timestamp`) and the wall clock. `ordered`: the source has an order and no
    times."""
    if ordered:
        days = [date(2000, 12, 28), date(2000, 12, 31), date(2001, 1, 1)]
        return Nights(
            days[0],
            days[1],
            days[2],
            True,
            ("The source has no times: every user's last event is laid on 2000-12-31.",),
        )
    times = events["timestamp"]
    first, middle = (
        _day_after(times.quantile(part, "nearest"), now) for part in (FIRST_SHARE, TRAINED_SHARE)
    )
    between = tuple(_day_after(times.quantile(part, "nearest"), now) for part in BETWEEN)
    last = times.max()
    newest, ended = _day_after(last, now), isinstance(last, datetime) and now - last > GOES_ON
    known = events.filter(
        pl.col("timestamp") < datetime.combine(first, datetime.min.time(), UTC)
    ).height / max(events.height, 1)
    why = [
        f"Events go from {_day(times.min())} to {_day(last)}; the first night knows {known:.0%} of them.",
        "Later events become training rows, once nights are published before them; a row reads the "
        "newest night before it,",
        f"so publish several: {', '.join(map(str, sorted({first, *between, middle})))}.",
    ]
    return Nights(
        first,
        middle,
        newest if ended else max(newest, now.astimezone(UTC).date()),
        ended,
        tuple(why),
        between,
    )


def _day(moment: object) -> str:
    return str(moment.date()) if isinstance(moment, datetime) else "nowhere"


def _day_after(moment: object, now: datetime) -> date:
    """The first night that knows the moment, never later than today."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else now.date()
    return min(day + timedelta(days=1), now.astimezone(UTC).date())
