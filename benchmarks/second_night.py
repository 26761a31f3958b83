"""A night in which nothing changed, and one in which 1% of the items changed, on a copy of a finished home.

Prints the seconds, the model calls, and whether torch was loaded; the last line compares the unchanged
night with the model seconds that its answers once cost. Needs a home that has run: `make demo` first.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

NIGHT = """
import json, sys, time
from datetime import date
from pathlib import Path
from jobs.running import run_job
from nightshift.night.config import load_settings
from nightshift.night.night import Night
config, as_of = Path(sys.argv[1]), date.fromisoformat(sys.argv[2])
settings = load_settings(config)
night = Night(settings, as_of)
tables = {"item_tag_scores", "item_facts", "user_preferences"}
count = lambda: dict(night.ledgers.answers.query(lambda rows: rows.group_by("table").len()).iter_rows())
before, began = count(), time.monotonic()
run_job(config, None, settings, "nightly_enrichment", as_of)
seconds, after = time.monotonic() - began, count()
calls = {table: after.get(table, 0) - before.get(table, 0) for table in sorted(tables)}
print(json.dumps({"seconds": round(seconds, 1), "calls": calls, "torch loaded": "torch" in sys.modules}))
"""


def night(config: Path, as_of: str) -> dict[str, Any]:
    """Run one night in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", NIGHT, str(config), as_of], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def change(items: Path, share: float) -> int:
    """Give a share of the items a new title."""
    frame = pl.read_parquet(items)
    count = round(frame.height * share)
    title = (
        pl.when(pl.int_range(pl.len()) < count).then(pl.format("{} (restored)", "title")).otherwise("title")
    )
    frame.with_columns(title.alias("title")).write_parquet(items)
    return count


def main() -> None:
    """Parse the options, run both nights, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(), help="folder of the finished nightshift.yaml")
    parser.add_argument("--as-of", default="1998-04-23")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(options.home / "nightshift.yaml", folder)
        shutil.copytree(options.home / ".nightshift", folder / ".nightshift")
        paid = pl.read_parquet(folder / ".nightshift" / "ledger" / "answers" / "*.parquet")["seconds"].sum()
        unchanged = night(folder / "nightshift.yaml", options.as_of)
        print("nothing changed:", json.dumps(unchanged))
        count = change(folder / ".nightshift" / "sources" / "items.parquet", 0.01)
        changed = night(folder / "nightshift.yaml", options.as_of)
        print(f"{count} items changed:", json.dumps(changed))
    seconds = unchanged["seconds"]
    print(
        f"second_night: ratio {seconds / paid:.3f} (ours {seconds:.1f}, peer {paid:.1f}, wall s "
        f"against model s, median of 1 runs)"
    )


if __name__ == "__main__":
    main()
