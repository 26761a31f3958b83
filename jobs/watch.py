"""Watch a running night from another terminal: what is published, what is being asked, how fast, for how
much, how long still.

Reads the run's progress file and nothing else: no lock, no model, no Dagster, so it can neither slow a
night nor break it.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text

from jobs.terminal_tables import width_of, without
from nightshift.night.heartbeat import duration, money
from nightshift.night.progress import RunState, Step, newest, runs

REFRESH_SECONDS = 1.0
SYMBOLS = {
    "done": "[green]✓[/green]",
    "running": "[cyan]▶[/cyan]",
    "failed": "[red]![/red]",
    "waiting": "[dim]·[/dim]",
}
WORDS = {"running": "running", "done": "done", "failed": "failed", "stopped": "stopped: its process is gone"}
STATE, BAR = "", " "
"""Columns without a heading."""
COLUMNS = (STATE, "table", "rows", BAR, "asked", "hit rate", "speed", "USD", "time")
BAR_CHARS, SPARED = 12, (BAR, "hit rate", "rows", "speed", "USD")
"""Characters of a bar; columns that a terminal without room for all goes without, these first."""
MESSAGE_CHARS = 400
"""Longest message of a failed table that a frame shows."""


def frame(run: RunState, now: datetime) -> dict[str, Any]:
    """What `watch --json` prints of a run. `usd` is null where a price is unknown, `eta_seconds` where
    nothing can be said yet."""
    state = run.state(now)
    tables = [
        _told(name, run.steps.get(name), now if state == "running" else run.beat_at) for name in run.tables
    ]
    asked = [table for table in tables if table["what"] == "rows"]
    prices = [table["usd"] for table in asked]
    return {
        "as_of": run.as_of.isoformat(),
        "job": run.job,
        "run_id": run.run_id,
        "host": run.host,
        "state": state,
        "started_at": run.started_at.isoformat(),
        "beat_at": run.beat_at.isoformat(),
        "seconds": round(((now if state == "running" else run.beat_at) - run.started_at).total_seconds(), 1),
        "calls": sum(table["done"] for table in asked),
        "tokens": sum(table["tokens"] for table in asked),
        "usd": None if None in prices else round(sum(prices), 6),
        "tables": tables,
    }


def _told(table: str, step: Step | None, until: datetime) -> dict[str, Any]:
    """One table: its state, its rows, and the newest heartbeat."""
    if step is None:
        return {
            "table": table,
            "state": "waiting",
            "rows": None,
            "seconds": None,
            "message": None,
            "what": None,
        }
    said: dict[str, Any] = {
        "table": table,
        "state": step.state,
        "rows": step.rows,
        "message": step.message,
        "what": None,
    }
    said["seconds"] = round(((step.ended_at or until) - step.started_at).total_seconds(), 1)
    if step.beat is None:
        return said
    beat, going = step.beat, step.state == "running" and 0 < step.beat.done < step.beat.total
    return said | {
        "what": beat.what,
        "done": beat.done,
        "total": beat.total,
        "hit_rate": round(beat.hit_rate, 4),
        "tokens": beat.tokens,
        "per_second": round(beat.speed, 1),
        "usd": beat.usd,
        "eta_seconds": round(beat.eta_seconds, 1) if going else None,
    }


def screen(shown: dict[str, Any], width: int) -> RenderableType:
    """A frame as a terminal of `width` characters shows it; a narrow one goes without bars and hit rates,
    and no number is cut."""
    title = (
        f"[bold]{escape(shown['job'])}[/bold] {shown['as_of']}  [dim]run {shown['run_id']} on "
        f"{escape(shown['host'])}[/dim]"
    )
    rows = [_cells(table) for table in shown["tables"]]
    columns = without(
        {name: max(len(name), *(_wide(name, row) for row in rows)) for name in COLUMNS}, width, SPARED
    )
    grid = Grid(
        box=SIMPLE_HEAD, padding=(0, 1), title=title, title_style="", title_justify="left", pad_edge=False
    )
    for name in columns:
        grid.add_column(name.strip(), justify="left" if name == "table" else "right", no_wrap=True)
    for table, cells in zip(shown["tables"], rows, strict=True):
        grid.add_row(
            *(cells.get(name, "") for name in columns), style="dim" if table["state"] == "waiting" else ""
        )
    return Group(grid, *_failures(shown), Text.from_markup(_total(shown)))


def _wide(column: str, cells: dict[str, RenderableType]) -> int:
    cell = cells.get(column, "")
    return width_of([cell]) if isinstance(cell, str) else BAR_CHARS


def _cells(table: dict[str, Any]) -> dict[str, RenderableType]:
    """What stands in each column."""
    cells: dict[str, RenderableType] = {STATE: SYMBOLS[table["state"]], "table": table["table"]}
    cells["rows"] = "" if table["rows"] is None else f"{table['rows']:,}"
    cells["time"] = "" if table["seconds"] is None else duration(table["seconds"])
    if table["what"] is None:
        return cells
    unit = "tok/s" if table["what"] == "rows" else "txt/s"
    cells |= {
        BAR: ProgressBar(total=max(table["total"], 1), completed=table["done"], width=BAR_CHARS),
        "asked": f"{table['done']:,}/{table['total']:,}",
        "hit rate": f"{table['hit_rate']:.0%}",
        "speed": f"{table['per_second']:,.0f} {unit}",
        "USD": money(table["usd"]).removeprefix("$") if table["what"] == "rows" else "",
    }
    return (
        cells if table["eta_seconds"] is None else cells | {"time": f"{duration(table['eta_seconds'])} left"}
    )


def _failures(shown: dict[str, Any]) -> list[RenderableType]:
    failed = [table for table in shown["tables"] if table["message"]]
    return [
        Text.from_markup(f"[red]{table['table']}[/red] {escape(table['message'][:MESSAGE_CHARS])}")
        for table in failed
    ]


def _total(shown: dict[str, Any]) -> str:
    done = sum(table["state"] == "done" for table in shown["tables"])
    said = (
        f"{done} of {len(shown['tables'])} tables, {shown['calls']:,} calls, {shown['tokens']:,} tokens, "
        f"{money(shown['usd'])}"
    )
    colour = {"running": "cyan", "done": "green"}.get(shown["state"], "red")
    how_long = "for" if shown["state"] == "running" else "after"
    return f"[{colour}]{WORDS[shown['state']]}[/{colour}] {how_long} {duration(shown['seconds'])}: {said}"


def idle(home: Path, as_of: date | None) -> str:
    """What is said where no run has left a trace."""
    return f"nothing is running under {home}{f' for {as_of}' if as_of else ''}; start a night: nightshift run"


def watch(
    home: Path,
    as_of: date | None,
    once: bool,
    as_json: bool,
    say: Callable[[str], None] = print,
    console: Console | None = None,
) -> str:
    """Show the running night until it is over, or one frame of it. Returns its state, `idle` where there
    is nothing to watch.

    A night that is over is shown once, as it ended; so is one that runs, where the output is no terminal.
    """
    console = console or Console(highlight=False)
    run = newest(home, datetime.now(UTC), as_of)
    if run is None:
        say(json.dumps({"state": "idle"}) if as_json else idle(home, as_of))
        return "idle"
    shown = frame(run, datetime.now(UTC))
    if as_json:
        say(json.dumps(shown, indent=2))
    elif once or shown["state"] != "running" or not console.is_terminal:
        console.print(screen(shown, console.width))
    else:
        shown = _follow(home, run, console)
    return str(shown["state"])


def _follow(home: Path, run: RunState, console: Console) -> dict[str, Any]:
    """Redraw until the run is over."""
    shown = frame(run, datetime.now(UTC))
    with Live(screen(shown, console.width), console=console, auto_refresh=False) as live:
        while shown["state"] == "running":
            time.sleep(REFRESH_SECONDS)
            run = _again(home, run)
            shown = frame(run, datetime.now(UTC))
            live.update(screen(shown, console.width), refresh=True)
    return shown


def _again(home: Path, run: RunState) -> RunState:
    """The same run, read anew; as it was, should its file be gone."""
    return next((now for now in runs(home, run.as_of) if now.run_id == run.run_id), run)
