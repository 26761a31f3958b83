"""`nightshift export`: features for a tool that is already there."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import AsOf, Config, Home, named, settings_of
from nightshift.night.config import CONFIG_NAME


def export_command(
    to: Annotated[
        str, typer.Option("--to", help="duckdb, feast, fuxictr, gorse, lightgbm, metarank or rectools.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=named,
            metavar="PATH",
            help="Folder to write: new, empty, or an earlier export, which is replaced as a whole.",
        ),
    ],
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
) -> None:
    """Features of a published night for a tool you already run: files in its formats, and a README that
    says how to load them.

    duckdb: a SQL file with a view for every table and an as-of join. feast: a feature repository with
    every night. fuxictr: pretrained vectors and training rows. gorse: users, items and feedback as JSON
    lines. lightgbm: training rows with lists, as text and as binary datasets. metarank: events in order of
    time, and a configuration. rectools: interactions and features. Calls no model.
    """
    from jobs.console import console
    from nightshift.export import export
    from nightshift.storage.store import Store

    settings = settings_of(config, home)
    store = Store(settings.home_folder)
    with console.status(f"exporting to {to}"):
        done = export(
            store,
            to,
            out,
            as_of.date() if as_of else None,
            settings.registry,
            lambda line: console.print(f"  {line}", markup=False),
        )
    console.print(
        f"night {done.as_of} for {to} is in {done.out}; README.md there says how to load it",
        markup=False,
        soft_wrap=True,
    )
