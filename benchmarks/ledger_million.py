"""Planning against a ledger of a million answers: seconds and memory of a process of its own, against a
bare polars anti-join.

The answers are appended batch by batch with a compaction after every night, as they would come. Then a
plan of as many requests, of which 1% are new, is made in fresh processes; the peer joins the same requests
against the content keys of the same files and does nothing else: no hash of a part, no reasons, no budget,
no token counts. Order alternates; medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from nightshift.storage.content_key import content_key
from nightshift.storage.ledger import ANSWERS, Ledgers

FIRST = date(2026, 1, 1)
NIGHTS, BATCHES = 20, 50
"""A million answers are 20 nights of 50 batches of 1,000 rows."""
NEW = 0.01
"""Share of the requests that no answer is there for."""
WORDS = (
    "a quiet story of two sisters who leave the city in winter and find an old house by the sea "
    "where nothing is what it was"
).split()

OURS = """
import json, resource, sys, time
from datetime import date
from pathlib import Path
import polars as pl
from benchmarks.ledger_million import FIRST, prompt
from nightshift.storage.ledger import Ledgers
from nightshift.night.plan import BudgetSettings, Spent, plan_table
requests = pl.read_parquet(sys.argv[2])
before, began, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter(), time.process_time()
ledgers = Ledgers(Path(sys.argv[1]))
planned = plan_table(prompt(), requests, ledgers, BudgetSettings(tokens=10**9), Spent.of(ledgers, FIRST), None)
print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "before": before,
                  "pending": planned.pending.height, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""
PEER = """
import json, resource, sys, time
from pathlib import Path
import polars as pl
requests = pl.read_parquet(sys.argv[2])
began, cpu = time.perf_counter(), time.process_time()
keys = pl.scan_parquet(Path(sys.argv[1]) / "ledger" / "answers" / "*.parquet").select("content_key")
left = requests.lazy().join(keys, on="content_key", how="anti").collect()
print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "pending": left.height,
                  "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def prompt() -> Any:
    """A prompt that writes one sentence."""
    from nightshift.prompts.base import Prompt
    from nightshift.prompts.one_sentence import Facts

    return Prompt(
        "item_facts",
        1,
        "item_id",
        ("title",),
        "Describe.\n\n",
        lambda row: "",
        lambda text, finish: Facts(summary=text),
        Facts,
    )


def text_of(row: int) -> str:
    """About 120 characters, different for every row."""
    return f"Item: number {row}\nAbout: {' '.join(Random(row).choices(WORDS, k=28))}"[:120]


def answers(rows: range, night: int) -> pl.DataFrame:
    """A batch of answers as a worker appends it."""
    texts = [text_of(row) for row in rows]
    night_of = FIRST + timedelta(days=night)
    constant = {
        "table": "item_facts",
        "as_of": night_of,
        "run_id": f"run-{night}",
        "model_id": "smollm2-135m-instruct@sha",
        "created_at": datetime(2026, 1, 1, 1, tzinfo=UTC) + timedelta(days=night),
        "prompt_id": prompt().prompt_id,
        "finish_reason": "stop",
        "prompt_tokens": 160,
        "cached_tokens": 130,
        "new_tokens": 24,
        "seconds": 0.08,
        "cost_usd": 0.0,
    }
    keys = {
        "content_key": [key_of(text) for text in texts],
        "text_key": [content_key(text) for text in texts],
    }
    own = keys | {"row_id": [str(row) for row in rows], "text": texts}
    frame = pl.DataFrame(own).with_columns(pl.lit(value).alias(name) for name, value in constant.items())
    return frame.with_columns(pl.lit(None).alias(name) for name in ANSWERS if name not in frame.columns)


def key_of(text: str) -> str:
    """A content key like those of a night."""
    return content_key("model", text)


def requests(total: int) -> pl.DataFrame:
    """As many requests as answers; the first 1% of the rows have gone and as many have come."""
    rows = range(round(total * NEW), total + round(total * NEW))
    texts = [text_of(row) for row in rows]
    keys = {
        "content_key": [key_of(text) for text in texts],
        "text_key": [content_key(text) for text in texts],
    }
    return pl.DataFrame(
        keys | {"row_id": [str(row) for row in rows], "text": texts, "worth": [0.0] * len(texts)}
    )


def fill(home: Path, total: int) -> float:
    """Append a ledger of so many answers, night by night. Returns the seconds that appends and compactions
    took."""
    ledger, took = Ledgers(home).answers, 0.0
    batch = total // (NIGHTS * BATCHES)
    for number in range(NIGHTS * BATCHES):
        frame = answers(range(number * batch, (number + 1) * batch), number // BATCHES)
        began = time.perf_counter()
        ledger.append(frame, f"run-{number // BATCHES}")
        if (number + 1) % BATCHES == 0:
            ledger.compact()
        took += time.perf_counter() - began
    return took


def make(home: Path, total: int) -> None:
    """The ledger, and the requests beside it."""
    print(f"filled in {fill(home, total):.1f} s", flush=True)
    requests(total).write_parquet(home / "requests.parquet")


def told(code: str, home: Path, asked: Path) -> dict[str, Any]:
    """What a process of its own says of one plan."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home), str(asked)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(home: Path, asked: Path, runs: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Both sides of every run, in alternating order."""
    for run in range(runs):
        order = [OURS, PEER] if run % 2 == 0 else [PEER, OURS]
        first, second = (told(code, home, asked) for code in order)
        yield (first, second) if run % 2 == 0 else (second, first)


def main() -> None:
    """Parse the options, fill the ledger, measure, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where the ledger is kept for the next measurement; made when missing"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = options.folder or Path(scratch)
        asked = home / "requests.parquet"
        if not asked.exists():
            code = f"from benchmarks.ledger_million import *; make(Path({str(home)!r}), {options.answers})"
            subprocess.run(
                [sys.executable, "-c", code], check=True
            )  # a process of its own: children inherit a parent's peak memory
        show(home, list(measure(home, asked, options.runs)))


def show(home: Path, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Parts and bytes, memory, and the line."""
    parts = [path.stat().st_size for path in (home / "ledger" / "answers").glob("*.parquet")]
    print(
        f"{len(parts)} parts, {sum(parts) / 2**20:.0f} MiB; pending {pairs[0][0]['pending']:,}, peer "
        f"{pairs[0][1]['pending']:,}"
    )
    before, peak, theirs = (max(side[name] for side in sides) / 2**20 for name, sides in _memory(pairs))
    print(
        f"peak memory {peak:.2f} GiB, of which {before:.2f} before the plan (Python, libraries, "
        f"requests); peer {theirs:.2f} GiB"
    )
    (wall, cpu), (_, peer) = (
        [statistics.median(side[unit] for side in sides) for unit in ("seconds", "cpu")]
        for sides in zip(*pairs, strict=True)
    )
    print(f"a plan took {wall:.2f} s of wall time, {min(ours['seconds'] for ours, _ in pairs):.2f} s at best")
    print(
        f"ledger_million: ratio {cpu / peer:.2f} (ours {cpu:.2f}, peer {peer:.2f}, CPU s, median of "
        f"{len(pairs)} runs)"
    )


def _memory(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[tuple[str, list[dict[str, Any]]]]:
    ours, peer = ([pair[side] for pair in pairs] for side in (0, 1))
    return [("before", ours), ("peak", ours), ("peak", peer)]


if __name__ == "__main__":
    main()
