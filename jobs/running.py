"""Run a Dagster job from the command line: the same jobs, the same instance, the same pages as from the UI."""

import fcntl
import os
import time
from datetime import date
from pathlib import Path

import dagster as dg
import yaml

from jobs.alive import LOCK, alive, bury_the_dead
from jobs.console import console, story
from jobs.graph import build
from nightshift.config import Settings
from nightshift.errors import ConfigError, NightFailed, SourceError
from nightshift.night import Night
from nightshift.tables import GROUP_FACTS, ITEM_FACTS, ITEM_TAG_SCORES, USER_PREFERENCES

WRONG_INPUT = (SourceError.__name__, ConfigError.__name__)
"""Errors of an asset that are the input's fault: the command ends with 2, as it would have before the run."""
INSTANCE = """\
# Written by nightshift. One step at a time in each pool: two models on one machine run slower than one after the other.
concurrency:
  pools:
    default_limit: 1
telemetry:
  enabled: false
nux:
  enabled: false
"""

IN_THE_TERMINAL = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
"""What a run prints is in front of whoever typed it. Copying it to files as well takes Dagster four processes a step."""


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps runs and events of this home; made when missing."""
    folder = settings.home_folder / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        written = folder / f".dagster.yaml.{os.getpid()}"
        written.write_text(INSTANCE)
        written.rename(folder / "dagster.yaml")
    return folder


def open_instance(folder: Path) -> dg.DagsterInstance:
    """Dagster's runs and events, as `dagster.yaml` sets them; output is copied only where that file says where to.

    One process at a time: two that made the tables at once would break each other's.
    """
    with (folder / "opening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = yaml.safe_load((folder / "dagster.yaml").read_text("utf-8")) or {}
        (folder / "terminal.yaml").write_text(yaml.safe_dump({"compute_logs": IN_THE_TERMINAL} | told))
        return dg.DagsterInstance.from_config(str(folder), "terminal.yaml")


def run_job(config: Path, home: Path | None, settings: Settings, job: str, as_of: date) -> None:
    """Run a job for one night. Raises the first failure's message: SourceError when the input is wrong, else NightFailed."""
    definitions = dg.Definitions.merge(build(config, home), dg.Definitions(loggers={"console": story}))
    folder = dagster_home(settings)
    os.environ["DAGSTER_HOME"] = str(folder)  # sub-processes of a run find the same instance
    console.print(f"[bold]{job}[/bold] {as_of}")
    started = time.monotonic()
    with open_instance(folder) as instance, alive(folder) as lock:
        bury_the_dead(instance, folder)
        result = definitions.resolve_job_def(job).execute_in_process(
            partition_key=as_of.isoformat(),
            instance=instance,
            raise_on_error=False,
            tags={LOCK: lock},
            run_config={"loggers": {"console": {}}},
        )
    if not result.success:
        kind, message = _first_failure(result)
        raise (SourceError if kind in WRONG_INPUT else NightFailed)(f"{job} of {as_of} failed. {message}")
    console.print(f"  [dim]done in {time.monotonic() - started:.0f} s, Dagster run {result.run_id[:8]}[/dim]")


def _first_failure(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """Class and message of the error that ended the run."""
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            kind = (cause.cls_name or "") if cause else ""
            return kind, f"{event.step_key}: {cause.message.strip() if cause else 'no message'}"
    return "", "no step failed; see the run in the Dagster UI"


def deferred(night: Night) -> int:
    """Rows that tonight's budget did not afford, as the manifests record them."""
    tables = [t for t in (GROUP_FACTS, ITEM_TAG_SCORES, ITEM_FACTS, USER_PREFERENCES) if night.store.has(t, night.as_of)]
    return sum(int(night.store.manifest(table, night.as_of).metadata.get("deferred", 0)) for table in tables)
