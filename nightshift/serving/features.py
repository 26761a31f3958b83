"""Features of a home for serving: the newest whole night, memory-mapped, and the events since.

One object for a process and all its threads. Requests read one state from beginning to end; `refresh` and
`add_events` make the next state beside it and put it in its place, so that a request never meets half of
two nights.
"""

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from nightshift.errors import ArgumentError, NightshiftError
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content_spec import ContentSpec
from nightshift.features.history import EventLog, Ints, without_duplicates
from nightshift.features.rows import Columns
from nightshift.features.settings import FeatureSettings
from nightshift.serving.columns import FAMILIES, candidate_columns
from nightshift.serving.complete_night import WholeNight, newest_whole, whole_night
from nightshift.serving.ids import listed
from nightshift.serving.live import NOBODY, Live, no_events, refitted
from nightshift.serving.night import ServedNight, key_of, open_night
from nightshift.serving.recipe import newest_recipe
from nightshift.storage.store import Store
from nightshift.tables import INTERACTIONS, MOMENT

FOLDER = "serving"
EVENT = ("user_id", "item_id", "timestamp", "label")


@dataclass(frozen=True)
class Opened:
    """Which nights are served, and with what."""

    only: date | None
    codes: bool
    candidates: CandidateSettings | None
    spec: ContentSpec

    def whole(self, store: Store) -> WholeNight:
        """The night there is. Raises NightshiftError when it is not whole."""
        return whole_night(store, self.only, self.codes) if self.only else newest_whole(store, self.codes)


class Reader(Protocol):
    """Takes what a ranker needs of a night beside its features, before the first request meets that night."""

    def read(self, night: ServedNight) -> None:
        """See the class."""
        ...


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the events given to `add_events`."""

    known: int
    """Events that requests now see, earlier calls included."""
    before_the_night: int
    """Events older than the night, which has its own; left out."""
    of_unknown_items: int
    """Events of items that the night's catalogue lacks; kept, and seen when a night has the item."""


def microseconds(now: datetime) -> int:
    """Microseconds since 1970; a moment without a time zone is UTC. Raises ArgumentError for what is no
    moment."""
    if not isinstance(now, datetime):
        raise ArgumentError(
            f"a moment is a datetime (without a time zone: UTC), found {now!r:.60} of type "
            f"{type(now).__name__}; "
            "datetime.combine(day, time()) makes one of a date, datetime.fromtimestamp(seconds, UTC) "
            "one of seconds"
        )
    aware = now if now.tzinfo else now.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND


_MICROSECOND = datetime.resolution


