"""The screen of `nightshift check`: catalogue and events side by side, what to look at, what comes next."""

from collections.abc import Iterator

from rich.box import ROUNDED, SIMPLE
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from jobs.check import Checked
from jobs.console import console
from nightshift.sources import Description
from nightshift.sources.findings import Finding
from nightshift.sources.languages import INSTALL

BARS = " ▁▂▃▄▅▆▇█"
Fact = tuple[str, str]
WIDE, WIDEST = 100, 76
"""Columns of a terminal from which both panels stand side by side; widest panel."""


def show_checked(checked: Checked) -> None:
    """Everything on one screen."""
    sources, settings = checked.sources, checked.settings
    panels = [
        _panel("catalogue", settings.sources.items.path, catalogue(sources)),
        _panel("events", settings.sources.interactions.path, events(sources)),
    ]
    console.print(Columns(panels, padding=(0, 1)) if console.width >= WIDE else Group(*panels))
    if checked.findings:
        console.print(_findings(checked.findings))
    else:
        console.print("  [green]✓[/green] nothing odd was found\n")
    console.print(_facts(_setup(checked)))
    console.print(f"\nNext: [bold]{escape(checked.next)}[/bold]", soft_wrap=True)


def catalogue(told: Description) -> Iterator[Fact]:
    """The left panel, a fact a line."""
    cold = told.items - told.items_with_events
    yield "items", f"{told.items:,}"
    yield "with events", f"{told.items_with_events:,} [dim]({_share(cold, told.items)} cold)[/dim]"
    yield "text", _quantiles(told.text_chars, "characters")
    yield (
        "title only",
        f"{told.items_without_text:,} [dim]({_share(told.items_without_text, told.items)})[/dim]",
    )
    yield "cut texts", f"{told.capped_texts:,} [dim]({_share(told.capped_texts, told.items)})[/dim]"
    yield "attributes", f"{told.attributes_per_item:.1f} an item, {told.different_attributes:,} different"
    best = sorted(told.languages.items(), key=lambda pair: -pair[1])
    yield (
        "languages",
        ", ".join(f"{name} {part:.0%}" for name, part in best[:4]) or f"not counted: {escape(INSTALL)}",
    )


def events(told: Description) -> Iterator[Fact]:
    """The right panel, a fact a line."""
    yield "events", f"{told.events:,} [dim]{told.feedback} feedback, {told.positives:.0%} positive[/dim]"
    if told.kinds:
        left = f" [dim](left out: {told.other_kinds:,} of other kinds)[/dim]" if told.other_kinds else ""
        yield (
            "kinds",
            ", ".join(
                f"{escape(kind)} {_share(count, told.events)}" for kind, count in list(told.kinds.items())[:4]
            )
            + left,
        )
    yield "users", f"{told.users:,}"
    yield "each user", _quantiles(told.events_per_user, "events")
    yield "time", escape(told.time)
    if told.first and told.last and not told.ordered:
        yield (
            "from, to",
            f"{told.first:%Y-%m-%d} to {told.last:%Y-%m-%d} [dim]({(told.last - told.first).days:,} "
            f"days)[/dim]",
        )
        yield "over time", f"[cyan]{spark(told.activity)}[/cyan]"
    yield "unknown items", f"{told.unknown_items:.1%} [dim]of the events[/dim]"


def spark(counts: tuple[int, ...]) -> str:
    """A bar a span; a span with any event is never blank.

    >>> spark((0, 1, 4, 8))
    ' ▁▄█'
    """
    top = max(counts, default=0) or 1
    return "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in counts)


def _setup(checked: Checked) -> Iterator[Fact]:
    settings = checked.settings
    last = f"to {settings.nights.last}, the last" if settings.nights.last else "on, one a day"
    yield "nights", f"from {settings.nights.first} {last}"
    yield "model", escape(f"{settings.llm.model} ({settings.llm.backend}), encoder {settings.encoder.model}")
    yield "home", escape(str(settings.home_folder))


def _panel(title: str, path: str, facts: Iterator[Fact]) -> Panel:
    name = escape(path if len(path) <= 34 else f"…{path[-33:]}")
    return Panel(
        _facts(facts),
        title=f"[bold]{title}[/bold] [dim]{name}[/dim]",
        title_align="left",
        box=ROUNDED,
        padding=(0, 1),
        width=_width(),
    )


def _width() -> int:
    return min(WIDEST, (console.width - 1) // 2 if console.width >= WIDE else console.width)


def _facts(facts: Iterator[Fact]) -> RenderableType:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, said in facts:
        grid.add_row(name, said)
    return grid


def _findings(findings: tuple[Finding, ...]) -> RenderableType:
    grid = Grid(
        title="To look at",
        title_justify="left",
        title_style="bold",
        box=SIMPLE,
        padding=(0, 1),
        show_header=False,
    )
    grid.add_column(justify="right", no_wrap=True, style="yellow")
    grid.add_column(overflow="fold")
    for finding in findings:
        rows = f"{finding.rows:,}" if finding.rows else "!"
        grid.add_row(rows, Text.from_markup("\n".join(_told(finding))))
    return grid


def _told(finding: Finding) -> Iterator[str]:
    part = f" [dim]({finding.share:.1%} of the rows)[/dim]" if finding.share is not None else ""
    yield escape(finding.what) + part
    if finding.where:
        value = f" holds {finding.value}" if finding.value is not None else " is empty"
        column = f", column {finding.column!r}" if finding.column else ""
        yield f"[dim]first: {escape(f'{finding.where}{column}{value}')}[/dim]"
    if finding.fix:
        yield f"[green]→[/green] {escape(finding.fix)}"


def _quantiles(values: dict[str, int], unit: str) -> str:
    return (
        f"{values['p50']:,} {unit} [dim](p95 {values['p95']:,}, longest {values['max']:,})[/dim]"
        if values
        else f"no {unit}"
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"
