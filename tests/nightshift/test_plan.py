from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from nightshift.ledger import ANSWERS, REJECTED, Ledgers
from nightshift.llm.base import Decoding, Question
from nightshift.plan import BudgetSettings, Spent, TablePlan, affordable, plan_table, with_tokens
from nightshift.prompts.base import Prompt

AS_OF = date(2024, 1, 2)
NO_LIMIT = BudgetSettings()


class Said(BaseModel):
    summary: str


def prompt(questions: tuple[Question, ...] = ()) -> Prompt[Said]:
    parse: Any = lambda answer, finish: Said(summary=answer)  # noqa: E731
    return Prompt("item_facts", 1, "item_id", ("title",), "two words ", lambda row: "", parse, Said, Decoding(max_new_tokens=10), questions)


def words(texts: Any) -> list[int]:
    return [len(text.split()) for text in texts]


def requests(**texts: str) -> pl.DataFrame:
    rows = [(f"key {text}", row, f"text {text}", text, float(-n)) for n, (row, text) in enumerate(texts.items())]
    schema = {"content_key": pl.String, "row_id": pl.String, "text_key": pl.String, "text": pl.String, "worth": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


FOUR = requests(a="one", b="one two three", c="x", d="y z")


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path)


def entry(schema: dict[str, Any], key: str, **values: Any) -> dict[str, Any]:
    plain = dict.fromkeys(schema) | {
        "content_key": key,
        "table": "item_facts",
        "as_of": AS_OF,
        "created_at": datetime(2024, 1, 2, tzinfo=UTC),
    }
    return plain | {"prompt_id": prompt().prompt_id, "prompt_tokens": 100, "new_tokens": 4, "cost_usd": 0.0, "seconds": 2.0} | values


def answered(ledgers: Ledgers, *keys: str, **values: Any) -> None:
    ledgers.answers.append([entry(ANSWERS, key, **values) for key in keys], "r")


def rejected(ledgers: Ledgers, key: str, attempts: int) -> None:
    ledgers.rejects.append([entry(REJECTED, key, attempt=attempt, reason="empty") for attempt in range(1, attempts + 1)], "r")


def plan(ledgers: Ledgers, rows: pl.DataFrame = FOUR, budget: BudgetSettings = NO_LIMIT, spent: Spent | None = None) -> TablePlan:
    return plan_table(prompt(), rows, ledgers, budget, spent or Spent(), words)


def pending(planned: TablePlan) -> list[str]:
    return planned.pending["row_id"].to_list()


def test_the_first_night_asks_everything(ledgers: Ledgers) -> None:
    planned = plan(ledgers)
    assert pending(planned) == list("abcd")
    assert (planned.rows, planned.answered, planned.rejected, planned.deferred) == (4, 0, 0, 0)
    assert planned.prompt_tokens == 4 * 2 + 1 + 3 + 1 + 2
    assert not list(ledgers.answers.folder.parent.glob("*")), "a plan writes nothing"


def test_what_was_answered_is_not_asked_again_whoever_asked_and_when(ledgers: Ledgers) -> None:
    answered(ledgers, "key one", "key x", as_of=date(2023, 1, 1), run_id="long ago")
    planned = plan(ledgers)
    assert pending(planned) == ["b", "d"]
    assert planned.answered == 2
    answered(ledgers, "key one two three", "key y z")
    assert plan(ledgers).pending.is_empty()


def test_rows_with_equal_text_are_asked_once_and_answered_together(ledgers: Ledgers) -> None:
    rows = requests(a="same", b="same", c="other")
    assert pending(plan(ledgers, rows)) == ["a", "c"]
    answered(ledgers, "key same")
    assert plan(ledgers, rows).answered == 2


def test_a_row_is_given_up_after_two_rejects_and_not_after_one(ledgers: Ledgers) -> None:
    rejected(ledgers, "key one", attempts=2)
    rejected(ledgers, "key x", attempts=1)
    planned = plan(ledgers)
    assert pending(planned) == list("bcd")
    assert planned.rejected == 1
    rejected(ledgers, "key y z", attempts=2)
    answered(ledgers, "key y z")
    assert (plan(ledgers).answered, plan(ledgers).rejected) == (1, 1), "an answer wins over earlier rejects"


def test_a_budget_buys_the_worthiest_rows_by_their_worst_case(ledgers: Ledgers) -> None:
    worst = with_tokens(prompt(), FOUR, words)["worst_tokens"].to_list()
    assert worst == [13, 15, 13, 14], "instructions, text and the longest answer"
    for budget, bought in ((12, ""), (13, "a"), (27, "a"), (28, "ab"), (54, "abc"), (55, "abcd")):
        planned = plan(ledgers, budget=BudgetSettings(tokens=budget))
        assert "".join(pending(planned)) == bought
        assert planned.deferred == 4 - len(bought)


def test_a_cheap_row_never_overtakes_a_worthier_one_that_was_too_dear() -> None:
    rows = with_tokens(prompt(), requests(a="x", dear="x " * 50, c="x"), words)
    assert affordable(rows, BudgetSettings(tokens=40), Spent(), "item_facts", 1.0)["row_id"].to_list() == ["a"]