class Features:
    """The features of one home. Open it once a process."""

    def __init__(
        self, store: Store, settings: FeatureSettings, folder: Path, live: Live, opened: "Opened"
    ) -> None:
        self._store, self.settings, self.folder, self._opened = store, settings, folder, opened
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._live, self._cut = live, live
        self._events = pl.DataFrame(schema={name: INTERACTIONS.schema[name] for name in EVENT})
        self._writing = threading.Lock()

    @classmethod
    def open(
        cls,
        home: Path | str,
        settings: FeatureSettings | None = None,
        as_of: date | None = None,
        folder: Path | str | None = None,
        codes: bool = False,
        candidates: CandidateSettings | None = None,
        spec: ContentSpec | None = None,
    ) -> "Features":
        """Open the newest whole night of a home, or the night `as_of`.

        `settings` are those of the training rows (None: what the newest saved ranker was trained with).
        `folder` holds the mapped arrays, `<home>/serving` unless another is named; where they are missing
        they are made, in seconds to minutes. `codes`: nights count as whole only with their semantic ids,
        for a ranker that embeds them (columns of them ask by themselves). `candidates`: settings of the
        candidate stage, for a ranker that reads its scores. `spec`: what of a night is read (None: what the
        newest saved ranker reads).
        Raises NightshiftError when no night is whole, IntegrityError when a table of it is damaged.
        """
        home = Path(home)
        if not home.is_dir():
            raise NightshiftError(
                f"{home} is not there; name the folder that holds tables/ and models/ (default: .nightshift)"
            )
        folder = Path(folder) if folder else home / FOLDER
        if settings is None or spec is None:
            newest, read = newest_recipe(home)
            settings, spec = settings or newest, spec or read
        store, opened = Store(home), Opened(as_of, codes or settings.codes, candidates, spec)
        night = open_night(store, opened.whole(store), settings, folder, candidates, spec)
        return cls(store, settings, folder, _live(night), opened)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a name: whoever unpickles it maps the same night's arrays from the same home, with
        the events that were added."""
        with self._writing:
            home, folder = self._store.home.resolve(), self.folder.resolve()
            return _reopened, (
                home,
                self.settings,
                folder,
                self._live.night.as_of,
                self._opened,
                self._events,
                self._live.until,
            )

    @property
    def codes(self) -> bool:
        """Whether nights come with their semantic ids."""
        return self._opened.codes

    @property
    def candidates(self) -> CandidateSettings | None:
        """Settings of the candidate stage whose scores are served; None for none."""
        return self._opened.candidates

    @property
    def spec(self) -> ContentSpec:
        """What of a night is read."""
        return self._opened.spec

    @property
    def as_of(self) -> date:
        """The night that is served."""
        return self._live.night.as_of

    @property
    def night(self) -> ServedNight:
        """The night that is served, as mapped arrays."""
        return self._live.night

    def attach(self, reader: "Reader") -> None:
        """Let a ranker read every night before it is served, this one first, for as long as somebody holds
        the ranker."""
        with self._writing:
            reader.read(self._live.night)
            self._readers.add(reader)

    def refresh(self) -> bool:
        """Serve the newest whole night if it is another one; True when it is. Milliseconds when nothing
        changed.

        Keeps the night that is served while it, or a newer one, is being published, and never goes back to
        an older one. Events added before are kept where the new night does not know them yet. Safe beside
        requests; call it from a timer.
        """
        with self._writing:
            try:
                whole = self._opened.whole(self._store)
                same = key_of(whole, self.settings, self.candidates, self.spec) == self._live.night.key
                if same or whole.as_of < self._live.night.as_of:
                    return False
                night = open_night(self._store, whole, self.settings, self.folder, self.candidates, self.spec)
                for reader in self._readers:
                    reader.read(night)
            except NightshiftError:
                return False
            self._put(_live(night), self._live.until)
            return True

    def add_events(self, events: pl.DataFrame, until: datetime | None = None) -> Added:
        """Let requests see events since the night: columns user_id, item_id, timestamp, label (1 positive,
        0 negative).

        `until` says up to where the stream is complete (default: the newest event): collaborative scores
        are refitted when it passes a refit point, which takes seconds in this call and never in a request.
        Costs time in proportion to the events since the night, so hand them over in batches. Raises
        PolarsError for a frame without these columns.
        """
        fresh = events.select(pl.col(name).cast(INTERACTIONS.schema[name]) for name in EVENT).drop_nulls()
        with self._writing:
            self._events = pl.concat([self._events, fresh])
            known = max(self._live.until, microseconds(until)) if until is not None else self._live.until
            return self._put(_live(self._live.night), known)

    def columns(self, user: str, candidates: Sequence[str], now: datetime | None = None) -> pl.DataFrame:
        """The feature columns of candidates for a user, as `ranking_examples` has them for the same events
        and moment.

        One row a candidate, in order. Where the source has lists (impressions), the candidates are one.
        """
        candidates = listed(candidates)  # type: ignore[assignment]
        live, moment = self.at(now)
        families = tuple(name for name in FAMILIES if name in self.settings.families)
        found = candidate_columns(
            live, user, live.user(user), live.night.items.of(candidates), moment, families
        )
        return pl.DataFrame(
            {"item_id": list(candidates)} | {name: _full(found, name, len(candidates)) for name in found}
        )

    def at(self, now: datetime | None) -> tuple[Live, int]:
        """What is known at a moment, and the moment in microseconds: `now`, or the night's 00:00 UTC where
        `now` is before it."""
        live = self._live
        moment = max(microseconds(datetime.now(UTC) if now is None else now), live.night.moment)
        if moment > live.newest or not len(live.added.time):
            return live, moment
        cut = self._cut
        kept = int(np.searchsorted(live.added.time, moment))
        if cut.night is not live.night or len(cut.added.time) != kept or cut.refits is not live.refits:
            cut = self._cut = live.before(moment)
        return cut, moment

    def _put(self, bare: Live, until: int) -> Added:
        """Serve a night with the events that were added and that it does not know."""
        late = self._events.filter(self._events["timestamp"].to_physical() >= bare.night.moment)
        known = bare.night.items.of(late["item_id"].to_list()) < len(bare.night.items)
        before, unknown = self._events.height - late.height, int((~known).sum())
        self._events = late
        log, users = _encoded(late.filter(pl.Series(known, dtype=pl.Boolean)), bare.night)
        newest = int(log.time[-1]) if len(log.time) else bare.until
        live = replace(bare, added=log, new_users=users, until=max(until, newest, bare.until))
        same_night = self._live.refits if self._live.night.key == bare.night.key else ()
        self._live = refitted(live, same_night)
        return Added(len(log.time), before, unknown)


def _reopened(
    home: Path,
    settings: FeatureSettings,
    folder: Path,
    as_of: date,
    opened: Opened,
    events: pl.DataFrame,
    until: int,
) -> Features:
    """What `__reduce__` names. Raises NightshiftError when the night is not there (any more)."""
    store = Store(home)
    night = open_night(store, whole_night(store, as_of, opened.codes), settings, folder, opened.candidates)
    features = Features(store, settings, folder, _live(night), opened)
    features._events = events
    features._put(_live(night), until)
    return features


def _live(night: ServedNight) -> Live:
    return refitted(Live(night, no_events(), night.moment))


def _encoded(events: pl.DataFrame, night: ServedNight) -> tuple[EventLog, dict[str, int]]:
    """Events as a log in the night's numbers, and numbers for users who are new."""
    whole = without_duplicates(events.with_columns(request_id=pl.lit(None, pl.String)))
    names = whole["user_id"].to_list()
    user = night.users.of(names)
    absent = sorted({names[place] for place in np.flatnonzero(user >= len(night.users)).tolist()})
    new = {name: len(night.users) + place for place, name in enumerate(absent)}
    user = np.array(
        [new.get(name, number) for name, number in zip(names, user.tolist(), strict=True)], np.int64
    )
    time: Ints = whole["timestamp"].cast(MOMENT).to_physical().to_numpy()
    return EventLog(
        NOBODY, NOBODY, user, night.items.of(whole["item_id"].to_list()), time, whole["label"].to_numpy()
    ), new


def _full(columns: Columns, name: str, rows: int) -> pl.Series:
    return pl.Series(name, np.broadcast_to(columns[name], rows).copy(), pl.Float32)
