"""`nightshift show`: what the models wrote about one item or one user."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.group import Commands
from jobs.commands.options import AsOf, Config, Home, published
from nightshift.night.config import CONFIG_NAME

show_app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="What the models wrote: from which text, when, by which prompt and model, at which cost.",
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

    show_item(published(config, home, as_of, ITEM_FACTS.name), item_id)


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

    show_user(published(config, home, as_of, USER_PREFERENCES.name), user_id)
