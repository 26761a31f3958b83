"""The echo model, the real ledger and the real Beam runner."""

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.rejected import Chosen, retry
from nightshift.enrichments.answers import read_values
from nightshift.models.llm.base import Decoding
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import ATTEMPTS, BudgetSettings, Spent, TablePlan, plan_table
from nightshift.storage.ledger import Ledgers
from pipelines.answer_prompts import RETRY_TEMPERATURE, Batch, answer_prompts, batches, for_attempt
from pipelines.embed_texts import TextBatch, embed_texts

AS_OF = date(2024, 1, 2)
NOTHING = {"rows": 0, "accepted": 0, "rejected": 0}
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
EVENTS = pl.DataFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
)


def night(
    home: Path, reply: str | None = "A story of {first}.", run_id: str = "first", batch_rows: int = 4
) -> Night:
    llm = {"backend": "echo"} | ({} if reply is None else {"reply": reply})
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": llm,
        "encoder": {"backend": "hashing"},
        "home": home,
    }
    return Night(Settings.model_validate(raw | {"beam": {"batch_rows": batch_rows}}), AS_OF, run_id)


def catalogue(rows: int) -> pl.DataFrame:
    plain = {"item_id": [f"i{n}" for n in range(rows)], "title": [f"Film {n}" for n in range(rows)]}
    return pl.DataFrame(plain, schema={"item_id": pl.String, "title": pl.String}).with_columns(
        text=pl.lit(None, pl.String), attributes=pl.lit(["Drama"])
    )


def planned(
    tonight: Night, rows: int = 10, table: str = "item_facts", budget: BudgetSettings | None = None
) -> TablePlan:
    requests = tonight.given(catalogue(rows), EVENTS).step(table).requests
    spent = Spent.of(tonight.ledgers, AS_OF)
    return plan_table(
        tonight.prompts[table],
        requests,
        tonight.ledgers,
        budget or BudgetSettings(),
        spent,
        lambda texts: [len(t.split()) for t in texts],
    )


def answer(tonight: Night, plan: TablePlan) -> dict[str, int]:
    return answer_prompts(tonight.settings, plan.table, AS_OF, tonight.run_id, plan.pending)


def work(tonight: Night, rows: int = 10, budget: BudgetSettings | None = None) -> TablePlan:
    """Plan and answer until nothing is pending, as a night does. Returns the last plan."""
    while (plan := planned(tonight, rows, budget=budget)).pending.height:
        answer(tonight, plan)
    return plan


