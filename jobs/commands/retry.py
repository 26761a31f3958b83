"""`nightshift retry`: let the next run ask rejected rows again."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, night_of, settings_of
from nightshift.night.config import CONFIG_NAME
from nightshift.night.night import Night


def retry(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    table: Annotated[
        str | None,
        typer.Option(help="Only this table, one that a model is asked about."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only rows whose newest attempt was rejected for this reason.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Only this item, user or group; give it once a row.")
    ] = None,
) -> None:
    """Let the next run ask rejected rows again. Calls no model; says what that run would cost.

    Each chosen row gets as many further attempts as it had at first. What was said and paid stays in the
    ledger and in `nightshift costs`.
    """
    from jobs.planning import plan_night
    from jobs.rejected import Chosen, show_granted
    from jobs.show import show_plan

    settings = settings_of(config, home)
    night = Night(settings, night_of(settings, as_of))
    if show_granted(night.ledgers, Chosen(table, reason, tuple(key or ())), night.prompts):
        show_plan(plan_night(night))
