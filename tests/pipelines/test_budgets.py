"""A budget is a hard limit, whatever the answers are like: real plans, real batches, the echo model or a
server on this machine."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.answering import planned, spend
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import Spent, TablePlan
from nightshift.storage.ledger import ANSWERS
from pipelines.answer_prompts import Batch, batches
from pipelines.workers import loaded_llm
from tests.loopback import Loopback, proper

AS_OF = date(2024, 1, 2)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
EVENTS = pl.DataFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
)
BATCH = 4


def night(home: Path, budget: dict[str, Any], llm: dict[str, Any], run_id: str = "r") -> Night:
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": llm,
        "encoder": {"backend": "hashing"},
        "home": home,
        "budget": budget,
    }
    return Night(Settings.model_validate(raw | {"beam": {"batch_rows": BATCH}}), AS_OF, run_id)


def catalogue(titles: list[str]) -> pl.DataFrame:
    plain = {"item_id": [f"i{n:03}" for n in range(len(titles))], "title": titles}
    return pl.DataFrame(plain).with_columns(
        text=pl.lit(None, pl.String), attributes=pl.lit(None, pl.List(pl.String))
    )


def ask(tonight: Night, titles: list[str], table: str = "item_facts") -> tuple[TablePlan, TablePlan]:
    step = tonight.given(catalogue(titles), EVENTS).step(table)

    def answer(plan: TablePlan) -> None:
        batch = Batch(tonight.settings, table, AS_OF, tonight.run_id)
        for rows in batches(plan.reserved, BATCH):
            batch.do(rows)

    return spend(lambda: planned(tonight, step), answer)


WORDS = st.integers(min_value=1, max_value=45).map(lambda count: " ".join(f"w{n}" for n in range(count)))
TITLES = st.lists(
    st.one_of(WORDS, WORDS.map("I'm sorry, as an AI {}".format), st.just("")), min_size=1, max_size=30
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(titles=TITLES, tokens=st.integers(min_value=0, max_value=6000), per_table=st.booleans())
def test_tokens_never_exceed_the_budget_whatever_is_answered_rejected_and_asked_again(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str], tokens: int, per_table: bool
) -> None:
    budget = {"tables": {"item_facts": tokens}} if per_table else {"tokens": tokens}
    tonight = night(tmp_path_factory.mktemp("home"), budget, {"backend": "echo", "reply": "{first}"})
    _, last = ask(tonight, titles)
    spent = Spent.of(tonight.ledgers, AS_OF).tokens
    assert spent <= tokens
    assert last.pending.is_empty() == last.reserved.is_empty()
    if last.deferred:
        dearest = len(tonight.prompts["item_facts"].instructions.split()) + 45 + 30 + 48
        assert tokens - spent < dearest, "what is left would not buy the dearest row"


def spent_slowly(tonight: Night, seconds: float, calls: int = 1) -> None:
    """Calls of tonight that took so long, as another process or a slow hour would leave them in the
    ledger."""
    prompt = tonight.prompts["item_facts"]
    row = dict.fromkeys(ANSWERS) | {
        "table": "item_facts",
        "as_of": AS_OF,
        "model_id": tonight.identity.model_id,
        "run_id": "other",
    }
    row |= {
        "prompt_id": prompt.prompt_id,
        "created_at": datetime.now(UTC),
        "prompt_tokens": 100,
        "cached_tokens": 0,
        "new_tokens": 10,
    }
    row |= {"cost_usd": 0.0, "seconds": seconds}
    tonight.ledgers.answers.append(
        [row | {"content_key": f"other {n} {seconds}"} for n in range(calls)], "other"
    )


def test_a_night_that_turns_slow_stops_before_the_batch_that_no_longer_fits(tmp_path: Path) -> None:
    tonight = night(tmp_path, {"minutes": 1.0}, {"backend": "echo", "reply": "{first}"})
    titles = [f"Film {n}" for n in range(20)]
    plan = planned(tonight, tonight.given(catalogue(titles), EVENTS).step("item_facts"))
    assert plan.reserved.height == 20, "fast by all that is known"
    batch, cut = Batch(tonight.settings, "item_facts", AS_OF, "r"), list(batches(plan.reserved, BATCH))
    assert batch.do(cut[0])["rows"] == BATCH
    spent_slowly(tonight, seconds=55.0)
    assert batch.do(cut[1])["rows"] == 0, "by now a batch takes longer than the five seconds that are left"
    first, last = ask(tonight, titles)
    assert first.pending.height == last.pending.height == 0
    assert last.deferred == 16


def test_a_batch_counts_what_another_process_spent_meanwhile(tmp_path: Path) -> None:
    tonight = night(tmp_path, {"tokens": 5000}, {"backend": "echo", "reply": "{first}"})
    step = tonight.given(catalogue([f"Film {n}" for n in range(8)]), EVENTS).step("item_facts")
    plan = planned(tonight, step)
    assert plan.reserved.height == 8
    spent_slowly(tonight, seconds=0.0, calls=44)
    assert (
        Batch(tonight.settings, "item_facts", AS_OF, "r").do(next(batches(plan.reserved, BATCH)))["rows"] == 0
    )


@pytest.mark.loopback
def test_minutes_on_a_slow_server_are_overrun_by_one_batch_at_most(tmp_path: Path) -> None:
    with Loopback(lambda asked: proper(delay=0.1, content="A film.")) as server:
        llm = {
            "backend": "openai",
            "model": "tiny@1",
            "server": {"base_url": server.url, "concurrency": 1, "retries": 0},
        }
        tonight = night(tmp_path, {"minutes": 2 / 60}, llm)
        first, last = ask(tonight, [f"Film {n}" for n in range(60)])
        loaded_llm.cache_clear()
    assert first.pending.height > 30, "nothing was measured yet"
    assert 1.0 < Spent.of(tonight.ledgers, AS_OF).seconds < 2 + 2 * BATCH * 0.1
    assert last.answered < first.pending.height
