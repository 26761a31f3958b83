"""The command line.

Exit codes: 0 done, 1 the night failed, 2 the input or configuration is wrong, 3 published with fallbacks,
130 stopped.
"""

import json
import os
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobs.init import init
from nightshift.errors import ConfigError, InputError, NightshiftError, NightStopped
from nightshift.night.config import CONFIG_NAME, Settings, load_settings, refuse_empty
from nightshift.night.night import Night
from nightshift.streams import forgive, let_go, says_everything

app = typer.Typer(
    name="nightshift",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Language models enrich a recommender's features at night, so that none is on duty when a user "
    "waits.",
    epilog="Exit codes: 0 done, 1 the night failed, 2 wrong input or configuration, 3 published with "
    "fallbacks because of the budget, "
    "130 stopped.",
)
show_app = typer.Typer(
    no_args_is_help=True,
    help="What the models wrote: from which text, when, by which prompt and model, at which cost.",
)


def _named(given: str | Path) -> Path:
    """A path that was given. An empty one is an unset variable in a script: it must not become the current
    folder."""
    if not str(given).strip():
        raise ConfigError("a path on the command line is empty; is a variable of your script unset?")
    return Path(given)


Config = Annotated[
    Path,
    typer.Option(
        "--config",
        help="nightshift.yaml, or another file.",
        envvar="NIGHTSHIFT_CONFIG",
        parser=_named,
        metavar="PATH",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of tables and ledger. Default: .nightshift beside the configuration.",
        parser=_named,
        metavar="PATH",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="The night: it knows events strictly before this day, 00:00 UTC. Default: newest.",
    ),
]
OVER_BUDGET = 3
BEGIN, NIGHTS, RESULTS, UPKEEP = "Your data", "Nights", "Results", "Upkeep"
"""Headings of `nightshift --help`."""
app.add_typer(show_app, name="show", rich_help_panel=RESULTS)


def _settings(config: Path, home: Path | None) -> Settings:
    refuse_empty(os.environ)
    return load_settings(config, home)


def _night(settings: Settings, as_of: datetime | None) -> date:
    """The night that is meant. A plan may be of one that is still to come; nothing else may (`_begun`)."""
    chosen = as_of.date() if as_of else _newest(settings)
    if chosen < settings.nights.first:
        raise ConfigError(
            f"night {chosen} is before the first, {settings.nights.first}; set nights.first or choose "
            f"a later --as-of"
        )
    return chosen


def _newest(settings: Settings) -> date:
    return min(datetime.now(UTC).date(), settings.nights.last or date.max)


def _begun(settings: Settings, as_of: datetime | None) -> date:
    night, newest = _night(settings, as_of), _newest(settings)
    if night > newest:
        why = "is after nights.last" if settings.nights.last == newest else "has not begun"
        raise ConfigError(
            f"night {night} {why}; the newest is {newest}: leave out --as-of, or choose an earlier one"
        )
    return night


@app.command(rich_help_panel=BEGIN)
def demo(
    folder: Annotated[
        Path, typer.Option(help="Where nightshift.yaml, the sources and everything written go.")
    ] = Path(),
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded",
            help="With what a larger model wrote elsewhere, at no cost, in .nightshift-recorded.",
        ),
    ] = False,
) -> None:
    """Replay MovieLens-100K as three nights with a real language model, train, and show what it was worth.

    Fetches the model, the encoder and the ratings once (about 180 MB), then takes a few minutes on two
    cores. Running it again continues where it stopped and asks nothing twice.
    """
    from jobs.demo import run_demo, run_recorded_demo

    (run_recorded_demo if recorded else run_demo)(folder)


app.command(rich_help_panel=BEGIN)(init)


@app.command(rich_help_panel=BEGIN)
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
        found = checked(_settings(config, home))
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


@app.command(rich_help_panel=NIGHTS)
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

    settings = _settings(config, home)
    planned = plan_night(Night(settings, _night(settings, as_of)))
    if as_json:
        typer.echo(json.dumps(planned.as_json(), indent=2))
    else:
        show_plan(planned)


