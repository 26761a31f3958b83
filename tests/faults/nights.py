"""Run a night that meets with an accident, and see what is left of it.

A night runs as the real command line in a process of its own. It can be told to kill itself with SIGKILL at its n-th
change of a file under its home: before the change, with everything before it done.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from nightshift.config import load_settings
from nightshift.errors import NightFailed
from nightshift.ledger import Ledgers
from nightshift.store import Store
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
BATCH_ROWS = 4


def command_line(shop: Shop, *words: str, kill_at: int = 0) -> "subprocess.Popen[str]":
    """Start `nightshift ...` in the shop's folder."""
    command = [sys.executable, "-m", "tests.faults.nights", str(kill_at), *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(command, cwd=shop.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and everything printed, once the process has ended."""
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out


def start(shop: Shop, as_of: date, kill_at: int = 0) -> "subprocess.Popen[str]":
    """Start a night; `kill_at` 0 leaves it alone."""
    return command_line(shop, "run", "--as-of", as_of.isoformat(), kill_at=kill_at)


def run(shop: Shop, as_of: date, kill_at: int = 0) -> tuple[int, str]:
    """Run a night to its end. Returns the exit code, KILLED when it was killed, and what was printed."""
    return said(start(shop, as_of, kill_at))


def run_here(shop: Shop, as_of: date) -> str:
    """Run a night in this process. Returns why it failed, or nothing."""
    from jobs.running import run_job

    try:
        run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", as_of)
    except NightFailed as failed:
        return str(failed)
    return ""


class Killer:
    """Kills its own process right before the n-th change of a file in the ledger, the tables or the models."""

    def __init__(self, home: Path, changes_left: int) -> None:
        self.folders = tuple(f"{home / name}{os.sep}" for name in ("ledger", "tables", "models"))
        self.left = changes_left

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        if self._changes(event, words):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def _changes(self, event: str, words: tuple[Any, ...]) -> bool:
        if event == "open":  # mode None is an fsync's os.open: what was written is not yet safe
            return str(words[0]).startswith(self.folders) and words[1] in ("w", "wb", None)
        return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") and str(words[0]).startswith(self.folders)


def readable(home: Path) -> bool:
    """Whether every manifest that a reader could follow leads to files that are what it says."""
    return all(_true(path) for path in (home / "tables").glob("*/as_of=*/_manifest.json"))


def _true(manifest: Path) -> bool:
    files = json.loads(manifest.read_text())["files"]
    return all(hashlib.sha256((manifest.parent / file["name"]).read_bytes()).hexdigest() == file["sha256"] for file in files)


def paid(home: Path) -> pl.DataFrame:
    """`content_key` of everything that was ever stored as said, as often as it was stored."""
    ledgers = Ledgers(home)
    parts = [part for ledger in (ledgers.answers, ledgers.rejects) for part in ledger.parts()]
    return pl.concat([pl.read_parquet(part, columns=["content_key"]) for part in parts]) if parts else pl.DataFrame({"content_key": []})


def tables(home: Path, as_of: date) -> dict[str, pl.DataFrame]:
    """Every table of a night, each proven whole."""
    store = Store(home)
    found = [name for name, nights in store.published().items() if as_of in nights]
    for name in found:
        store.verify(name, as_of)
    return {name: store.read(name, as_of) for name in found}


def differences(ours: dict[str, pl.DataFrame], theirs: dict[str, pl.DataFrame]) -> list[str]:
    """Names of the tables that are not equal; sums of Float32 may differ in their last digits between two processes."""
    return sorted((ours.keys() ^ theirs.keys()) | {name for name in ours.keys() & theirs.keys() if not _alike(ours[name], theirs[name])})


def _alike(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    try:
        assert_frame_equal(ours, theirs, rel_tol=1e-3, abs_tol=1e-4)
    except AssertionError:
        return False
    return True


def _main(kill_at: int, words: list[str]) -> None:
    from jobs.cli import main

    if kill_at:
        sys.addaudithook(Killer(Path.cwd() / ".nightshift", kill_at))
    sys.argv = ["nightshift", *words]
    main()


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
