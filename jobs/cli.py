"""The command line. Exit codes: 0 done, 1 the night failed, 2 the input or configuration is wrong, 3
published with fallbacks, 130 stopped."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from jobs.commands.check import check
from jobs.commands.clean import clean
from jobs.commands.costs import costs
from jobs.commands.dataset import dataset
from jobs.commands.demo import demo
from jobs.commands.enrichments import enrichments_app
from jobs.commands.export import export_command
from jobs.commands.group import Commands
from jobs.commands.options import BEGIN, NIGHTS, RESULTS, UPKEEP, named
from jobs.commands.plan import plan
from jobs.commands.rejects import rejects
from jobs.commands.report import report
from jobs.commands.retry import retry
from jobs.commands.run import OVER_BUDGET, run
from jobs.commands.show import show_app
from jobs.commands.train import train
from jobs.commands.ui import ui
from jobs.commands.vocabulary import vocabulary
from jobs.commands.watch import watch
from jobs.init import init
from jobs.signals import end_soon, interrupt_on_signals
from nightshift import __version__
from nightshift.errors import NightshiftError, NightStopped
from nightshift.storage.streams import forgive, let_go

__all__ = ["OVER_BUDGET", "app", "main"]

HELP = "Language models enrich a recommender's features at night, so that none is on duty when a user waits."
EPILOG = (
    "Exit codes: 0 done, 1 the night failed, 2 wrong input or configuration, 3 published with fallbacks "
    "because of the budget, 130 stopped."
)
app = typer.Typer(
    name="nightshift",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nightshift {__version__}")
        raise typer.Exit


ConfigBefore = Annotated[
    Path | None,
    typer.Option(
        "--config",
        parser=named,
        metavar="PATH",
        help="As the command's own --config, which counts where both are given.",
    ),
]
HomeBefore = Annotated[
    Path | None,
    typer.Option(
        "--home",
        parser=named,
        metavar="PATH",
        help="As the command's own --home, which counts where both are given.",
    ),
]
Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version, and end.")
]


@app.callback(help=HELP, epilog=EPILOG)
def before(config: ConfigBefore = None, home: HomeBefore = None, version: Version = False) -> None:
    """Options that may stand before the command; `Commands` hands them on."""


COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    BEGIN: (demo, init, check, dataset, vocabulary),
    NIGHTS: (plan, run, watch, train, ui),
    RESULTS: (report, costs, export_command),
    UPKEEP: (rejects, retry, clean),
}
"""Every command below its heading of `nightshift --help`."""
app.add_typer(show_app, name="show", rich_help_panel=RESULTS)
app.add_typer(enrichments_app, name="enrichments", rich_help_panel=BEGIN)
for _heading, _commands in COMMANDS.items():
    for _command in _commands:
        app.command(_command.__name__.removesuffix("_command"), rich_help_panel=_heading)(_command)


def main() -> None:
    """Entry point: errors raised on purpose become one message and their exit code."""
    forgive()
    interrupt_on_signals()
    try:
        app()
    except NightshiftError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        _end(error.exit_code)
    except KeyboardInterrupt:
        _end(NightStopped.exit_code)
    finally:
        let_go()


def _end(code: int) -> NoReturn:
    if code == NightStopped.exit_code:
        end_soon(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
