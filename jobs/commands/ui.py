"""`nightshift ui`: Dagster on this configuration."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import Config, Home, settings_of
from nightshift.night.config import CONFIG_NAME


def ui(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    port: Annotated[int, typer.Option(help="Port of the web server.")] = 3000,
) -> None:
    """Open Dagster on this configuration: the graph, the nights, the checks, the sample rows (`dagster
    dev`)."""
    from jobs.running import dagster_home

    settings = settings_of(config, home)
    environment = os.environ | {
        "DAGSTER_HOME": str(dagster_home(settings)),
        "NIGHTSHIFT_CONFIG": str(config.resolve()),
    }
    if home:
        environment["NIGHTSHIFT_HOME"] = str(home.resolve())
    command = [
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        "-m",
        "jobs.definitions",
        "-p",
        str(port),
    ]
    os.execve(command[0], command, environment)  # in our place, so that stopping us stops Dagster
