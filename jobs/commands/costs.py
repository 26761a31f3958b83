"""`nightshift costs`: what nights paid."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import Config, Home, settings_of
from nightshift.night.config import CONFIG_NAME


def costs(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    by_table: Annotated[
        bool, typer.Option("--by-table", help="A line for each night, table and model, not for each night.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """What each night paid, and what the ledger spared it: calls, tokens, money, minutes, hit rate. Calls
    no model.

    Rejected answers count, retried ones too. Avoided calls are requests whose answer an earlier night had
    paid for, priced at the mean of their table's calls. A local model costs no dollars, but minutes.
    """
    from jobs.costs import costs as told
    from jobs.costs import show_costs
    from nightshift.storage.ledger import Ledgers
    from nightshift.storage.store import Store

    folder = settings_of(config, home).home_folder
    spent = told(Store(folder), Ledgers(folder), by_table)
    if as_json:
        typer.echo(json.dumps(spent, indent=2))
    elif spent["nights"]:
        show_costs(spent)
    else:
        typer.echo(f"no night under {folder} has asked a model; start one: nightshift run")
