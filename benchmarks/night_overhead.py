"""What a night adds to its model: plan, work file, Beam, ledger and compaction, against calling the same
backend in a bare loop.

MovieLens-100K items, the first attempt of `item_facts`, SmolLM2 through transformers: the same requests in
the same batches, two instances of the same model, order alternating, CPU seconds. The line before tells
the same of our runs alone, by the clock: seconds of the whole run, against those that the ledger has
booked as the model's.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from assets.answering import planned
from benchmarks.timing import Comparison, compare
from jobs.demo import TEMPLATE
from nightshift.models.llm import build_llm
from nightshift.models.llm.base import Request
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.night.plan import BudgetSettings
from nightshift.sources.datasets.movielens import load
from pipelines.answer_prompts import answer_prompts, batches

AS_OF = date(1998, 4, 23)
TABLE = "item_facts"
MOST = 0.03
"""Share of the answering time that a night may add."""


def measure(rows: int, runs: int, cache: Path, folder: Path) -> tuple[Comparison, list[float]]:
    """Rows by CPU second of both, and the overhead of each of our runs as a share of its answering time."""
    template = Path(__file__).parents[1] / "jobs" / TEMPLATE
    settings = load_settings(template, folder).model_copy(update={"cache": cache, "budget": BudgetSettings()})
    data, llm = load("ml-100k", cache), build_llm(settings.llm, cache)
    night = Night(settings, AS_OF, "bench")
    step = night.given(data.items, data.interactions).step(TABLE)
    requests = step.requests.head(rows)
    prompt, shares = night.prompts[TABLE], list[float]()

    def a_night() -> float:
        shutil.rmtree(folder / "ledger", ignore_errors=True)
        began = time.perf_counter()
        tonight = Night(settings, AS_OF, "bench")
        plan = planned(tonight, replace(step, requests=requests))
        answer_prompts(settings, TABLE, AS_OF, "bench", plan.reserved)
        tonight.ledgers.compact()
        took, answered = time.perf_counter() - began, [tonight.ledgers.answers, tonight.ledgers.rejects]
        shares.append(took / sum(ledger.query(_seconds).item() for ledger in answered) - 1)
        return requests.height

    def a_loop() -> float:
        for batch in batches(requests, settings.beam.batch_rows):
            asked = batch.select("content_key", "text").iter_rows()
            llm.answer([Request(key, prompt.instructions, text, prompt.decoding) for key, text in asked])
        return requests.height

    return compare("night_overhead", a_night, a_loop, "rows/CPU s", runs), shares[1:]


def _seconds(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(pl.col("seconds").sum())


def main() -> None:
    """Parse the options, measure, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, shares = measure(options.rows, options.runs, options.cache, Path(folder))
    each = ", ".join(f"{share:.2%}" for share in shares)
    print(
        f"outside the model: {statistics.median(shares):.2%} of its seconds, at most {MOST:.0%} "
        f"wanted (runs: {each})"
    )
    print(found.line())


if __name__ == "__main__":
    main()
