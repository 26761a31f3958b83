"""What a terminal sees of a running job: one line an asset, heartbeats while a model works, failed checks
in full."""

import logging
import os
import re
import sys
from contextlib import suppress
from typing import Any

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn

from nightshift.night.heartbeat import Beat

PIPED_WIDTH = 110
"""Characters of a line where the output is a file or a pipe, and neither a terminal nor COLUMNS says how
wide it is."""


class StoryConsole(Console):
    """A console whose loss is no loss of the night: where nobody reads any more, or a disk is full, what
    is printed is dropped."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print, if it can be printed."""
        with suppress(OSError):
            super().print(*objects, **how)

    def on_broken_pipe(self) -> None:
        """Print no more; rich would end the process."""
        self.quiet = True


console = StoryConsole(
    highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
)

SKIPPED = re.compile(
    r"Dependencies for step (?P<step>\S+) (?:failed|were not executed): .*Not executing\.", re.DOTALL
)
"""What Dagster logs for every step behind one that failed."""
BARS = (20, 8, 0)
"""Characters of a bar. A narrow terminal goes without the hit rate, then with a shorter bar or none, then
without the speed."""


class StoryHandler(logging.Handler):
    """Turns Dagster's records into the few lines a person wants; in a terminal, heartbeats move one bar a
    table.

    The bar is on standard output where that is a terminal. Where it is a file or a pipe, every heartbeat
    is a line of it, and the bar moves on standard error if that is a terminal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None
        self._table = ""
        self._unmade: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for messages of assets, materializations, failed checks and failures; nothing for
        the rest.

        What cannot be told is reported as logging reports it, and ends nothing.
        """
        try:
            self._tell(record)
        except Exception:
            self.handleError(record)

    def _tell(self, record: logging.LogRecord) -> None:
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        said = str(meta.get("orig_message") or record.getMessage())
        if event is None and (skipped := SKIPPED.fullmatch(said)):
            self._unmade.append(skipped["step"])
            return
        if event is not None and event.event_type == dg.DagsterEventType.RUN_FAILURE:
            self._tell_unmade()
        beat, screen = Beat.of(record), _screen()
        if beat and screen:
            self._move(beat, screen)
        if beat and screen is console:
            return
        line = _event_line(event) if event is not None else _message_line(record, said)
        if line:
            if not beat:
                self._put_away()
            console.print(line)

    def _move(self, beat: Beat, screen: Console) -> None:
        """Show the beat on the table's bar, which is the same one as long as the table is."""
        bar, rest = _fitting(beat, screen.width)
        if self._bar is None or self._table != beat.table:
            self._put_away()
            self._bar, self._table = Progress(console=screen, refresh_per_second=4), beat.table
            self._bar.add_task(self._table, total=beat.total, completed=beat.done, rest=rest)
            self._bar.columns = _columns(bar)
            self._bar.start()
        self._bar.columns = _columns(bar)
        self._bar.update(self._bar.task_ids[0], completed=beat.done, total=beat.total, rest=rest)

    def _tell_unmade(self) -> None:
        """One line for all that hangs on what failed."""
        if self._unmade:
            self._put_away()
            shown, more = ", ".join(self._unmade[:3]), len(self._unmade) - 3
            rest = f" and {more} more" if more > 0 else ""
            console.print(f"    [dim]not made, because what they read failed: {escape(shown)}{rest}[/dim]")
            self._unmade = []

    def _put_away(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _screen() -> Console | None:
    """Where a bar can move: standard output, else standard error, else nowhere."""
    if console.is_terminal:
        return console
    return StoryConsole(stderr=True, highlight=False) if sys.stderr.isatty() else None


def _columns(bar: int) -> tuple[str | ProgressColumn, ...]:
    """Name, bar, counts, and what the heartbeat says of speed, money and time."""
    drawn = (BarColumn(bar),) if bar else ()
    return (
        "    {task.description:<16}",
        *drawn,
        "{task.completed:,}/{task.total:,}",
        "[dim]{task.fields[rest]}[/dim]",
    )


def _fitting(beat: Beat, width: int) -> tuple[int, str]:
    """The longest bar and rest of the line that a terminal takes whole; what is left is always the counts
    and the last word."""
    hit_rate, *said = beat.words()
    room = width - 4 - max(len(beat.table), 16) - len(f" {beat.done:,}/{beat.total:,} ")
    choices = [
        (BARS[0], [hit_rate, *said]),
        *((bar, said) for bar in BARS),
        *((0, said[place:]) for place in range(1, len(said))),
    ]
    fitting = [
        (bar, ", ".join(words))
        for bar, words in choices
        if len(", ".join(words)) + (bar + 1 if bar else 0) <= room
    ]
    return fitting[0] if fitting else (0, said[-1])


def _message_line(record: logging.LogRecord, said: str) -> str | None:
    return f"    [dim]{escape(said)}[/dim]" if record.levelno >= logging.INFO else None


def _event_line(event: dg.DagsterEvent) -> str | None:
    if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
        materialization = event.step_materialization_data.materialization
        rows = materialization.metadata.get("dagster/row_count")
        return f"  [green]✓[/green] {materialization.asset_key.to_user_string():<18} {_count(rows)}"
    if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        if not check.passed:
            colour = "red" if check.severity == dg.AssetCheckSeverity.ERROR else "yellow"
            return (
                f"  [{colour}]![/{colour}] {check.asset_key.to_user_string()}.{check.check_name}: "
                f"{escape(check.description or '')}"
            )
    return None


def _count(rows: Any) -> str:
    return f"{rows.value:>10,} rows" if rows is not None else ""


_TELLER = StoryHandler()
"""Dagster makes several loggers a run: of its steps, and of the run itself. They tell one story."""


@dg.logger({}, "A few lines for a person, instead of every event.")
def story(_: dg.InitLoggerContext) -> logging.Logger:
    """Dagster logger that prints the story of a run."""
    logger = logging.Logger("nightshift.story", level=logging.DEBUG)
    logger.addHandler(_TELLER)
    return logger