def test_a_night_asks_every_row_once_and_a_second_night_asks_nothing(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    assert answer(tonight, planned(tonight)) == {"rows": 10, "accepted": 10, "rejected": 0}
    parts = tonight.ledgers.answers.parts()
    assert len(parts) == 3, "one part a batch"
    again = night(tmp_path, run_id="second", batch_rows=7)
    plan = planned(again)
    assert (plan.answered, plan.pending.height, plan.deferred) == (10, 0, 0)
    assert answer(again, plan) == NOTHING
    assert again.ledgers.answers.parts() == parts


def test_a_stored_answer_says_what_it_cost_and_who_gave_it(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    answer(tonight, planned(tonight, rows=1))
    (row,) = tonight.ledgers.answers.scan().collect().rows(named=True)
    assert row["text"] == "A story of Film 0."
    assert (row["table"], row["as_of"], row["run_id"], row["finish_reason"]) == (
        "item_facts",
        AS_OF,
        "first",
        "stop",
    )
    assert (row["model_id"], row["prompt_id"]) == (
        tonight.identity.model_id,
        tonight.prompts["item_facts"].prompt_id,
    )
    assert row["prompt_tokens"] > row["new_tokens"] == 5
    assert Spent.of(tonight.ledgers, AS_OF).tokens == row["prompt_tokens"] + row["new_tokens"]


def test_a_bad_answer_is_asked_again_once_kept_with_its_reason_and_never_asked_a_third_time(
    tmp_path: Path,
) -> None:
    tonight = night(tmp_path, reply="I'm sorry, I cannot help.")
    assert answer(tonight, planned(tonight, rows=3)) == {"rows": 3, "accepted": 0, "rejected": 3}
    assert planned(tonight, rows=3).pending["attempt"].to_list() == [2, 2, 2]
    assert work(tonight, rows=3).rejected == 3
    rejects = tonight.ledgers.rejects.scan().collect()
    assert sorted(rejects["attempt"]) == sorted([*range(1, ATTEMPTS + 1)] * 3)
    assert set(rejects["reason"]) == {"refusal"}
    assert set(rejects["row_id"]) == {"i0", "i1", "i2"}
    assert tonight.ledgers.answers.keys().is_empty()
    plan = planned(night(tmp_path, reply="I'm sorry, I cannot help.", run_id="second"), rows=3)
    assert (plan.rejected, plan.pending.height, plan.deferred) == (3, 0, 0)
    values = read_values(
        tonight.prompts["item_facts"],
        tonight.given(catalogue(3), EVENTS).step("item_facts").requests,
        tonight.ledgers,
        tonight.identity,
    )
    assert values.rejects["reason"].to_list() == ["refusal"] * 3


def test_rejects_that_are_retried_are_asked_again(tmp_path: Path) -> None:
    tonight = night(tmp_path, reply="")
    plan = planned(tonight, rows=2)
    work(tonight, rows=2)
    assert retry(tonight.ledgers, Chosen(rows=plan.pending["row_id"].head(1).to_list())).height == 1
    assert planned(tonight, rows=2).pending["row_id"].to_list() == plan.pending["row_id"].head(1).to_list()


def test_an_attempt_that_was_paid_for_before_a_kill_counts(tmp_path: Path) -> None:
    tonight = night(tmp_path, reply="")
    answer(tonight, planned(tonight, rows=2))
    again = night(tmp_path, reply="", run_id="second")
    work(again, rows=2)
    runs = again.ledgers.rejects.scan().collect().sort("attempt")
    assert runs.select("attempt", "run_id").unique(maintain_order=True).rows() == [
        (1, "first"),
        (2, "second"),
    ]


def test_a_second_attempt_samples_with_its_own_seed_under_the_same_key() -> None:
    plain = Decoding(max_new_tokens=48, repetition_penalty=1.15)
    assert for_attempt(plain, 1) == plain
    assert for_attempt(plain, 2) == plain.model_copy(update={"temperature": RETRY_TEMPERATURE, "seed": 2})


def test_one_bad_row_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    tonight = night(tmp_path, reply="{first}")
    items = catalogue(4).with_columns(
        title=pl.when(pl.col("item_id") == "i2").then(pl.lit("As an AI model")).otherwise("title")
    )
    pending = tonight.given(items, EVENTS).step("item_facts").requests
    assert answer_prompts(tonight.settings, "item_facts", AS_OF, "first", pending) == {
        "rows": 4,
        "accepted": 3,
        "rejected": 1,
    }
    assert tonight.ledgers.rejects.scan().collect()["row_id"].unique().to_list() == ["i2"]


def test_after_a_kill_between_two_batches_only_the_rest_is_asked(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    plan = planned(tonight)
    done, *rest = batches(plan.pending, 4)
    Batch(tonight.settings, "item_facts", AS_OF, "first").do(done)
    kept = tonight.ledgers.answers.parts()
    again = night(tmp_path, run_id="second")
    left = planned(again)
    assert left.answered == 4
    assert set(left.pending["content_key"]) == {key for batch in rest for key in batch["content_key"]}
    assert answer(again, left)["accepted"] == 6
    assert again.ledgers.answers.parts()[0] == kept[0]
    assert planned(again).pending.is_empty()


def test_what_a_lost_worker_had_stored_is_not_missing_accepted_or_rejected(tmp_path: Path) -> None:
    tonight = night(tmp_path, reply="{first}")
    items = catalogue(4).with_columns(
        title=pl.when(pl.col("item_id") == "i2").then(pl.lit("As an AI model")).otherwise("title")
    )
    (rows,) = batches(tonight.given(items, EVENTS).step("item_facts").requests, 4)
    batch = Batch(tonight.settings, "item_facts", AS_OF, "first")
    assert batch.missing(rows).equals(rows)
    batch.do(rows.filter(pl.col("row_id").is_in(["i1", "i2"])))
    assert sorted(batch.missing(rows)["row_id"]) == ["i0", "i3"]
    again = rows.filter(pl.col("row_id") == "i2").with_columns(attempt=pl.lit(2))
    assert batch.missing(again).equals(again), "its second attempt has not been made"
    assert sorted(Batch(tonight.settings, "item_facts", AS_OF, "second").missing(rows)["row_id"]) == [
        "i0",
        "i2",
        "i3",
    ]


def test_a_lost_workers_vectors_are_not_missing(tmp_path: Path) -> None:
    task, rows = TextBatch(night(tmp_path).settings, "first"), texts("a film", "a play", "a song")
    task.do(rows.head(2))
    assert task.missing(rows)["text"].to_list() == ["a song"]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_answer_prompts import answer, night, planned
tonight = night(Path(sys.argv[1]), batch_rows=1)
answer(tonight, planned(tonight, rows=1500))
"""


def test_a_process_killed_in_the_middle_keeps_every_answer_it_had(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)]
    ledger = tmp_path / "ledger" / "answers"
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."}
    ) as process:
        while process.poll() is None and len(list(ledger.glob("*.parquet"))) < 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    tonight = night(tmp_path, run_id="second", batch_rows=500)
    answered = tonight.ledgers.answers.keys().len()
    assert 20 <= answered < 1500, "killed neither too early nor too late"
    assert not (ledger / "torn").exists()
    plan = planned(tonight, rows=1500)
    assert (plan.answered, plan.pending.height) == (answered, 1500 - answered)
    assert answer(tonight, plan)["accepted"] == 1500 - answered
    counts = tonight.ledgers.answers.scan().collect()["run_id"].value_counts()
    assert dict(counts.iter_rows()) == {"first": answered, "second": 1500 - answered}


def test_scores_come_with_their_choices_and_the_models_state(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    plan = planned(tonight, rows=3, table="item_tag_scores")
    assert answer(tonight, plan)["accepted"] == 3
    rows = tonight.ledgers.answers.scan().collect()
    facets = {facet.name: facet.tags for facet in tonight.vocabulary.facets}
    assert rows["choices"][0].to_list() == [f"{name}:{tag}" for name, tags in facets.items() for tag in tags]
    assert rows["scores"].list.len().to_list() == [sum(map(len, facets.values()))] * 3
    vectors = tonight.ledgers.vectors.scan().collect()
    assert set(vectors["content_key"]) == set(rows["content_key"])
    assert vectors["encoder_id"].unique().to_list() == [
        tonight.prompts["item_tag_scores"].hidden_id(tonight.identity.model_id)
    ]
    assert planned(tonight, rows=3, table="item_tag_scores").pending.is_empty()


def test_nothing_pending_starts_no_pipeline(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    assert answer(tonight, planned(tonight, rows=0)) == NOTHING
    assert not (tmp_path / "ledger").exists()


def texts(*said: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"content_key": [f"key of {text}" for text in said], "text": list(said)},
        schema={"content_key": pl.String, "text": pl.String},
    )


def test_each_text_is_embedded_once_and_never_again(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    assert embed_texts(tonight.settings, "first", texts("a film", "a play", "a film")) == {
        "rows": 2,
        "embedded": 2,
    }
    assert embed_texts(tonight.settings, "second", texts("a film", "a song")) == {"rows": 2, "embedded": 1}
    rows: Any = tonight.ledgers.vectors.scan().collect()
    assert dict(rows.select("content_key", "run_id").iter_rows()) == {
        "key of a film": "first",
        "key of a play": "first",
        "key of a song": "second",
    }
    assert set(rows["encoder_id"]) == {tonight.encoder_id}
    assert set(rows["view"]) == {"text"}
    assert rows["vector"].list.len().unique().to_list() == [64]
    assert embed_texts(tonight.settings, "third", texts()) == {"rows": 0, "embedded": 0}


def test_the_order_of_the_texts_does_not_matter(tmp_path: Path) -> None:
    said = [f"film number {n}" + " long" * (n % 5) for n in range(40)]
    for home, order in (("a", said), ("b", said[::-1])):
        embed_texts(night(tmp_path / home).settings, "r", texts(*order))
    both = [Ledgers(tmp_path / home).vectors.scan().collect().sort("content_key") for home in ("a", "b")]
    assert both[0].equals(both[1])


@pytest.mark.parametrize("reply", ["A story of {first}.", ""], ids=["accepted", "rejected"])
def test_a_budget_is_a_hard_stop_that_buys_what_it_can_and_pays_for_every_attempt(
    tmp_path: Path, reply: str
) -> None:
    tonight = night(tmp_path, reply=reply)
    plan = work(tonight, rows=200, budget=BudgetSettings(tokens=1500))
    spent = Spent.of(tonight.ledgers, AS_OF)
    assert 1200 < spent.tokens <= 1500
    assert plan.deferred == 200 - plan.answered - plan.rejected


def test_rows_that_another_run_has_answered_since_they_were_planned_are_not_paid_again(
    tmp_path: Path,
) -> None:
    first, second = night(tmp_path), night(tmp_path, run_id="second")
    plan = planned(second)
    answer(first, planned(first))
    assert (
        Batch(second.settings, "item_facts", AS_OF, "second").do(next(batches(plan.pending, 100))) == NOTHING
    )
    assert second.ledgers.answers.payments(lambda rows: rows.select("run_id").unique())[
        "run_id"
    ].to_list() == ["first"]
