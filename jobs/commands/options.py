"""What commands share: their options, the night that is meant, and headings of `nightshift --help`."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from nightshift.errors import ConfigError, InputError
from nightshift.night.config import Settings, load_settings, refuse_empty
from nightshift.night.night import Night


def named(given: str | Path) -> Path:
    """A path that was given. An empty one is an unset variable in a script: it must not become the current
    folder."""
    if not str(given).strip():
        raise ConfigError("a path on the command line is empty; is a variable of your script unset?")
    return Path(given)


Config = Annotated[
    Path,
    typer.Option(
        "--config",
        help="nightshift.yaml, or another file.",
        envvar="NIGHTSHIFT_CONFIG",
        parser=named,
        metavar="PATH",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of tables and ledger. Default: .nightshift beside the configuration.",
        parser=named,
        metavar="PATH",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="The night: it knows events strictly before this day, 00:00 UTC. Default: newest.",
    ),
]
BEGIN, NIGHTS, RESULTS, UPKEEP = "Your data", "Nights", "Results", "Upkeep"
"""Headings of `nightshift --help`."""


def settings_of(config: Path, home: Path | None = None) -> Settings:
    """The settings a command works with. Raises ConfigError, also for a variable that is set and empty."""
    refuse_empty(os.environ)
    return load_settings(config, home)


def night_of(settings: Settings, as_of: datetime | None) -> date:
    """The night that is meant. A plan may be of one that is still to come; nothing else may (`begun`)."""
    chosen = as_of.date() if as_of else newest(settings)
    if chosen < settings.nights.first:
        raise ConfigError(
            f"night {chosen} is before the first, {settings.nights.first}; set nights.first or choose "
            f"a later --as-of"
        )
    return chosen


def newest(settings: Settings) -> date:
    """The newest night that has begun and that `nights.last` allows."""
    return min(datetime.now(UTC).date(), settings.nights.last or date.max)


def begun(settings: Settings, as_of: datetime | None) -> date:
    """The night that is meant. Raises ConfigError for one that is still to come."""
    night, last = night_of(settings, as_of), newest(settings)
    if night > last:
        why = "is after nights.last" if settings.nights.last == last else "has not begun"
        raise ConfigError(
            f"night {night} {why}; the newest is {last}: leave out --as-of, or choose an earlier one"
        )
    return night


def published(
    config: Path, home: Path | None, as_of: datetime | None, table: str, by: str = "nightshift run"
) -> Night:
    """The newest night up to `as_of` with this table. Raises InputError, naming the command that publishes
    it, where there is none."""
    from nightshift.storage.store import Store

    settings = settings_of(config, home)
    nights, asked = Store(settings.home_folder).nights(table), as_of.date() if as_of else date.max
    if not nights:
        raise InputError(f"no night of {table} is published under {settings.home_folder}; run one: {by}")
    found = [night for night in nights if night <= asked]
    if not found:
        raise InputError(
            f"no night of {table} is as old as {asked} under {settings.home_folder}; there are "
            f"{nights[0]} to {nights[-1]}"
        )
    if as_of and found[-1] != asked:
        typer.secho(f"{table} has no night {asked}: this is {found[-1]}, the newest before it", err=True)
    return Night(settings, found[-1])
