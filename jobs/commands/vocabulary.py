"""`nightshift vocabulary`: propose a closed vocabulary."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import Config, settings_of
from nightshift.night.config import CONFIG_NAME
from nightshift.streams import says_everything


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

    settings = settings_of(config)
    items = read_items(settings.sources.items, settings.root).frame
    typer.echo(as_yaml(propose(items, noun, tags), says_everything()), nl=False)
