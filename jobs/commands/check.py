"""`nightshift check`: read the configuration and the sources, and say what was understood."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import Config, Home, settings_of
from nightshift.errors import InputError
from nightshift.night.config import CONFIG_NAME
from nightshift.streams import says_everything


def check(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object instead of the screen; also when something is wrong."),
    ] = False,
) -> None:
    """Read the configuration and the sources, and say what was understood and what is wrong. Calls no model.

    What stops a night ends with exit code 2 and file, column, row, value and the way out. What is only odd
    is listed, with the first row, and ends with 0.
    """
    from jobs.check import checked
    from jobs.check_screen import show_checked

    try:
        found = checked(settings_of(config, home))
    except InputError as error:
        if as_json:
            typer.echo(
                json.dumps({"ok": False, "error": str(error)}, indent=2, ensure_ascii=not says_everything())
            )
            raise typer.Exit(error.exit_code) from error
        raise
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=not says_everything()))
    else:
        show_checked(found)
