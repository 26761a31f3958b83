"""`nightshift export` in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.served import Served
from tests.shop import Shop

ROOT = Path(__file__).parents[2]


def nightshift(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", "jobs.cli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_the_command_writes_a_folder_and_says_where_it_is(home: Served, shop: Shop) -> None:
    done = nightshift(
        "export",
        "--to",
        "duckdb",
        "--out",
        "out",
        "--home",
        str(home.home),
        "--as-of",
        "2024-01-16",
        cwd=shop.folder,
    )
    assert done.returncode == 0, done.stderr
    assert "nightshift.sql" in done.stdout
    assert f"night 2024-01-15 for duckdb is in {shop.folder / 'out'}" in done.stdout
    assert (shop.folder / "out" / "nightshift.sql").exists()


def test_wrong_options_end_with_2_and_name_the_way_out(home: Served, shop: Shop) -> None:
    unknown = nightshift("export", "--to", "excel", "--out", "out", "--home", str(home.home), cwd=shop.folder)
    assert unknown.returncode == 2
    assert "destinations: duckdb, feast, fuxictr, gorse, lightgbm, metarank, rectools" in unknown.stderr
    early = nightshift("export", "--to", "lightgbm", "--out", "out", cwd=shop.folder)
    assert early.returncode == 2
    assert "nightshift train" in early.stderr
    taken = nightshift(
        "export", "--to", "duckdb", "--out", "sources", "--home", str(home.home), cwd=shop.folder
    )
    assert taken.returncode == 2
    assert "no export wrote" in taken.stderr
    assert not (shop.folder / "out").exists()


def test_help_lists_every_destination(tmp_path: Path) -> None:
    from nightshift.export import DESTINATIONS

    told = nightshift("export", "--help", cwd=tmp_path).stdout
    assert all(name in told for name in DESTINATIONS)
