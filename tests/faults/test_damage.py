"""Damaged homes: a run mends what it can mend, asks only for what is gone, and ends as if nothing had
happened."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nightshift.storage.ledger import Ledgers
from tests.faults import nights


def _newest(home: Path, pattern: str) -> Path:
    return sorted(home.glob(pattern))[-1]


def tear_an_answer_part(home: Path) -> None:
    part = _newest(home, "ledger/answers/*.parquet")
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])


def flip_a_byte_of_a_ledger_part(home: Path) -> None:
    _flip(_newest(home, "ledger/answers/*.parquet"))


def flip_a_byte_of_a_published_table(home: Path) -> None:
    _flip(_newest(home, "tables/item_facts/*/part-*.parquet"))


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def lose_every_vector(home: Path) -> None:
    for part in home.glob("ledger/vectors/*.parquet"):
        part.write_bytes(b"")


def delete_a_manifest(home: Path) -> None:
    _newest(home, "tables/item_features/*/_manifest.json").unlink()


def tear_a_manifest(home: Path) -> None:
    path = _newest(home, "tables/item_facts/*/_manifest.json")
    path.write_text(path.read_text()[:100])


def leave_old_leftovers(home: Path) -> None:
    half = home / "tables" / "item_facts" / ".as_of=2024-01-11.0badcafe"
    half.mkdir()
    hidden = home / "ledger" / "answers" / ".01-run-digest.parquet.0badcafe"
    hidden.write_bytes(b"half a part")
    for path in (half, hidden):
        os.utime(path, (time.time() - 200_000,) * 2)


def stop_between_two_renames(home: Path) -> None:
    folder = next((home / "tables" / "item_facts").glob("as_of=*"))
    folder.rename(folder.with_name(f".{folder.name}.replaced-0badcafe"))


def set_the_clock_back(home: Path) -> None:
    """Parts written before the clock was set back carry names of the future."""
    for part in home.glob("ledger/*/*.parquet"):
        part.rename(part.with_name("09" + part.name[2:]))


DAMAGES: list[tuple[Callable[[Path], None], ...]] = [
    (tear_an_answer_part, flip_a_byte_of_a_published_table, delete_a_manifest, leave_old_leftovers),
    (flip_a_byte_of_a_ledger_part, tear_a_manifest, set_the_clock_back),
    (lose_every_vector, stop_between_two_renames),
]
"""What one run has to mend at once."""


@pytest.mark.parametrize(
    "damages", DAMAGES, ids=lambda damages: " and ".join(damage.__name__ for damage in damages)
)
def test_a_run_mends(damages: tuple[Callable[[Path], None], ...], after, calm, first) -> None:
    home = after.folder / ".nightshift"
    for damage in damages:
        damage(home)
    left = set(Ledgers(home).answers.keys())
    assert nights.run_here(after, first) == ""
    assert nights.differences(nights.tables(home, first), calm.tables()) == []
    assert set(Ledgers(home).answers.keys()) == set(calm.paid()["content_key"]) >= left
    assert not [*home.glob("tables/*/.as_of=*"), *home.glob("ledger/*/.*.parquet.*")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Put the ledger on a small disk of its own, with mount options that can be changed; needs the right
    to mount."""
    folder = tmp_path / ".nightshift" / "ledger"
    folder.mkdir(parents=True)
    made = _mount("-t", "tmpfs", "-o", "size=64k", "none", str(folder))
    if made.returncode:
        pytest.skip(f"no right to mount a small disk: {made.stderr.strip()}")
    yield lambda options: _mount("-o", f"remount,{options}", str(folder)).check_returncode()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("bad", "good", "message"),
    [("size=64k", "size=64m", "No space left"), ("ro", "rw,size=64m", "Read-only")],
)
def test_a_disk_that_cannot_be_written_fails_the_night_and_the_next_run_goes_on(
    bad, good, message, disk, small, calm, first
) -> None:
    disk(bad)
    assert message in nights.run_here(small, first)
    home = small.folder / ".nightshift"
    assert nights.readable(home)
    disk(good)
    assert nights.run_here(small, first) == ""
    assert nights.differences(nights.tables(home, first), calm.tables()) == []
    assert sorted(nights.paid(home)["content_key"]) == sorted(calm.paid()["content_key"])
