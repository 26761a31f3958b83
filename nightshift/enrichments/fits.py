"""Fits with a birthday: on which day, of what, and where they are kept.

A fit is learnt on a day of a grid of its own and saved once, under `<home>/models/fits/<name>/`. It sees
events strictly before its day and other tables as of the newest night at or before it, and it serves nights
strictly after it. So what a row reads was learnt from events before the row's own moment, whatever the
moment; the proof is `proved`, which deals everything from the birthday on anew and learns again.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import polars as pl

from nightshift.enrichments.base import FITTED_UNTIL, Arrays, Context, Fitted
from nightshift.enrichments.entities import Reader
from nightshift.errors import ConfigError
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.durable import replaced
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

if TYPE_CHECKING:  # imports SciPy; what only declares does not
    from nightshift.features.proofs import Difference

log = logging.getLogger(__name__)
EPOCH = date(1970, 1, 5)
"""A Monday, on which every grid has a day: weekly fits are those of Mondays."""
ARRAYS, ABOUT = "arrays.npz", "fit.json"
SLICE = 100_000
"""Rows that are hashed at a time."""


@dataclass(frozen=True)
class Fit:
    """What was learnt, and until when it looked."""

    fitted_until: datetime
    arrays: Arrays
    differences: "tuple[Difference, ...]" = ()
    """What it took from its own future; one that took anything is not kept."""

    @property
    def digest(self) -> str:
        """Hash of the arrays."""
        return digest_of_arrays(self.arrays)


def birthday(as_of: date, every_days: int) -> datetime:
    """00:00 UTC of the newest day of the grid strictly before a night."""
    days = (as_of - EPOCH).days - 1
    return datetime.combine(EPOCH + timedelta(days=days - days % every_days), time(), UTC)


@dataclass(frozen=True)
class Past:
    """Tables as a fit may read them: nothing that happened at or after its birthday."""

    name: str
    tables: Reader
    until: datetime
    inputs: tuple[str, ...]

    def read(self, name: str) -> pl.DataFrame:
        """Events before the birthday; the catalogue and other inputs as of the newest night at or before
        it. A home's first fit finds no night of the catalogue, and takes tonight's."""
        if name not in (INTERACTIONS.name, *self.inputs):
            listed = ", ".join(self.inputs)
            raise ConfigError(
                f"enrichment {self.name}: its fit reads {name!r}, which is not in `reads`: {listed}"
            )
        if name == INTERACTIONS.name:
            return before(self.tables.read(name), self.until)
        found = self.tables.known(name, self.until.date())
        return self.tables.read(name) if found is None and name == ITEMS.name else _there(found)

    def last(self, name: str) -> pl.DataFrame:
        """Refused: what a fit was on another night is another fit."""
        raise ConfigError(
            f"enrichment {self.name}: its fit reads last night's {name!r}; a fit knows its own night"
        )

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        """As of the birthday, whatever the day."""
        return self.read(name)

    @property
    def whole(self) -> bool:
        """Whether there is an event, and a night of every input that early."""
        others = [name for name in self.inputs if name not in (INTERACTIONS.name, ITEMS.name)]
        known = all(self.tables.known(name, self.until.date()) is not None for name in others)
        return known and self.read(INTERACTIONS.name).height > 0


def _there(found: pl.DataFrame | None) -> pl.DataFrame:
    assert found is not None, "`whole` is asked first"
    return found


@dataclass(frozen=True)
class Dealt:
    """Tables with other events."""

    tables: Reader
    interactions: pl.DataFrame

    def read(self, name: str) -> pl.DataFrame:
        """The other events, or what the tables have."""
        return self.interactions if name == INTERACTIONS.name else self.tables.read(name)

    def last(self, name: str) -> pl.DataFrame:
        """What the tables have."""
        return self.tables.last(name)

    def known(self, name: str, day: date) -> pl.DataFrame | None:
        """What the tables have."""
        return self.tables.known(name, day)


def before(events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Events strictly before a moment."""
    return events.filter(pl.col("timestamp") < pl.lit(until).cast(MOMENT))


def fit_of(context: Context[Any], keep: bool) -> Fit | None:
    """The fit that the night reads: the one that is kept, else a new one. None before the first.

    `keep`: for a run, which proves a new fit and saves it; a plan does neither.
    """
    past = past_of(context)
    if not past.whole:
        return None
    inputs = {name: digest_of_frame(past.read(name)) for name in (INTERACTIONS.name, *past.inputs)}
    folder = _folder(context, past.until, inputs)
    kept = _load(folder, past.until)
    if kept is not None:
        return kept
    fit = Fit(past.until, learnt(context, past.until))
    if not keep:
        return fit
    fit = dataclasses.replace(fit, differences=tuple(proved(context, fit)))
    if not fit.differences:
        _save(context, folder, fit, inputs)
    return fit


