"""`nightshift enrichments`: all there are, what one of them would ask, a first file for a new one."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.commands.group import Commands
from jobs.commands.options import AsOf, Config, Home, newest, night_of
from nightshift.night.config import CONFIG_NAME, load_settings
from nightshift.night.night import Night

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of the screen.")]
Name = Annotated[str, typer.Argument(help="The enrichment's name: its table, and its file.")]


class ListedByDefault(Commands):
    """`nightshift enrichments` is `nightshift enrichments list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words, with `list` in front where no command is among them."""
        named = any(word in self.commands for word in args) or {"-h", "--help"} & set(args)
        bare = not named and (not args or args[0].startswith("-"))
        return super().parse_args(ctx, ["list", *args] if bare else args)


enrichments_app = typer.Typer(
    cls=ListedByDefault,
    help="What models add to what is known: all of it, what one would ask, and a first file for a new one.",
)


@enrichments_app.command("list")
def list_command(config: Config = Path(CONFIG_NAME), home: Home = None, as_json: AsJson = False) -> None:
    """Every enrichment: its table, what a row speaks of, how it is made, its rows, calls and cost so far,
    and where it is declared."""
    from jobs.enrichments import listed
    from jobs.enrichments_screen import show_listed

    settings = load_settings(config, home)
    rows = listed(Night(settings, newest(settings)))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        show_listed(rows)


@enrichments_app.command("check")
def check_command(
    name: Name,
    config: Config = Path(CONFIG_NAME),
    home: Home = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """What one enrichment would show a model: the columns it may read, three prompts, the longest answer, its
    schema, and what a night would ask. Loads no model, calls nothing.

    A mistake in its file is told with file, line, value and what is allowed, and ends with exit code 2.
    """
    from jobs.enrichments import rehearsed
    from jobs.enrichments_screen import show_rehearsed

    settings = load_settings(config, home)
    found = rehearsed(Night(settings, night_of(settings, as_of)), name)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        show_rehearsed(found)


@enrichments_app.command("new")
def new_command(
    name: Name,
    config: Config = Path(CONFIG_NAME),
    entity: Annotated[
        str, typer.Option("--entity", help="What a row speaks of: item, user, group, pair or event.")
    ] = "item",
) -> None:
    """Write a commented first file, `enrichments/NAME.yaml`, that works as it is; edit it, then check it."""
    from jobs.enrichments import write_first

    for line in write_first(config, name, entity):
        typer.echo(line)
