"""Pending rows on disk."""

import os
import time
from pathlib import Path

import polars as pl
import pytest

from nightshift.models.llm.openai_batch import BatchBlock
from pipelines.pipeline import TIDY_EVERY, work_off
from pipelines.work import Place, laid_out

ROWS = pl.DataFrame(
    {"content_key": [f"k{n}" for n in range(10)], "text": [f"déjà vu {n} 👩🏽‍🚀" for n in range(10)]}
)


class Notes:
    """A task that notes what it was given; `missing` is what its ledger has not yet."""

    def __init__(self, known: list[str], fails: bool = False) -> None:
        self.asked: list[list[str]] = []
        self.known = known
        self.fails = fails
        self.tidied = 0

    def do(self, rows: pl.DataFrame) -> None:
        self.asked.append(rows["content_key"].to_list())
        if self.fails:
            raise OSError("the worker dies here")

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~pl.col("content_key").is_in(self.known))

    def tidy(self) -> None:
        self.tidied += 1


def test_batches_come_back_from_disk_as_they_were_and_leave_nothing_behind(tmp_path: Path) -> None:
    batches = [*ROWS.iter_slices(4)]
    with laid_out(tmp_path, "run", batches) as places:
        assert [place.rows().equals(batch) for place, batch in zip(places, batches, strict=True)] == [
            True
        ] * 3
        assert [*(tmp_path / "work").iterdir()]
    assert not [*(tmp_path / "work").iterdir()]


def test_the_folder_goes_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), laid_out(tmp_path, "run", [ROWS]):
        raise OSError("the disk is full")
    assert not [*(tmp_path / "work").iterdir()]


def test_what_a_killed_process_left_is_swept_after_a_week_and_a_run_that_waits_for_a_provider_is_not(
    tmp_path: Path,
) -> None:
    longest = BatchBlock().max_wait_hours * 3600
    for name, age in (("old", 8 * 86_400), ("waiting", longest)):
        (tmp_path / "work" / name).mkdir(parents=True)
        os.utime(tmp_path / "work" / name, (time.time() - age,) * 2)
    with laid_out(tmp_path, "run", [ROWS]):
        pass
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["waiting"]


@pytest.fixture
def place(tmp_path: Path):  # type: ignore[no-untyped-def]
    with laid_out(tmp_path, "run", [ROWS]) as places:
        yield places[0]


def test_a_batch_that_was_finished_is_not_asked_again_by_whoever_is_given_it(place: Place) -> None:
    notes = Notes(known=[])
    work_off(notes, place)
    work_off(notes, Place(place.path, place.number))
    assert notes.asked == [ROWS["content_key"].to_list()]


def test_a_batch_that_a_lost_worker_had_begun_is_asked_for_what_the_ledger_misses(place: Place) -> None:
    with pytest.raises(OSError, match="dies"):
        work_off(Notes(known=[], fails=True), place)
    second = Notes(known=["k0", "k1", "k2"])
    work_off(second, place)
    assert second.asked == [[f"k{n}" for n in range(3, 10)]]


def test_nothing_is_asked_when_the_lost_worker_had_stored_all_of_it(place: Place) -> None:
    with pytest.raises(OSError, match="dies"):
        work_off(Notes(known=[], fails=True), place)
    second = Notes(known=ROWS["content_key"].to_list())
    work_off(second, place)
    assert second.asked == []
    assert place.done


def test_now_and_then_a_worker_tidies_up(tmp_path: Path) -> None:
    notes = Notes(known=[])
    with laid_out(tmp_path, "run", (ROWS.head(1) for _ in range(2 * TIDY_EVERY + 5))) as places:
        for place in places:
            work_off(notes, place)
    assert (len(notes.asked), notes.tidied) == (2 * TIDY_EVERY + 5, 2)
