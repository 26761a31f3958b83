"""`nightshift dataset`: published data sets as source files with a configuration, and the list of what is read."""

import shlex
from pathlib import Path

from rich.table import Table

from jobs.console import console
from nightshift.config import CONFIG_NAME
from nightshift.datasets.published.base import EVENTS_FILE, ITEMS_FILE, Format
from nightshift.datasets.published.convert import Converted, convert
from nightshift.datasets.published.formats import FORMATS, format_of


def write_dataset(name: str, path: Path, out: Path, only_seen: bool) -> Converted:
    """Convert the data set and say what was written and what to do next."""
    format = format_of(name)
    with console.status(f"reading {format.title}") as status:
        done = convert(format, path, out, only_seen=only_seen, say=status.update)
    for line in told(format, done):
        console.print(line, markup=False, soft_wrap=True)
    return done


def told(format: Format, done: Converted) -> list[str]:
    """What was written, one line each."""
    config = done.out / CONFIG_NAME
    lines = [
        f"{done.out / ITEMS_FILE}: {done.items:,} items",
        f"{done.out / EVENTS_FILE}: {done.events:,} events, of {done.seen:,} different items",
        f"{config}: {'another one was there and is left as it is' if done.config_kept else 'written'}",
        f"licence: {format.licence}",
    ]
    if done.items > 2 * done.seen:
        lines.append(f"{done.items - done.seen:,} items have no event, and every item costs tokens: --only-seen leaves them out")
    return [*lines, f"next: nightshift check --config {shlex.quote(str(config))}"]


def show_formats() -> None:
    """Every format: name, what it is, where it is had, what `--from` names, what its authors ask."""
    table = Table(box=None, padding=(0, 2, 1, 0))
    for column in ("NAME", "--from", "where, and licence"):
        table.add_column(column, no_wrap=column == "NAME")
    for format in FORMATS.values():
        table.add_row(format.name, f"{format.title}: {format.files}", f"{format.home}\n{format.licence}")
    console.print(table)
