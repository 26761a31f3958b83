"""A night that is killed, or not alone: what was answered stays, and the same command goes on with the
rest."""

import time
from pathlib import Path
from random import Random

import dagster as dg
import pytest

from jobs.running import dagster_home
from nightshift.night.config import load_settings
from nightshift.storage.ledger import Ledgers
from tests.faults import nights
from tests.faults.forks import CALLS, KILLED, Accident, Forks
from tests.shop import Shop

KILLS = 20
CHANGES = 60
"""A run with nothing left to ask changes about seventy files; a kill within so many always meets a run
that still works."""


def calls(shop: Shop) -> list[str]:
    """Content key of every row that the model was asked, as often as it was asked."""
    return (shop.folder / CALLS).read_text().split()


def moments(seed: int) -> list[Accident]:
    """Kills right before a change of a file, and kills from outside up to 20 ms after one: in a write, a
    publish, a batch."""
    draw = Random(seed)
    places = [draw.randint(1, CHANGES) for _ in range(KILLS)]
    return [
        Accident(kill_at=place, delay=draw.uniform(0, 0.02) if n % 2 else None)
        for n, place in enumerate(places)
    ]


@pytest.mark.slow
def test_a_night_killed_twenty_times_loses_no_answer_and_pays_at_most_for_the_batches_in_flight(
    small: Shop, calm, first, forks: Forks
) -> None:
    home, kept = small.folder / ".nightshift", set()
    for accident in moments(seed=20):
        code, printed = forks.run(small.folder, "run", "--as-of", str(first), accident=accident)
        assert code == KILLED, printed
        assert nights.readable(home), "a manifest leads to a file that is not what it says"
        now = set(nights.paid(home)["content_key"])
        assert kept <= now, "an answer was lost"
        kept = now
    code, printed = forks.run(small.folder, "run", "--as-of", str(first))
    assert code == 0, printed
    assert nights.same_bytes(home, calm.home(), first) == []
    stored, rows = sorted(nights.paid(home)["content_key"]), sorted(calm.paid()["content_key"])
    assert stored == rows, "each answer once"
    assert set(calls(small)) == set(rows)
    assert len(calls(small)) <= len(rows) + KILLS * nights.BATCH_ROWS
    assert no_run_is_left_open(small)


def no_run_is_left_open(shop: Shop) -> bool:
    """Whether Dagster knows of every killed run that it is over, and no lock of one is left."""
    folder = dagster_home(load_settings(shop.config))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        statuses = {run.status for run in instance.get_runs()}
    return statuses <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE} and not any(
        (folder / "running").iterdir()
    )


def test_a_command_killed_from_outside_is_continued_by_the_same_command(small, calm, first) -> None:
    home, process = small.folder / ".nightshift", nights.start(small, first)
    while process.poll() is None and len([*home.glob("ledger/answers/*.parquet")]) < 2:
        time.sleep(0.002)
    process.kill()
    assert nights.said(process)[0] == KILLED
    assert nights.readable(home)
    kept = set(nights.paid(home)["content_key"])
    assert 0 < len(kept) < calm.paid().height
    code, printed = nights.run(small, first)
    assert code == 0, printed
    assert nights.same_bytes(home, calm.home(), first) == []
    assert kept <= set(nights.paid(home)["content_key"]) == set(calm.paid()["content_key"])


@pytest.mark.parametrize(
    "numbers", [(0, 0), (0, 1), (0, 0, 1)], ids=["the same night", "two nights", "three runs"]
)
def test_runs_at_once_on_one_home_all_end_well_and_ask_each_row_once(
    numbers: tuple[int, int], small, calm, forks: Forks
) -> None:
    home, dates = small.folder / ".nightshift", [small.nights()[number] for number in numbers]
    running = [forks.start(small.folder, "run", "--as-of", str(as_of)) for as_of in dates]
    for code, printed in [forks.end(small.folder, pid) for pid in running]:
        assert code == 0, printed
    assert nights.readable(home)
    for number, as_of in set(zip(numbers, dates, strict=True)):
        assert nights.differences(nights.tables(home, as_of), calm.tables(number)) == []
    assert set(calls(small)) == set(calm.paid(max(numbers))["content_key"])
    assert len(calls(small)) <= calm.paid(max(numbers)).height + (len(numbers) - 1) * nights.BATCH_ROWS
    assert Ledgers(home).answers.scan().collect()["content_key"].is_unique().all()


def test_a_clock_that_is_set_back_while_a_night_works_changes_nothing(
    small, calm, first, forks: Forks
) -> None:
    home = small.folder / ".nightshift"
    code, printed = forks.run(
        small.folder, "run", "--as-of", str(first), accident=Accident(clock_back=7200.0)
    )
    assert code == 0, printed
    assert times_went_back(home / "ledger" / "answers")
    assert nights.same_bytes(home, calm.home(), first) == []
    assert sorted(calls(small)) == sorted(calm.paid()["content_key"])


def times_went_back(folder: Path) -> bool:
    """Whether parts carry times that are older than those of parts written before them."""
    written = sorted(folder.glob("*.parquet"), key=lambda part: part.stat().st_mtime_ns)
    return written != sorted(written)