def past_of(context: Context[Any]) -> Past:
    """What the fit of a night may read."""
    until = birthday(context.shared.as_of, _maker(context).every_days)
    return Past(context.each.name, context.tables, until, context.each.inputs)


def learnt(context: Context[Any], until: datetime) -> Arrays:
    """Fit on what was known at a moment. The function gets no home: every table comes through the context."""
    past = Past(context.each.name, context.tables, until, context.each.inputs)
    shared = dataclasses.replace(context.shared, home=_home(context))
    arrays = _maker(context).fit(Context(context.each, shared, past), past.read(INTERACTIONS.name))
    return _sound(context.each.name, arrays)


def proved(context: Context[Any], fit: Fit, seed: int = 0) -> "list[Difference]":
    """Learn again after everything from the birthday on was dealt anew; every value that differs."""
    from nightshift.features.proofs import fit_differences, shuffled_future

    dealt = shuffled_future(context.read(INTERACTIONS.name), fit.fitted_until, seed)
    again = dataclasses.replace(context, tables=Dealt(context.tables, dealt))
    return fit_differences(context.each.name, fit.arrays, learnt(again, fit.fitted_until))


def fits_proved(context: Context[Any], tables: Mapping[date, pl.DataFrame]) -> "list[Difference]":
    """What is wrong with the fits behind the nights of a fitted table: their birthdays, and whether the
    newest comes out the same without its future. `tables`: the table by night."""
    from nightshift.features.proofs import fit_birthdays

    found = fit_birthdays(context.each.name, tables)
    kept = fit_of(context, keep=False) if context.shared.as_of in tables else None
    return found + (proved(context, kept) if kept is not None else [])


def fitted_rows(context: Context[Any], fit: Fit | None) -> pl.DataFrame:
    """Rows of the table, with the fit's birthday; none before the first fit."""
    if fit is None:
        return context.each.table.empty()
    rows = _maker(context).apply(context, fit.arrays)
    until = pl.lit(fit.fitted_until).cast(MOMENT)
    return context.each.table.conform(rows.with_columns(until.alias(FITTED_UNTIL)))


def _maker(context: Context[Any]) -> Fitted:
    assert isinstance(context.each.maker, Fitted)
    return context.each.maker


def _home(context: Context[Any]) -> Path:
    return context.shared.home / "models" / "fits" / context.each.name


def _folder(context: Context[Any], until: datetime, inputs: Mapping[str, str]) -> Path:
    """A folder for each key: name, version, birthday, settings and what is read."""
    said = (context.each.name, str(_maker(context).version), until.isoformat())
    key = content_key("fit", *said, canonical(context.settings), canonical(dict(inputs)))
    return _home(context) / f"{until:%Y-%m-%d}-{key[:16]}"


def _load(folder: Path, until: datetime) -> Fit | None:
    """A fit that is kept and whole."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        with (folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            fit = Fit(until, {name: stored[name] for name in stored.files})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        log.warning("%s cannot be read (%s); it is fitted anew", folder, error)
        return None
    if fit.digest == about["digest"]:
        return fit
    log.warning("%s is not what was saved; it is fitted anew", folder)
    return None


def _save(context: Context[Any], folder: Path, fit: Fit, inputs: Mapping[str, str]) -> None:
    about = {
        "name": context.each.name,
        "night": str(context.shared.as_of),
        FITTED_UNTIL: fit.fitted_until.isoformat(),
        "version": _maker(context).version,
        "inputs": dict(inputs),
        "settings": context.settings.model_dump(mode="json"),
        "digest": fit.digest,
        "arrays": {name: list(values.shape) for name, values in sorted(fit.arrays.items())},
    }
    with replaced(folder) as fresh:
        np.savez(fresh / ARRAYS, allow_pickle=False, **dict(fit.arrays))
        (fresh / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")


def _sound(name: str, arrays: Mapping[str, Any]) -> Arrays:
    """The arrays. Raises ConfigError for one that needs code to be read."""
    found = {array: np.asarray(values) for array, values in arrays.items()}
    for array, values in found.items():
        if values.dtype.kind not in "biufU":
            raise ConfigError(
                f"enrichment {name}: its fit gives {array!r} as {values.dtype}; arrays hold numbers or texts"
            )
    return found


def digest_of_arrays(arrays: Arrays) -> str:
    """Hash of names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def digest_of_frame(frame: pl.DataFrame) -> str:
    """Hash of columns, types and rows in order."""
    digest = hashlib.sha256(str(list(frame.schema.items())).encode())
    for rows in frame.iter_slices(SLICE):
        digest.update(rows.write_ndjson().encode())
    return digest.hexdigest()
