"""A second night uses what its plan foresaw: new tokens, money and model seconds within a fifth, prompt
tokens exactly."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.answering import planned, spend
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import TablePlan
from pipelines.answer_prompts import Batch, batches
from pipelines.workers import loaded_llm
from tests.loopback import Action, Asked, Loopback, proper

FIRST = date(2024, 1, 2)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
EVENTS = pl.DataFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
)


@pytest.fixture(autouse=True)
def _close_the_model() -> Iterator[None]:
    yield
    loaded_llm.cache_clear()


def night(home: Path, llm: dict[str, Any], number: int) -> Night:
    raw = {
        "sources": SOURCES,
        "nights": {"first": FIRST},
        "llm": llm,
        "encoder": {"backend": "hashing"},
        "home": home,
    }
    return Night(
        Settings.model_validate(raw | {"beam": {"batch_rows": 8}}),
        FIRST + timedelta(days=number),
        f"night-{number}",
    )


def catalogue(rows: int) -> pl.DataFrame:
    """Titles of three to twelve words; every fifth is of the kind that a model refuses at first."""
    titles = [
        f"{'Cursed' if n % 5 == 0 else 'Film'} {n} " + " ".join(f"word{k}" for k in range(1 + n * 7 % 10))
        for n in range(rows)
    ]
    plain = {"item_id": [f"i{n:03}" for n in range(rows)], "title": titles}
    return pl.DataFrame(plain).with_columns(
        text=pl.lit(None, pl.String), attributes=pl.lit(None, pl.List(pl.String))
    )


def run(tonight: Night, rows: int) -> tuple[TablePlan, dict[str, float]]:
    """The night's first plan, and what the ledger says it used."""
    step = tonight.given(catalogue(rows), EVENTS).step("item_facts")

    def answer(plan: TablePlan) -> None:
        batch = Batch(tonight.settings, "item_facts", tonight.as_of, tonight.run_id)
        for part in batches(plan.reserved, 8):
            batch.do(part)

    first, last = spend(lambda: planned(tonight, step), answer)
    assert last.pending.is_empty()
    columns = ["prompt_tokens", "new_tokens", "cost_usd", "seconds"]
    ledgers = (tonight.ledgers.answers, tonight.ledgers.rejects)
    used = pl.concat(
        ledger.query(lambda every: every.filter(pl.col("as_of") == tonight.as_of).select(columns))
        for ledger in ledgers
    )
    return first, {"calls": used.height} | {name: float(used[name].sum()) for name in columns}


def within(foreseen: float | None, used: float, share: float = 0.2) -> bool:
    return foreseen is not None and used * (1 - share) <= foreseen <= used * (1 + share)


def test_on_the_fake_model_prompt_tokens_are_exact_and_new_ones_as_foreseen(tmp_path: Path) -> None:
    llm = {"backend": "echo", "reply": "A story of {first}."}
    run(night(tmp_path, llm, 0), 40)
    plan, used = run(night(tmp_path, llm, 1), 80)
    assert plan.pending.height == 40
    assert plan.why == {"new": 40}
    assert plan.prompt_tokens == used["prompt_tokens"]
    assert within(plan.new_tokens, used["new_tokens"])


@pytest.mark.loopback
def test_on_a_server_that_refuses_some_a_second_night_costs_what_was_foreseen(tmp_path: Path) -> None:
    def moody(asked: Asked) -> Action:
        refused = re.search(r"Cursed \d+", asked.text) and "Note:" not in asked.text
        return proper(delay=0.03, content="I'm sorry.") if refused else proper(delay=0.03)

    with Loopback(moody) as server:
        money = {"usd_per_million_prompt": 1.0, "usd_per_million_new": 10.0}
        llm = {
            "backend": "openai",
            "model": "tiny@1",
            "server": {"base_url": server.url, "concurrency": 2, "retries": 0} | money,
        }
        first, _ = run(night(tmp_path, llm, 0), 40)
        plan, used = run(night(tmp_path, llm, 1), 80)
    assert first.reasks == 0, "nobody knew yet"
    assert (plan.pending.height, plan.reasks, used["calls"]) == (40, 8, 48)
    assert within(plan.new_tokens, used["new_tokens"])
    assert within(plan.cost_usd, used["cost_usd"])
    assert within(plan.seconds, used["seconds"])
