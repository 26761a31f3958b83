"""What a terminal sees of a running job: one line an asset, heartbeats while a model works, failed checks in full."""

import logging
import re
import sys
from typing import Any

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress

PIPED_WIDTH = 110
"""Characters of a line where the output is a file or a pipe and no terminal says how wide it is."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


BEAT = re.compile(r"(?P<table>\w+): (?P<done>[\d,]+)/(?P<total>[\d,]+) rows \([^)]*\), (?P<rest>.*)")
"""A heartbeat line of `nightshift.heartbeat.Beat`."""


class StoryHandler(logging.Handler):
    """Turns Dagster's records into the few lines a person wants; in a terminal, heartbeats move one bar."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for messages of assets, materializations, failed checks and failures; nothing for the rest."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        said = str(meta.get("orig_message") or record.getMessage())
        beat = BEAT.fullmatch(said) if event is None and console.is_terminal else None
        if beat:
            self._move(beat)
            return
        line = _event_line(event) if event is not None else _message_line(record, said)
        if line:
            self._put_away()
            console.print(line)

    def _move(self, beat: re.Match[str]) -> None:
        """Show the beat on the bar, a new one for each table."""
        if self._bar is None:
            self._bar = Progress(
                "    {task.description:<18}", BarColumn(), "{task.completed:,}/{task.total:,}  {task.fields[rest]}", console=console
            )
            self._bar.add_task(beat["table"], total=1, rest="")
            self._bar.start()
        done, total = (int(beat[name].replace(",", "")) for name in ("done", "total"))
        self._bar.update(self._bar.task_ids[0], description=beat["table"], completed=done, total=total, rest=beat["rest"])

    def _put_away(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


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
            return f"  [{colour}]![/{colour}] {check.asset_key.to_user_string()}.{check.check_name}: {escape(check.description or '')}"
    return None


def _count(rows: Any) -> str:
    return f"{rows.value:>10,} rows" if rows is not None else ""


@dg.logger({}, "A few lines for a person, instead of every event.")
def story(_: dg.InitLoggerContext) -> logging.Logger:
    """Dagster logger that prints the story of a run."""
    logger = logging.Logger("nightshift.story", level=logging.DEBUG)
    logger.addHandler(StoryHandler())
    return logger
