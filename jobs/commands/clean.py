"""`nightshift clean`: remove the tables of old nights."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import Config, Home, settings_of
from nightshift.night.config import CONFIG_NAME


def clean(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Newest nights to keep. Default: nights.keep_nights.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would go, with its bytes.")
    ] = False,
) -> None:
    """Remove the tables of old nights. Ledger, models and reports are never touched: a removed night can
    be run again for nothing.

    Nights that newer ones still need are kept as well: the newest training night with what it was made
    from, and the night that the oldest kept one carries rows from.
    """
    from jobs.retention import clean as clean_nights

    clean_nights(settings_of(config, home), keep, dry_run)
