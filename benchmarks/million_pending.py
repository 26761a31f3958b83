"""A night on which a million rows are pending: seconds and peak memory of the one process that plans and
streams them.

A made-up catalogue is turned into requests, planned as a night plans them, and answered by the echo model
through Beam (`--runner` and `--workers` choose where), batch by batch into the ledger, which is compacted
at the end. Everything runs in a fresh process: Beam, Dagster and the catalogue itself are in its peak. The
limit is 2 GiB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

LIMIT_GIB = 2.0
AS_OF = date(2026, 1, 1)
SENTENCE = (
    "Two sisters leave the city in winter and find an old house by the sea where nothing is what it was "
    "before the war"
)
NIGHT = "import json, sys; from benchmarks.million_pending import night; night(**json.loads(sys.argv[1]))"


def catalogue(rows: int) -> pl.DataFrame:
    """Items with a title, a sentence and a genre, about 150 characters each, no two alike."""
    number = pl.int_range(rows, eager=True).alias("number")
    genre = pl.Series(["Drama", "Comedy", "Crime", "Western"]).gather(number % 4)
    return number.to_frame().select(
        item_id=pl.format("i{}", "number"),
        title=pl.format("The House {}", "number"),
        text=pl.lit(SENTENCE).str.slice(0, 60 + pl.col("number") % 50),
        attributes=genre.reshape((-1, 1)).arr.to_list(),
    )


def night(rows: int, home: str, beam: dict[str, Any]) -> None:
    """Plan and answer so many items in this process; prints a line of JSON a stage: its seconds, and the
    peak so far in GiB."""
    from assets.answering import planned
    from nightshift.night.config import Settings
    from nightshift.night.night import Night
    from pipelines.answer_prompts import answer_prompts

    columns = {"user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"}
    sources = {"items": {"path": "i.csv", "item_id": "item_id"}, "interactions": {"path": "e.csv"} | columns}
    raw = {
        "sources": sources,
        "nights": {"first": AS_OF},
        "llm": {"backend": "echo"},
        "home": home,
        "beam": beam,
    }
    tonight = Night(Settings.model_validate(raw), AS_OF, "bench")
    events = pl.DataFrame(
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
    )
    items = _stage("catalogue", lambda: catalogue(rows))
    step = _stage("requests", lambda: tonight.given(items, events).step("item_facts"))
    plan = _stage("plan", lambda: planned(tonight, step))
    done = _stage(
        "answers", lambda: answer_prompts(tonight.settings, "item_facts", AS_OF, "bench", plan.reserved)
    )
    _stage("compaction", lambda: tonight.ledgers.compact())
    left = _stage("second plan", lambda: planned(tonight, step)).pending.height
    print(json.dumps(done | {"left": left}), flush=True)


def _stage(name: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    print(
        json.dumps(
            {
                "stage": name,
                "seconds": round(time.perf_counter() - began, 1),
                "peak GiB": round(peak_gib(), 2),
            }
        ),
        flush=True,
    )
    return result


def peak_gib() -> float:
    """Largest resident memory this process has had, in GiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def main() -> None:
    """Parse the options, run the night in a process of its own, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch-rows", type=int, default=128)
    parser.add_argument("--runner", default="DirectRunner")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    beam = {"runner": options.runner, "workers": options.workers, "batch_rows": options.batch_rows}
    with tempfile.TemporaryDirectory() as home:
        told = json.dumps({"rows": options.rows, "home": home, "beam": beam})
        with subprocess.Popen(
            [sys.executable, "-c", NIGHT, told], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [json.loads(line) for line in process.stdout if not print(line, end="", flush=True)]
    if (
        process.returncode
        or lines[-1]["accepted"] + lines[-1]["rejected"] < options.rows
        or lines[-1]["left"]
    ):
        raise SystemExit(f"the night did not end well: {lines[-1]}, exit code {process.returncode}")
    peak, seconds = max(line["peak GiB"] for line in lines[:-1]), sum(line["seconds"] for line in lines[:-1])
    print(f"{options.rows:,} rows in {seconds:.0f} s")
    print(
        f"million_pending: ratio {peak / LIMIT_GIB:.2f} (ours {peak:.2f}, peer {LIMIT_GIB:.2f}, GiB "
        f"at most, median of 1 runs)"
    )


if __name__ == "__main__":
    main()
