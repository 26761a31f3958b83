"""Run a night, in this process or as the real command line in one of its own, and see what is left of it."""

import hashlib
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from nightshift.errors import NightFailed
from nightshift.night.config import load_settings
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from tests.shop import Shop

ROOT = Path(__file__).parents[2]
BATCH_ROWS = 4


def command_line(shop: Shop, *words: str) -> "subprocess.Popen[str]":
    """Start `nightshift ...` in the shop's folder, as a user does."""
    command = [str(Path(sys.executable).with_name("nightshift")), *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        command, cwd=shop.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def said(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and everything printed, once the process has ended."""
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out


def start(shop: Shop, as_of: date) -> "subprocess.Popen[str]":
    """Start a night."""
    return command_line(shop, "run", "--as-of", as_of.isoformat())


def run(shop: Shop, as_of: date) -> tuple[int, str]:
    """Run a night to its end. Returns the exit code, KILLED when it was killed, and what was printed."""
    return said(start(shop, as_of))


def run_here(shop: Shop, as_of: date) -> str:
    """Run a night in this process. Returns why it failed, or nothing."""
    from jobs.running import run_job

    try:
        run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", as_of)
    except NightFailed as failed:
        return str(failed)
    return ""


def readable(home: Path) -> bool:
    """Whether every manifest that a reader could follow leads to files that are what it says."""
    return all(_true(path) for path in (home / "tables").glob("*/as_of=*/_manifest.json"))


def _true(manifest: Path) -> bool:
    files = json.loads(manifest.read_text())["files"]
    return all(
        hashlib.sha256((manifest.parent / file["name"]).read_bytes()).hexdigest() == file["sha256"]
        for file in files
    )


def paid(home: Path) -> pl.DataFrame:
    """`content_key` of everything that was ever stored as said, as often as it was stored."""
    ledgers = Ledgers(home)
    parts = [part for ledger in (ledgers.answers, ledgers.rejects) for part in ledger.parts()]
    return (
        pl.concat([pl.read_parquet(part, columns=["content_key"]) for part in parts])
        if parts
        else pl.DataFrame({"content_key": []})
    )


def tables(home: Path, as_of: date) -> dict[str, pl.DataFrame]:
    """Every table of a night, each proven whole."""
    store = Store(home)
    found = [name for name, nights in store.published().items() if as_of in nights]
    for name in found:
        store.verify(name, as_of)
    return {name: store.read(name, as_of) for name in found}


def differences(ours: dict[str, pl.DataFrame], theirs: dict[str, pl.DataFrame]) -> list[str]:
    """Names of the tables that are not equal; sums of Float32 may differ in their last digits between two
    processes."""
    return sorted(
        (ours.keys() ^ theirs.keys())
        | {name for name in ours.keys() & theirs.keys() if not _alike(ours[name], theirs[name])}
    )


def _alike(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    try:
        assert_frame_equal(ours, theirs, rel_tol=1e-3, abs_tol=1e-4)
    except AssertionError:
        return False
    return True


def same_bytes(home: Path, other: Path, as_of: date) -> list[str]:
    """Names of a night's tables whose files differ between two homes, by their manifests."""
    ours, theirs = (_files(folder, as_of) for folder in (home, other))
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _files(home: Path, as_of: date) -> dict[str, tuple[str, ...]]:
    store = Store(home)
    nights = [name for name, published in store.published().items() if as_of in published]
    return {name: tuple(file.sha256 for file in store.manifest(name, as_of).files) for name in nights}