@app.command(rich_help_panel=BEGIN)
def dataset(
    name: Annotated[
        str, typer.Argument(help="The format: movielens-1m, amazon-2023, mind, ...; --list names them.")
    ] = "",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", parser=_named, metavar="PATH", help="The archive, folder or file as it was downloaded."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=_named,
            metavar="PATH",
            help="Folder to write: items.parquet, interactions.parquet, nightshift.yaml.",
        ),
    ] = None,
    only_seen: Annotated[
        bool, typer.Option("--only-seen", help="Leave out items without any event.")
    ] = False,
    show_list: Annotated[
        bool, typer.Option("--list", help="Every format: where to get it, which files, which licence.")
    ] = False,
) -> None:
    """Turn a published data set, as downloaded, into source files and a commented nightshift.yaml.
    Downloads nothing.

    Files are read block by block, archives without unpacking them, so data sets larger than memory are
    fine. A nightshift.yaml that is there already and differs is left as it is.
    """
    from jobs.datasets import show_formats, write_dataset

    if show_list:
        show_formats()
    elif not name or source is None or out is None:
        raise InputError(
            "name a format, the download and a folder: nightshift dataset NAME --from PATH --out DIR; "
            "--list names the formats"
        )
    else:
        write_dataset(name, source, out, only_seen)


@app.command(rich_help_panel=BEGIN)
def vocabulary(
    config: Config = Path(CONFIG_NAME),
    noun: Annotated[
        str, typer.Option(help="What an item is called in a prompt: Movie, Book, Product.")
    ] = "Item",
    tags: Annotated[int, typer.Option(min=2, help="Tags of each proposed facet.")] = 20,
) -> None:
    """Propose a closed vocabulary for a new domain, from the catalogue's own words, as YAML. Calls no model.

    Save it beside nightshift.yaml, read and edit it (facets, tags, worked examples), and name it: `tags:
    {vocabulary: mine.yaml}`.
    """
    from nightshift.prompts.vocabulary import as_yaml, propose
    from nightshift.sources import read_items

    settings = _settings(config, None)
    items = read_items(settings.sources.items, settings.root).frame
    typer.echo(as_yaml(propose(items, noun, tags), says_everything()), nl=False)


@app.command(rich_help_panel=NIGHTS)
def run(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Several nights: the first of them."),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Several nights: the last of them. Default: newest."),
    ] = None,
) -> None:
    """One night: read the sources, ask the models what is missing, publish every table and feature.

    The same Dagster job as in the UI. A killed night is continued by running it again; nothing is asked
    twice. With --from and --to several nights, in order: each is whole before the next begins, and the
    model is loaded once.
    """
    from jobs.after_run import deferred
    from jobs.backfill import run_nights
    from jobs.console import console

    settings = _settings(config, home)
    nights = _nights(settings, first, last, as_of) if first or last else [_begun(settings, as_of)]
    run_nights(config, home, settings, nights)
    left = sum(deferred(Night(settings, night)) for night in nights)
    if left:
        console.print(
            f"[yellow]The budget did not afford {left:,} rows; they carry fallbacks and are first in "
            f"line tomorrow.[/yellow]"
        )
        raise typer.Exit(OVER_BUDGET)


def _nights(
    settings: Settings, first: datetime | None, last: datetime | None, as_of: datetime | None
) -> list[date]:
    from jobs.nights import between

    if first is None or as_of is not None:
        raise ConfigError(
            "several nights are named by --from and --to, one night by --as-of; give one or the other"
        )
    return between(
        settings.nights, first.date(), last.date() if last else _newest(settings), datetime.now(UTC)
    )


@app.command(rich_help_panel=NIGHTS)
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
        _settings(config, home).home_folder, as_of.date() if as_of else None, once, as_json, typer.echo
    )
    if state in ("failed", "stopped") and not (once or as_json):
        raise typer.Exit(1)


@app.command(rich_help_panel=NIGHTS)
def train(config: Config = Path(CONFIG_NAME), home: Home = None, as_of: AsOf = None) -> None:
    """Build training rows from all nights so far, train every arm, and say in words what the features are
    worth."""
    from jobs.running import run_job
    from jobs.show import show_lift, show_report
    from nightshift.tables import LIFT

    settings = _settings(config, home)
    night = _begun(settings, as_of)
    run_job(config, home, settings, "weekly_training", night)
    show_lift(Night(settings, night).store.read(LIFT, night))
    show_report(Night(settings, night))


