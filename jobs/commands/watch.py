"""`nightshift watch`: a running night, live."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, settings_of
from nightshift.night.config import CONFIG_NAME


def watch(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    once: Annotated[bool, typer.Option("--once", help="One frame, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One frame as a JSON object, then end.")] = False,
) -> None:
    """A running night, live, in another terminal: what is published, asked, paid, how fast, how long
    still. Ends with the night.

    Reads one small file under the home: no lock, no model. Default: the night that is running, else the
    one that ran last.
    """
    from jobs.watch import watch as follow

    state = follow(
        settings_of(config, home).home_folder, as_of.date() if as_of else None, once, as_json, typer.echo
    )
    if state in ("failed", "stopped") and not (once or as_json):
        raise typer.Exit(1)
