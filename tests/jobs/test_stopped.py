"""A night that somebody stops: one line, exit code 130, a run that is closed in Dagster, and a command
that goes on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from jobs.running import dagster_home, open_instance
from jobs.stopped import told_in_a_line
from nightshift.errors import NightStopped
from nightshift.night.config import load_settings
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
BARE = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}


def stopped(shop: Shop, how: signal.Signals, when: Callable[[], bool], *words: str) -> tuple[int, list[str]]:
    """Exit code and lines of a command that gets the signal as soon as something is so."""
    command = [sys.executable, "-m", "jobs.cli", "run", *words]
    process = subprocess.Popen(
        command, cwd=shop.folder, env=BARE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while process.poll() is None and not when():
        time.sleep(0.002)
    process.send_signal(how)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out.splitlines()


def has_answers(shop: Shop) -> Callable[[], bool]:
    return lambda: any((shop.folder / ".nightshift" / "ledger" / "answers").glob("*.parquet"))


def statuses(shop: Shop) -> list[dg.DagsterRunStatus]:
    with open_instance(dagster_home(load_settings(shop.config))) as instance:
        return [run.status for run in instance.get_runs()]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_night_says_in_one_line_what_is_stored_and_is_closed(
    shop: Shop, how: signal.Signals
) -> None:
    shop.write(beam={"batch_rows": 4})
    night = str(shop.nights()[0])
    code, lines = stopped(shop, how, has_answers(shop), "--as-of", night)
    assert code == 130, lines
    assert not any("Traceback" in line for line in lines)
    assert lines[-1].startswith(f"stopped: nightly_enrichment of {night}. ")
    assert "answers of this run are stored. " in lines[-1]
    assert lines[-1].endswith(f"Go on with: nightshift run --as-of {night} (nothing is asked twice)")
    assert [line for line in lines if "stopped" in line] == lines[-1:]
    assert statuses(shop) == [dg.DagsterRunStatus.FAILURE]
    assert list((shop.folder / ".nightshift" / "dagster" / "running").iterdir()) == []


def test_several_nights_that_are_stopped_say_which_were_not_begun(shop: Shop) -> None:
    shop.write(beam={"batch_rows": 4})
    first, *_, last = map(str, shop.nights())
    code, lines = stopped(shop, signal.SIGINT, has_answers(shop), "--from", first, "--to", last)
    assert code == 130, lines
    assert f"Go on with --from {first} --to {last}." in lines[-1]


def test_a_signal_before_the_run_begins_is_one_line_as_well(shop: Shop) -> None:
    home = shop.folder / ".nightshift" / "dagster"
    code, lines = stopped(shop, signal.SIGTERM, lambda: (home / "opening.lock").exists())
    assert code == 130, lines
    assert not any("Traceback" in line for line in lines), lines


def test_a_signal_outside_of_a_run_is_told_with_the_way_on() -> None:
    words = r"stopped: weekly_training of 2026-11-23\..*nightshift train --as-of 2026-11-23"
    with pytest.raises(NightStopped, match=words), told_in_a_line("weekly_training", date(2026, 11, 23)):
        signal.raise_signal(signal.SIGINT)
