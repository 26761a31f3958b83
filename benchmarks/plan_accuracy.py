"""What a plan foresees against what the run then used: the first night by its assumptions, the second by
what it learned.

Night 1 asks for summaries of `--rows` films of MovieLens-100K, night 2 for as many others, with the real
small model. Money is what the tokens would cost at the list price of `--priced-as`: the model itself is
free. A rehearsal answers a few rows first, so that no night pays for loading the model.
"""

import argparse
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from assets.answering import spend
from jobs.demo import TEMPLATE
from nightshift.models.llm.prices import Price, price_of
from nightshift.models.llm.server import ServerSettings
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.night.budget import BudgetSettings, Spent
from nightshift.night.config import Settings, load_settings
from nightshift.night.night import Night
from nightshift.night.plan import TablePlan, plan_table
from nightshift.sources.datasets.movielens import load
from pipelines.answer_prompts import answer_prompts

FIRST = date(1998, 4, 23)
TABLE = "item_facts"


@dataclass(frozen=True)
class Use:
    """What a night used, planned or really."""

    calls: float
    prompt_tokens: float
    new_tokens: float
    usd: float
    seconds: float


def planned(night: Night, requests: pl.DataFrame, price: Price) -> TablePlan:
    """The night's plan, as a run makes it."""
    prompt, model = night.prompts[TABLE], night.identity.model_id
    return plan_table(
        prompt,
        requests,
        night.ledgers,
        night.settings.budget,
        Spent(),
        night.count_tokens,
        night.run_id,
        price,
        False,
        model,
    )


def foreseen(plan: TablePlan) -> Use:
    """What the plan says."""
    calls = plan.pending.height + plan.reasks
    return Use(calls, plan.tokens - plan.new_tokens, plan.new_tokens, plan.cost_usd or 0.0, plan.seconds)


def used(night: Night, price: Price) -> Use:
    """What the ledger says the night used."""
    mine, columns = (
        pl.col("as_of") == night.as_of,
        ["prompt_tokens", "cached_tokens", "new_tokens", "seconds"],
    )
    ledgers = (night.ledgers.answers, night.ledgers.rejects)
    rows = pl.concat(ledger.query(lambda rows: rows.filter(mine).select(columns)) for ledger in ledgers)
    prompt, cached, new, seconds = (float(rows[name].sum()) for name in columns)
    return Use(rows.height, prompt, new, price.cost(prompt, new, cached), seconds)


def run(night: Night, requests: pl.DataFrame, price: Price) -> tuple[Use, Use]:
    """Plan a night and run it. Returns what was foreseen and what was used."""

    def answer(plan: TablePlan) -> None:
        answer_prompts(night.settings, TABLE, night.as_of, night.run_id, plan.reserved)

    first, _ = spend(lambda: planned(night, requests, price), answer)
    return foreseen(first), used(night, price)


def tell(name: str, plan: Use, real: Use) -> None:
    """One line a number."""
    for what in ("calls", "prompt_tokens", "new_tokens", "usd", "seconds"):
        ours, theirs = getattr(plan, what), getattr(real, what)
        print(f"{name}: {what}: planned {ours:.6g}, used {theirs:.6g}, ratio {ours / theirs:.3f}", flush=True)


def settings(folder: Path, home: str, cache: Path) -> Settings:
    """The demo's without its budget, with another home."""
    template = Path(__file__).parents[1] / "jobs" / TEMPLATE
    return load_settings(template, folder / home).model_copy(
        update={"cache": cache, "budget": BudgetSettings()}
    )


def main() -> None:
    """Parse the options, run both nights, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--priced-as", default="gpt-4o-mini")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    price = price_of(options.priced_as, ServerSettings())
    assert price is not None, f"the price list does not know {options.priced_as}"
    data = load("ml-100k", options.cache)
    items = data.items.sample(fraction=1.0, shuffle=True, seed=7)
    with tempfile.TemporaryDirectory() as scratch:

        def night(number: int, home: str) -> Night:
            return Night(
                settings(Path(scratch), home, options.cache),
                FIRST + timedelta(days=number),
                f"night-{number}",
            )

        rehearsal = night(0, "rehearsal")
        run(rehearsal, rehearsal.given(items.tail(16), data.interactions).step(TABLE).requests, price)
        for number in (1, 2):
            tonight = night(number, "home")
            requests = (
                tonight.given(items.head(number * options.rows), data.interactions).step(TABLE).requests
            )
            plan, real = run(tonight, requests, price)
            tell(f"night {number}", plan, real)
    rest = ", ".join(
        f"{what} {getattr(plan, what) / getattr(real, what):.3f}"
        for what in ("prompt_tokens", "usd", "seconds")
    )
    print(f"night 2, planned by used: {rest}")
    ratio = f"{plan.new_tokens / real.new_tokens:.2f} (ours {plan.new_tokens:.0f}, peer {real.new_tokens:.0f}"
    print(f"plan_accuracy: ratio {ratio}, new tokens planned against used, median of 1 runs)")


if __name__ == "__main__":
    main()