@app.command(rich_help_panel=RESULTS)
def report(config: Config = Path(CONFIG_NAME), home: Home = None, as_of: AsOf = None) -> None:
    """Where the report of a training night is (one HTML page that needs no network), and its table. Calls
    no model."""
    from jobs.show import show_lift, show_report
    from nightshift.tables import LIFT

    night = _published(config, home, as_of, LIFT.name, "nightshift train")
    show_lift(night.store.read(LIFT, night.as_of))
    show_report(night)


@app.command(rich_help_panel=UPKEEP)
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

    every, chosen = rejected(_published(config, home, as_of, REJECTS.name), Chosen()), Chosen(reason=reason)
    if as_json:
        typer.echo(json.dumps(chosen.of(every).to_dicts(), indent=2, ensure_ascii=not says_everything()))
    else:
        show_rejected(every, chosen, limit)


@app.command(rich_help_panel=UPKEEP)
def retry(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    table: Annotated[
        str | None, typer.Option(help="Only this table: group_facts, item_facts, user_preferences.")
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

    settings = _settings(config, home)
    night = Night(settings, _night(settings, as_of))
    if show_granted(night.ledgers, Chosen(table, reason, tuple(key or ()))):
        show_plan(plan_night(night))


@app.command(rich_help_panel=UPKEEP)
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

    clean_nights(_settings(config, home), keep, dry_run)


@app.command(rich_help_panel=RESULTS)
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

    folder = _settings(config, home).home_folder
    spent = told(Store(folder), Ledgers(folder), by_table)
    if as_json:
        typer.echo(json.dumps(spent, indent=2))
    elif spent["nights"]:
        show_costs(spent)
    else:
        typer.echo(f"no night under {folder} has asked a model; start one: nightshift run")


@app.command("export", rich_help_panel=RESULTS)
def export_command(
    to: Annotated[
        str, typer.Option("--to", help="duckdb, feast, fuxictr, gorse, lightgbm, metarank or rectools.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            parser=_named,
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

    store = Store(_settings(config, home).home_folder)
    with console.status(f"exporting to {to}"):
        done = export(
            store,
            to,
            out,
            as_of.date() if as_of else None,
            lambda line: console.print(f"  {line}", markup=False),
        )
    console.print(
        f"night {done.as_of} for {to} is in {done.out}; README.md there says how to load it",
        markup=False,
        soft_wrap=True,
    )


@show_app.command("item")
def show_item_command(
    item_id: Annotated[str, typer.Argument(help="The item's id, as in the table items.")],
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
) -> None:
    """One item: what the model read, chose and wrote."""
    from jobs.show import show_item
    from nightshift.tables import ITEM_FACTS

    show_item(_published(config, home, as_of, ITEM_FACTS.name), item_id)


@show_app.command("user")
def show_user_command(
    user_id: Annotated[str, typer.Argument(help="The user's id, as in the table interactions.")],
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
) -> None:
    """One user: what the model read out of the history."""
    from jobs.show import show_user
    from nightshift.tables import USER_PREFERENCES

    show_user(_published(config, home, as_of, USER_PREFERENCES.name), user_id)


def _published(
    config: Path, home: Path | None, as_of: datetime | None, table: str, by: str = "nightshift run"
) -> Night:
    from nightshift.storage.store import Store

    settings = _settings(config, home)
    nights, asked = Store(settings.home_folder).nights(table), as_of.date() if as_of else date.max
    if not nights:
        raise InputError(f"no night of {table} is published under {settings.home_folder}; run one: {by}")
    found = [night for night in nights if night <= asked]
    if not found:
        raise InputError(
            f"no night of {table} is as old as {asked} under {settings.home_folder}; there are "
            f"{nights[0]} to {nights[-1]}"
        )
    if as_of and found[-1] != asked:
        typer.secho(f"{table} has no night {asked}: this is {found[-1]}, the newest before it", err=True)
    return Night(settings, found[-1])


@app.command(rich_help_panel=NIGHTS)
def ui(
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    port: Annotated[int, typer.Option(help="Port of the web server.")] = 3000,
) -> None:
    """Open Dagster on this configuration: the graph, the nights, the checks, the sample rows (`dagster
    dev`)."""
    from jobs.running import dagster_home

    settings = _settings(config, home)
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


def main() -> None:
    """Entry point: errors raised on purpose become one message and their exit code."""
    forgive()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Dagster has it within a run
    try:
        app()
    except NightshiftError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(NightStopped.exit_code)
    finally:
        let_go()


if __name__ == "__main__":
    main()
