"""What `nightshift plan` says, in the terminal and as JSON."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from jobs.planning import plan_night
from jobs.show import show_plan
from nightshift.errors import ConfigError

COLUMNS = {
    "table", "rows", "answered", "rejected", "pending", "why", "deferred", "reasks", "prompt_tokens", "new_tokens", "cost_usd", "seconds",
}  # fmt: skip
SERVER = {"backend": "openai", "model": "tiny@r1", "server": {"base_url": "http://127.0.0.1:9/v1"}}


def test_the_json_of_a_plan_has_a_row_for_each_table_and_the_budget(shop: Any) -> None:
    shop.write(budget={"tokens": 4_000})
    done = CliRunner().invoke(
        app, ["plan", "--config", str(shop.config), "--as-of", str(shop.nights()[0]), "--json"]
    )
    told = json.loads(done.output)
    assert all(set(row) == COLUMNS for row in told["tables"])
    assert [row["table"] for row in told["tables"]] == [
        "group_facts",
        "item_tag_scores",
        "item_facts",
        "user_preferences",
    ]
    assert told["budget"]["tokens"] == 4_000
    assert sum(row["prompt_tokens"] + row["new_tokens"] for row in told["tables"]) <= 4_000
    assert sum(row["deferred"] for row in told["tables"]) > 0


def test_a_model_without_a_price_is_named_once_and_costs_no_number(
    shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(llm=SERVER)
    planned = plan_night(shop.night())
    assert {row["cost_usd"] for row in planned.as_json()["tables"] if row["pending"]} == {None}
    show_plan(planned)
    told = " ".join(capsys.readouterr().out.split())
    assert (
        told.count(
            "no price known for tiny; set llm.server.usd_per_million_prompt and "
            "llm.server.usd_per_million_new"
        )
        == 1
    )
    assert " ? " in told


def test_a_budget_in_dollars_needs_a_price_and_the_list_knows_many(shop: Any) -> None:
    shop.write(llm=SERVER, budget={"usd": 1.0})
    with pytest.raises(ConfigError, match="no price known for tiny"):
        plan_night(shop.night())
    shop.write(llm=SERVER | {"model": "gpt-4o-mini"}, budget={"usd": 1.0})
    assert all(table.cost_usd for table in plan_night(shop.night()).tables if table.pending.height)


def test_the_terminal_says_why_rows_are_asked(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(plan_night(shop.night()))
    assert "item_facts: 60 new" in capsys.readouterr().out


@pytest.mark.parametrize(("budget", "says"), [({"minutes": 5}, True), ({"tokens": 4_000}, False)])
def test_a_plan_with_a_limit_in_minutes_says_whose_minutes_they_are(
    shop: Any, budget: dict[str, int], says: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(budget=budget)
    show_plan(plan_night(shop.night()))
    assert ("embedding, features and checks come on top" in " ".join(capsys.readouterr().out.split())) is says


def test_an_unknown_encoder_is_refused_before_a_model_is_paid(shop: Any) -> None:
    shop.write(encoder={"model": "hashing"})
    with pytest.raises(ConfigError, match="unknown encoder model 'hashing'; did you mean"):
        plan_night(shop.night())
