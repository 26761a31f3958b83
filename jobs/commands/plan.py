"""`nightshift plan`: what a night would ask."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, night_of, settings_of
from nightshift.night.config import CONFIG_NAME
from nightshift.night.night import Night


def plan(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """What a night would ask: rows, tokens, money, minutes. Loads no model, calls nothing.

    `pending` is what a run would ask now and below the table why, `deferred` what the night's remaining
    budget does not afford, `rejected` what was asked often enough without an acceptable answer. Tokens,
    money and minutes include the re-asks that are to be expected.
    """
    from jobs.planning import plan_night
    from jobs.show import show_plan

    settings = settings_of(config, home)
    planned = plan_night(Night(settings, night_of(settings, as_of)))
    if as_json:
        typer.echo(json.dumps(planned.as_json(), indent=2))
    else:
        show_plan(planned)
