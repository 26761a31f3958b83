"""`nightshift dataset`: turn a published data set into source files."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.commands.options import named
from nightshift.errors import InputError


def dataset(
    name: Annotated[
        str, typer.Argument(help="The format: movielens-1m, amazon-2023, mind, ...; --list names them.")
    ] = "",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", parser=named, metavar="PATH", help="The archive, folder or file as it was downloaded."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=named,
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
