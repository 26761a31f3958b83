"""`nightshift rejects`: what a night could not use."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, published
from nightshift.night.config import CONFIG_NAME
from nightshift.streams import says_everything


def rejects(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    reason: Annotated[
        str | None, typer.Option(help="Only this reason: refusal, empty, schema, too_long, ...")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Rows of the table; the counts below it are of all rows.")
    ] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Every row as one JSON list, whatever the limit.")
    ] = False,
) -> None:
    """What a published night could not use: table, row, reason, attempts, and what the model said.

    Rows of the sources that were dropped are listed too; they have no attempts. Calls no model.
    """
    from jobs.rejected import Chosen, rejected, show_rejected
    from nightshift.tables import REJECTS

    every, chosen = rejected(published(config, home, as_of, REJECTS.name), Chosen()), Chosen(reason=reason)
    if as_json:
        typer.echo(json.dumps(chosen.of(every).to_dicts(), indent=2, ensure_ascii=not says_everything()))
    else:
        show_rejected(every, chosen, limit)
