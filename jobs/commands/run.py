"""`nightshift run`: one night, or several in order."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, begun, newest, settings_of
from nightshift.errors import ConfigError
from nightshift.night.config import CONFIG_NAME, Settings
from nightshift.night.night import Night

OVER_BUDGET = 3
"""Exit code of a night that was published with fallbacks, because the budget did not afford every row."""


def run(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Several nights: the first of them."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Several nights: the last of them. Default: newest."),
    ] = None,
) -> None:
    """One night: read the sources, ask the models what is missing, publish every table and feature.

    The same Dagster job as in the UI. A killed night is continued by running it again; nothing is asked
    twice. With --from and --to several nights, in order: each is whole before the next begins, and the
    model is loaded once.
    """
    from jobs.after_run import deferred
    from jobs.backfill import run_nights
    from jobs.console import console

    settings = settings_of(config, home)
    nights = _nights(settings, first, last, as_of) if first or last else [begun(settings, as_of)]
    run_nights(config, home, settings, nights)
    left = sum(deferred(Night(settings, night)) for night in nights)
    if left:
        console.print(
            f"[yellow]The budget did not afford {left:,} rows; they carry fallbacks and are first in "
            f"line tomorrow.[/yellow]"
        )
        raise typer.Exit(OVER_BUDGET)


def _nights(
    settings: Settings, first: datetime | None, last: datetime | None, as_of: datetime | None
) -> list[date]:
    from jobs.nights import between

    if first is None or as_of is not None:
        raise ConfigError(
            "several nights are named by --from and --to, one night by --as-of; give one or the other"
        )
    return between(
        settings.nights, first.date(), last.date() if last else newest(settings), datetime.now(UTC)
    )
