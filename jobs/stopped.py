"""A run that somebody stopped, by Ctrl-C or a signal: known as such, and told in one line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg
import polars as pl
from dagster._core.errors import DagsterExecutionInterruptedError

from jobs.signals import NAMES
from nightshift.errors import NightStopped
from nightshift.night.config import Settings
from nightshift.storage.ledger import Ledgers

INTERRUPTS = (KeyboardInterrupt, DagsterExecutionInterruptedError)
COMMANDS = {"nightly_enrichment": "run", "weekly_training": "train"}
"""The command that goes on with a job."""


@contextmanager
def told_in_a_line(job: str, as_of: date) -> Iterator[None]:
    """Raise NightStopped for a signal that comes before the run begins or after it ended."""
    try:
        yield
    except INTERRUPTS as error:
        raise NightStopped(
            f"stopped: {job} of {as_of}. What was published and answered is stored. {_go_on(job, as_of)}"
        ) from error


def was_stopped(events: Iterable[dg.DagsterEvent]) -> bool:
    """Whether a signal ended the run these events are of."""
    return any(_interrupted(event) for event in events)


def _interrupted(event: dg.DagsterEvent) -> bool:
    if event.event_type == dg.DagsterEventType.STEP_FAILURE:
        error = event.step_failure_data.error
    elif event.event_type == dg.DagsterEventType.RUN_FAILURE:
        error = event.job_failure_data.error
    else:
        return False
    while error is not None and error.cls_name not in NAMES:
        error = error.cause
    return error is not None


def stopped(
    settings: Settings, job: str, as_of: date, run_id: str, events: Iterable[dg.DagsterEvent]
) -> NightStopped:
    """What is stored of a run that was stopped, and how to go on."""
    tables = sum(event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION for event in events)
    ledgers, mine = Ledgers(settings.home_folder), pl.col("run_id") == run_id[:8]
    answers = sum(
        ledger.query(lambda rows: rows.filter(mine).select(pl.len())).item()
        for ledger in (ledgers.answers, ledgers.rejects)
    )
    kept = f"{tables} tables are published, {answers:,} answers of this run are stored"
    return NightStopped(f"stopped: {job} of {as_of}. {kept}. {_go_on(job, as_of)}")


def _go_on(job: str, as_of: date) -> str:
    return f"Go on with: nightshift {COMMANDS[job]} --as-of {as_of} (nothing is asked twice)"
