"""The screens of `nightshift init`: what was guessed and why, what was written, what comes next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table as Grid

from jobs.check import next_step
from jobs.console import console
from nightshift.night.config import Settings
from nightshift.sources import EventsRead, ItemsRead
from nightshift.sources.onboarding import Draft, Guess, Nights
from nightshift.sources.onboarding.tags import Tags


def show_draft(draft: Draft) -> None:
    """Guess, column, why: a table for each source."""
    for block, title in (("items", "The catalogue"), ("interactions", "The events")):
        guesses = [guess for guess in draft.told if guess.setting.startswith(f"{block}.")]
        name = f"{title}  [dim]{escape(str(guesses[0].value))}: {guesses[0].why}[/dim]"
        grid = Grid(title=name, title_justify="left", title_style="bold", box=SIMPLE, padding=(0, 1))
        grid.add_column("setting", no_wrap=True, style="dim")
        grid.add_column("guess", overflow="fold", min_width=14)
        grid.add_column("why", overflow="fold")
        for guess in guesses[1:]:
            grid.add_row(guess.setting.partition(".")[2], _value(guess), escape(guess.why))
        console.print(grid)


def _value(guess: Guess) -> str:
    if guess.value is None:
        return "[red]not known[/red]" if guess.needed else "[dim]none[/dim]"
    words = escape(plain(guess.value))
    return f"[green]{words}[/green]" if guess.sure else f"[yellow]{words} ?[/yellow]"


def plain(value: Any) -> str:
    """A value as it is typed after a flag."""
    return ", ".join(value) if isinstance(value, list) else str(value)


def show_written(
    out: Path,
    draft: Draft,
    settings: Settings,
    nights: Nights,
    items: ItemsRead,
    events: EventsRead,
    tags: Tags,
) -> None:
    """Where the files are, that the sources were read with them, and the commands that follow."""
    read = (
        f"{items.frame.height:,} items and {events.frame.height:,} events of "
        f"{events.frame['user_id'].n_unique():,} users were read with it"
    )
    console.print(f"[green]✓[/green] wrote [bold]{escape(str(out))}[/bold]: {read}", soft_wrap=True)
    _show_tags(tags)
    doubtful = [guess.flag for guess in draft.questions]
    if doubtful:
        console.print(
            f"  [yellow]?[/yellow] taken without asking: {', '.join(doubtful)}; read the reasons above",
            soft_wrap=True,
        )
    console.print("\nNext:")
    _commands(_next(settings, nights))
    console.print(
        "\nTo know what it is worth, publish nights before the events it learns from, often enough "
        "that no row reads an old one:"
    )
    _commands(_judgement(nights))
    console.print("\nTo ask a model something of your own, in one file:")
    _commands(_own())


def _show_tags(tags: Tags) -> None:
    """The proposed facets with their first tags, or why there are none."""
    name = escape(tags.path.name)
    if tags.vocabulary is None:
        console.print(f"[yellow]![/yellow] no {name}: {escape(tags.why)}", soft_wrap=True)
        return
    facets = "; ".join(f"{facet.name}: {', '.join(facet.tags[:5])}, ..." for facet in tags.vocabulary.facets)
    done = "wrote" if tags.written else "kept"
    why = (
        "tags from the catalogue's own words"
        if tags.written
        else "it was there, and changing it asks every item again"
    )
    console.print(f"[green]✓[/green] {done} [bold]{name}[/bold]: {why}; {escape(facets)}", soft_wrap=True)


def _commands(commands: Iterator[tuple[str, str]]) -> None:
    for command, about in commands:
        console.print(f"  [bold]{escape(command):<56}[/bold] [dim]# {escape(about)}[/dim]", soft_wrap=True)


def _next(settings: Settings, nights: Nights) -> Iterator[tuple[str, str]]:
    yield "nightshift check", "what was understood, what is odd"
    wanted = next_step(settings)
    if wanted.startswith("nightshift vocabulary"):
        yield wanted, "tags from your catalogue's own words; read it, edit it"
    yield "nightshift plan", f"what the night of {nights.newest} would ask; calls nothing"
    yield "nightshift run", "that night"


def _judgement(nights: Nights) -> Iterator[tuple[str, str]]:
    """The nights that a first training needs, oldest first."""
    recent = "a recent night for the rows after it; asks what changed"
    about = dict.fromkeys(nights.between, recent)
    about |= {
        nights.first: "a tenth of the events lies before it",
        nights.middle: "where training ends",
        nights.newest: "the newest",
    }
    for night in nights.of_a_judgement:
        yield f"nightshift run --as-of {night}", about[night]
    yield "nightshift train", "the features against placebos, in words and as a page"


def _own() -> Iterator[tuple[str, str]]:
    yield "nightshift enrichments new NAME", "a first file for what a model shall say of your items or users"
    yield "nightshift enrichments check NAME", "what it would ask; calls nothing"