@pytest.mark.parametrize(
    ("budget", "spent", "bought"),
    [
        (BudgetSettings(tokens=100), Spent(tokens=87), "a"),
        (BudgetSettings(tokens=100), Spent(tokens=500), ""),
        (BudgetSettings(tokens=0), Spent(), ""),
        (BudgetSettings(tables={"item_facts": 28}), Spent(), "ab"),
        (BudgetSettings(tables={"item_facts": 28}), Spent(tokens=20, by_table={"item_facts": 15, "user_preferences": 5}), "a"),
        (BudgetSettings(tables={"user_preferences": 0}), Spent(), "abcd"),
        (BudgetSettings(tokens=13, tables={"item_facts": 28}), Spent(), "a"),
        (BudgetSettings(tokens=1000, tables={"item_facts": 13}), Spent(), "a"),
        (BudgetSettings(minutes=0), Spent(), ""),
        (BudgetSettings(minutes=1), Spent(seconds=60.0), ""),
        (BudgetSettings(usd=0), Spent(), "abcd"),  # a local model costs nothing
    ],
)
def test_the_tightest_limit_of_the_night_counts_and_what_was_spent_is_gone(
    ledgers: Ledgers, budget: BudgetSettings, spent: Spent, bought: str
) -> None:
    assert "".join(pending(plan(ledgers, budget=budget, spent=spent))) == bought


def test_minutes_are_bought_at_the_speed_the_ledger_has_measured(ledgers: Ledgers) -> None:
    answered(ledgers, "old", seconds=104.0)  # 104 tokens in 104 seconds
    assert "".join(pending(plan(ledgers, budget=BudgetSettings(minutes=0.5)))) == "ab"
    answered(ledgers, "older", seconds=0.0, prompt_tokens=104_000 - 104, new_tokens=0)
    assert "".join(pending(plan(ledgers, budget=BudgetSettings(minutes=0.5)))) == "abcd"


def test_expected_tokens_and_seconds_come_from_the_ledger_once_it_has_some(ledgers: Ledgers) -> None:
    first = plan(ledgers)
    assert first.new_tokens == 4 * 5, "half of the longest answer before the first night"
    answered(ledgers, "old", new_tokens=4, seconds=2.0)
    planned = plan(ledgers)
    assert planned.new_tokens == 16
    assert planned.tokens_per_second == pytest.approx(52.0)
    assert planned.seconds == pytest.approx((15 + 16) / 52)
    assert planned.as_json() | {"seconds": 0} == {
        "table": "item_facts", "rows": 4, "answered": 0, "rejected": 0, "pending": 4, "deferred": 0,
        "prompt_tokens": 15, "new_tokens": 16, "cost_usd": 0.0, "seconds": 0,
    }  # fmt: skip


def test_what_was_spent_is_counted_for_one_night_answers_and_rejects_alike(ledgers: Ledgers) -> None:
    answered(ledgers, "a", "b")
    answered(ledgers, "c", table="user_preferences")
    answered(ledgers, "yesterday", as_of=date(2024, 1, 1))
    rejected(ledgers, "d", attempts=2)
    spent = Spent.of(ledgers, AS_OF)
    assert (spent.tokens, spent.seconds) == (5 * 104, 10.0)
    assert spent.by_table == {"item_facts": 4 * 104, "user_preferences": 104}
    assert Spent.of(ledgers, date(2020, 1, 1)) == Spent(by_table={})


def test_a_scored_prompt_writes_no_tokens(ledgers: Ledgers) -> None:
    scored = prompt((Question("mood", "\nMood:", (" dark", " sad")),))
    planned = plan_table(scored, FOUR, ledgers, NO_LIMIT, Spent(), words)
    assert planned.new_tokens == 0
    assert planned.pending["worst_tokens"].to_list() == planned.pending["prompt_tokens"].to_list()


def test_without_a_tokenizer_tokens_are_guessed_from_characters(ledgers: Ledgers) -> None:
    planned = plan_table(prompt(), requests(a="x" * 400), ledgers, NO_LIMIT, Spent(), None)
    assert planned.prompt_tokens == pytest.approx(100, abs=5)


def test_an_empty_catalogue_is_a_plan_of_nothing(ledgers: Ledgers) -> None:
    planned = plan(ledgers, FOUR.clear(), BudgetSettings(tokens=5))
    assert planned.as_json()["pending"] == planned.as_json()["seconds"] == 0


def test_what_the_server_failed_is_no_attempt_and_waits_for_the_next_run(ledgers: Ledgers) -> None:
    for run in ("r", "s"):
        ledgers.rejects.append([entry(REJECTED, "key one", attempt=1, reason="server", run_id=run)], run)
    rejected(ledgers, "key x", attempts=1)
    ledgers.rejects.append([entry(REJECTED, "key x", attempt=2, reason="server", run_id="s")], "s")
    same = plan_table(prompt(), FOUR, ledgers, NO_LIMIT, Spent(), words, "s")
    assert (pending(same), same.rejected) == (list("bd"), 2)
    later = plan_table(prompt(), FOUR, ledgers, NO_LIMIT, Spent(), words, "t")
    assert (pending(later), later.rejected) == (list("abcd"), 0)
    assert later.pending["attempt"].to_list() == [1, 1, 2, 1]
    rejected(ledgers, "key one", attempts=2)
    assert pending(plan(ledgers)) == list("bcd"), "answers that were heard count"


def test_money_is_a_hard_limit_by_the_worst_case_and_a_plan_says_what_it_expects(ledgers: Ledgers) -> None:
    def price(prompt_tokens: int, new_tokens: int) -> float:
        return prompt_tokens * 1.0 + new_tokens * 10.0

    def bought(usd: float, spent: float = 0.0) -> TablePlan:
        return plan_table(prompt(), FOUR, ledgers, BudgetSettings(usd=usd), Spent(usd=spent), words, price=price)

    assert pending(bought(102)) == []  # a row is 3 + 10 x 10 dollars at worst
    assert pending(bought(103)) == ["a"]
    assert (pending(bought(208)), bought(208).deferred) == (list("ab"), 2)
    assert pending(bought(208, spent=100)) == ["a"]
    assert pending(bought(1000)) == list("abcd")
    assert bought(208).as_json()["cost_usd"] == 3 + 5 + 2 * 5 * 10
