"""Commands around what was refused and what was paid."""

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.costs import costs
from jobs.planning import plan_night
from jobs.rejected import Chosen, rejected, retry
from jobs.running import run_job
from nightshift.enrichments.registry import asked, by_default
from nightshift.night.config import load_settings

PROMPTED = asked(by_default())


def run(shop, number: int = 0) -> None:  # type: ignore[no-untyped-def]
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[number])


@pytest.fixture
def refused(shop):  # type: ignore[no-untyped-def]
    """A shop whose model refused every sentence."""
    shop.write(
        llm={"backend": "echo", "reply": "I'm sorry, I can't help with {first}"},
        checks={"max_reject_share": 1.0},
    )
    run(shop)
    return shop


def test_rejects_are_listed_with_attempts_and_retried_ones_are_asked_again_and_still_paid(refused) -> None:
    night = refused.night()
    found = rejected(night, Chosen())
    assert set(found["reason"]) == {"refusal"}
    assert set(found["attempts"]) == {2}
    assert rejected(night, Chosen(reason="empty")).is_empty()
    row = found.filter(found["table"] == "item_facts")["row"][0]
    assert plan_night(night).pending == 0
    paid = costs(night.store, night.ledgers)
    assert retry(night.ledgers, Chosen(table="item_facts", rows=(row,))).rows() == [
        ("item_facts", row, "refusal")
    ]
    assert retry(night.ledgers, Chosen(table="item_facts", rows=(row,))).is_empty(), "once is enough"
    assert costs(night.store, night.ledgers) == paid, "what was paid stays paid"
    assert {t.table: t.pending["row_id"].to_list() for t in plan_night(night).tables if t.pending.height} == {
        "item_facts": [row]
    }
    run(refused)
    again = costs(night.store, night.ledgers)["total"]
    assert again["calls"] == paid["total"]["calls"] + 2, "two further attempts"
    assert plan_night(night).pending == 0
    assert set(rejected(night, Chosen(table="item_facts", rows=(row,)))["attempts"]) == {4}
    shown = CliRunner().invoke(app, ["rejects", "--config", str(refused.config), "--limit", "3"])
    assert shown.exit_code == 0
    assert f"3 of {found.height}" in shown.output


def test_retry_says_how_many_rows_it_chose_and_what_a_run_would_ask(refused) -> None:
    done = CliRunner().invoke(
        app,
        [
            "retry",
            "--config",
            str(refused.config),
            "--as-of",
            str(refused.nights()[0]),
            "--table",
            "item_facts",
        ],
    )
    assert done.exit_code == 0, done.output
    assert "60 rows may be asked again" in done.output
    assert "pending" in done.output


def test_a_second_night_avoids_the_calls_that_the_first_one_paid(shop) -> None:
    run(shop)
    run(shop)
    run(shop, 1)
    told = costs(shop.night().store, shop.night().ledgers)
    first, second = told["nights"]
    assert (first["avoided_calls"], first["calls"]) == (0, first["requests"])
    assert second["avoided_calls"] == second["requests"] - second["calls"] >= 120
    assert second["avoided_tokens"] > 0
    assert told["total"]["calls"] == shop.night().ledgers.answers.scan().collect().height
    shown = CliRunner().invoke(app, ["costs", "--config", str(shop.config)])
    assert shown.exit_code == 0
    assert "total" in shown.output
    split = costs(shop.night().store, shop.night().ledgers, by_table=True)
    assert split["total"] == told["total"]
    assert {row["table"] for row in split["nights"]} == set(PROMPTED)
    assert {row["models"] for row in split["nights"] if row["calls"]} == {shop.night().identity.model_id}
    assert sum(row["calls"] for row in split["nights"]) == told["total"]["calls"]
    assert (
        "item_facts" in CliRunner().invoke(app, ["costs", "--by-table", "--config", str(shop.config)]).output
    )
