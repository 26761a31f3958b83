"""`nightshift dataset`: published data sets as source files with a configuration, and the list of what is
read."""

import shlex
from pathlib import Path

from jobs.console import console
from nightshift.night.config import CONFIG_NAME
from nightshift.sources.datasets.published.base import EVENTS_FILE, ITEMS_FILE, Format
from nightshift.sources.datasets.published.convert import Converted, convert
from nightshift.sources.datasets.published.formats import FORMATS, format_of


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
        lines.append(
            f"{done.items - done.seen:,} items have no event, and every item costs tokens: "
            f"--only-seen leaves them out"
        )
    return [*lines, f"next: nightshift check --config {shlex.quote(str(config))}"]


def show_formats() -> None:
    """Every format: name, what it is, where it is had, what `--from` names, what its authors ask."""
    for format in FORMATS.values():
        console.print(f"[bold]{format.name}[/bold]  {format.title}", soft_wrap=True)
        for word, said in (("download", format.home), ("--from", format.files), ("licence", format.licence)):
            console.print(f"    {word:<9} {said}", markup=False, soft_wrap=True)
