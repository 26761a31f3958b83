"""What a terminal sees of a running job: one line an asset, heartbeats while a model works, failed checks in full."""

import logging
import sys
from typing import Any

import dagster as dg
from rich.console import Console
from rich.markup import escape

PIPED_WIDTH = 110
"""Characters of a line where the output is a file or a pipe and no terminal says how wide it is."""
console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


class StoryHandler(logging.Handler):
    """Turns Dagster's records into the few lines a person wants."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for messages of assets, materializations, failed checks and failures; nothing for the rest."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", None) or {}
        event = meta.get("dagster_event")
        line = _event_line(event) if event is not None else _message_line(record, meta)
        if line:
            console.print(line)


def _message_line(record: logging.LogRecord, meta: dict[str, Any]) -> str | None:
    said = meta.get("orig_message") or record.getMessage()
    return f"    [dim]{escape(str(said))}[/dim]" if record.levelno >= logging.INFO else None


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
