import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from nightshift.errors import ConfigError
from nightshift.models.llm.base import Decoding, Question
from nightshift.models.llm.prices import Price
from nightshift.night.estimates import with_tokens
from nightshift.night.plan import BudgetSettings, Spent, TablePlan, plan_table
from nightshift.prompts.base import Prompt
from nightshift.storage.ledger import ANSWERS, REJECTED, Ledgers

AS_OF = date(2024, 1, 2)
NO_LIMIT = BudgetSettings()


class Said(BaseModel):
    summary: str


def prompt(questions: tuple[Question, ...] = ()) -> Prompt[Said]:
    parse: Any = lambda answer, finish: Said(summary=answer)  # noqa: E731
    return Prompt(
        "item_facts",
        1,
        "item_id",
        ("title",),
        "two words ",
        lambda row: "",
        parse,
        Said,
        Decoding(max_new_tokens=10),
        questions,
    )


def words(texts: Any) -> list[int]:
    return [len(text.split()) for text in texts]


def requests(**texts: str) -> pl.DataFrame:
    rows = [
        (f"key {text}", row, f"text {text}", text, float(-n)) for n, (row, text) in enumerate(texts.items())
    ]
    schema = {
        "content_key": pl.String,
        "row_id": pl.String,
        "text_key": pl.String,
        "text": pl.String,
        "worth": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


FOUR = requests(a="one", b="one two three", c="x", d="y z")


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path)


def entry(schema: dict[str, Any], key: str, **values: Any) -> dict[str, Any]:
    plain: dict[str, Any] = dict.fromkeys(schema) | {
        "content_key": key,
        "table": "item_facts",
        "as_of": AS_OF,
        "created_at": datetime(2024, 1, 2, tzinfo=UTC),
    }
    return (
        plain
        | {
            "prompt_id": prompt().prompt_id,
            "prompt_tokens": 100,
            "cached_tokens": 0,
            "new_tokens": 4,
            "cost_usd": 0.0,
            "seconds": 2.0,
        }
        | values
    )


def answered(ledgers: Ledgers, *keys: str, **values: Any) -> None:
    ledgers.answers.append([entry(ANSWERS, key, **values) for key in keys], "r")


def rejected(ledgers: Ledgers, key: str, attempts: int) -> None:
    ledgers.rejects.append(
        [entry(REJECTED, key, attempt=attempt, reason="empty") for attempt in range(1, attempts + 1)], "r"
    )


def plan(
    ledgers: Ledgers, rows: pl.DataFrame = FOUR, budget: BudgetSettings = NO_LIMIT, spent: Spent | None = None
) -> TablePlan:
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


def reserved(planned: TablePlan) -> str:
    return "".join(planned.reserved["row_id"])


def test_a_budget_reserves_the_worst_case_of_the_worthiest_rows(ledgers: Ledgers) -> None:
    worst = plan(ledgers).pending["worst_tokens"].to_list()
    assert worst == [13, 15, 13, 14], "instructions, text and the longest answer"
    for budget, bought in ((12, ""), (13, "a"), (27, "a"), (28, "ab"), (54, "abc"), (55, "abcd")):
        assert reserved(plan(ledgers, budget=BudgetSettings(tokens=budget))) == bought


def test_a_plan_foresees_what_a_night_buys_with_what_its_answers_did_not_use(ledgers: Ledgers) -> None:
    expected = plan(ledgers).pending["expected_tokens"].to_list()
    assert expected == [8, 10, 8, 9], "half of the longest answer before the first night"
    for budget, bought in (
        (12, ""),
        (13, "a"),
        (22, "a"),
        (23, "ab"),
        (30, "ab"),
        (31, "abc"),
        (39, "abc"),
        (40, "abcd"),
    ):
        planned = plan(ledgers, budget=BudgetSettings(tokens=budget))
        assert "".join(pending(planned)) == bought
        assert planned.deferred == 4 - len(bought)


def test_a_cheap_row_never_overtakes_a_worthier_one_that_was_too_dear(ledgers: Ledgers) -> None:
    planned = plan(ledgers, requests(a="x", dear="x " * 50, c="x y"), BudgetSettings(tokens=40))
    assert (pending(planned), reserved(planned), planned.deferred) == (["a"], "a", 2)


@pytest.mark.parametrize(
    ("budget", "spent", "bought"),
    [
        (BudgetSettings(tokens=100), Spent(tokens=87), "a"),
        (BudgetSettings(tokens=100), Spent(tokens=500), ""),
        (BudgetSettings(tokens=0), Spent(), ""),
        (BudgetSettings(tables={"item_facts": 28}), Spent(), "ab"),
        (
            BudgetSettings(tables={"item_facts": 28}),
            Spent(tokens=20, by_table={"item_facts": 15, "user_preferences": 5}),
            "a",
        ),
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
    assert reserved(plan(ledgers, budget=budget, spent=spent)) == bought


def test_minutes_are_bought_at_the_speed_the_ledger_has_measured(ledgers: Ledgers) -> None:
    answered(ledgers, "old", seconds=112.0)  # 100 prompt tokens and 4 new ones, each as slow as three
    # a row takes its prompt and twelve seconds: 15, 17, 15, 16
    assert reserved(plan(ledgers, budget=BudgetSettings(minutes=32 / 60))) == "ab"
    answered(ledgers, "older", seconds=0.0, prompt_tokens=112_000 - 112, new_tokens=0)
    assert reserved(plan(ledgers, budget=BudgetSettings(minutes=32 / 60))) == "abcd"


def test_expected_tokens_and_seconds_come_from_the_ledger_once_it_has_some(ledgers: Ledgers) -> None:
    first = plan(ledgers)
    assert first.new_tokens == 4 * 5, "half of the longest answer before the first night"
    answered(ledgers, "old", new_tokens=4, seconds=2.0)
    planned = plan(ledgers)
    assert planned.new_tokens == 16
    assert planned.seconds == pytest.approx((15 + 3 * 16) * 2 / 112)
    assert planned.as_json() | {"seconds": 0} == {
        "table": "item_facts", "rows": 4, "answered": 0, "rejected": 0, "pending": 4, "why": {"new": 4}, "deferred": 0, "reasks": 0,
        "prompt_tokens": 15, "new_tokens": 16, "cost_usd": 0.0, "seconds": 0,
    }  # fmt: skip


def test_what_is_reused_of_a_prompt_takes_no_time(ledgers: Ledgers) -> None:
    answered(ledgers, "old", prompt_tokens=100, cached_tokens=99, new_tokens=0, seconds=1.0)
    assert plan(ledgers, requests(a=" ".join(["long"] * 109))).seconds == pytest.approx(111 - 99)


def test_rejected_answers_are_expected_again_and_cost(ledgers: Ledgers) -> None:
    answered(ledgers, "one", "two", "three", new_tokens=3)
    rejected(
        ledgers, "bad", attempts=2
    )  # four first attempts, one of them rejected, and what it was asked again
    ledgers.rejects.append(
        [entry(REJECTED, "failed", attempt=1, reason="server", new_tokens=0, prompt_tokens=0)], "r"
    )
    planned = plan(ledgers)
    assert planned.learned.reject_share == 0.25
    assert planned.learned.new_tokens == pytest.approx((3 * 3 + 2 * 4) / 5)
    assert planned.reasks == 1
    assert planned.new_tokens == round(5 * 17 / 5)
    assert planned.tokens == pytest.approx(15 * 1.25 + 17, abs=1)
    rejected(ledgers, "key one", attempts=1)
    assert plan(ledgers).pending["reasks"].to_list() == [0.0, 0.4, 0.4, 0.4], (
        "two of five now; a second attempt is the last"
    )


def test_only_calls_of_the_same_prompt_and_model_are_learned_from(ledgers: Ledgers) -> None:
    answered(ledgers, "mine", model_id="m@1", new_tokens=8)
    answered(ledgers, "other model", model_id="m@2", new_tokens=2)
    answered(ledgers, "other prompt", model_id="m@1", prompt_id="item_facts/v1/other", new_tokens=2)
    planned = plan_table(prompt(), FOUR, ledgers, NO_LIMIT, Spent(), words, model_id="m@1")
    assert (planned.learned.calls, planned.learned.new_tokens) == (1, 8)


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


def test_without_a_tokenizer_tokens_are_guessed_from_characters_and_bounded_by_bytes(
    ledgers: Ledgers,
) -> None:
    planned = plan_table(prompt(), requests(a="é" * 390), ledgers, NO_LIMIT, Spent(), None)
    assert planned.prompt_tokens == 100
    assert planned.pending["worst_tokens"].item() == 10 + 780 + 64 + 10


def test_a_server_is_estimated_by_what_it_counted_before(ledgers: Ledgers) -> None:
    rows = requests(**{f"r{n}": f"text {n:03} " + "x" * n for n in range(60)})
    for text in rows["text"].to_list()[:40]:
        answered(ledgers, f"key {text}", prompt_tokens=(10 + len(text)) // 2)
    planned = plan_table(prompt(), rows, ledgers, NO_LIMIT, Spent(), None)
    really = sum((10 + len(text)) // 2 for text in rows["text"].to_list()[40:])
    assert planned.prompt_tokens == pytest.approx(really, rel=0.02)
    assert all(
        most < 1.2 * tokens
        for most, tokens in planned.pending.select("most_prompt_tokens", "prompt_tokens").iter_rows()
    )
    assert all(
        most >= (10 + len(text)) // 2
        for most, text in planned.pending.select("most_prompt_tokens", "text").iter_rows()
    )


def test_tokens_that_span_instructions_and_text_are_counted_once(ledgers: Ledgers) -> None:
    def joined(texts: Any) -> list[int]:
        return [len(text.replace("words one", "wordsone").split()) for text in texts]

    asked = requests(a="one", b="one two")
    planned = plan_table(
        dataclasses.replace(prompt(), instructions="two words "), asked, ledgers, NO_LIMIT, Spent(), joined
    )
    assert planned.pending["prompt_tokens"].to_list() == [2, 3]


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
    def bought(usd: float, spent: float = 0.0) -> TablePlan:
        price = Price(prompt=1.0, cached=0.5, new=10.0)
        return plan_table(
            prompt(), FOUR, ledgers, BudgetSettings(usd=usd), Spent(usd=spent), words, price=price
        )

    assert reserved(bought(102)) == ""  # a row is 3 + 10 x 10 dollars at worst
    assert reserved(bought(103)) == "a"
    assert reserved(bought(208)) == "ab"
    assert reserved(bought(208, spent=100)) == "a"
    assert reserved(bought(1000)) == "abcd"
    assert (pending(bought(211)), bought(211).deferred) == (
        list("abc"),
        1,
    )  # 53 and 55 expected before it, 103 at worst
    assert bought(211).as_json()["cost_usd"] == 3 + 5 + 3 + 3 * 5 * 10


def test_without_a_price_a_plan_says_so_and_a_budget_in_dollars_is_refused(ledgers: Ledgers) -> None:
    planned = plan_table(
        prompt(), FOUR, ledgers, BudgetSettings(tokens=1000), Spent(), words, price=None, model_id="mystery@1"
    )
    assert planned.as_json()["cost_usd"] is None
    with pytest.raises(
        ConfigError,
        match=r"budget.usd is 2, .*no price known for mystery; set llm.server.usd_per_million_prompt",
    ):
        plan_table(
            prompt(), FOUR, ledgers, BudgetSettings(usd=2), Spent(), words, price=None, model_id="mystery@1"
        )


def why(ledgers: Ledgers, run_id: str | None = None) -> dict[str, str]:
    planned = plan_table(prompt(), FOUR, ledgers, NO_LIMIT, Spent(), words, run_id)
    assert sum(planned.why.values()) == planned.pending.height
    return dict(planned.pending.select("row_id", "why").iter_rows())


def test_a_plan_says_why_each_row_is_asked(ledgers: Ledgers) -> None:
    assert why(ledgers) == dict.fromkeys("abcd", "new")
    answered(ledgers, "was a", row_id="a", text_key="text of yesterday")
    answered(ledgers, "was b", row_id="b", text_key="text one two three", prompt_id="item_facts/v1/other")
    answered(ledgers, "was c", row_id="c", text_key="text x", model_id="another@1")
    answered(ledgers, "somewhere else", row_id="d", text_key="text y z", table="user_preferences")
    assert why(ledgers) == {"a": "text_changed", "b": "prompt_changed", "c": "model_changed", "d": "new"}


def test_the_newest_call_for_a_row_decides_what_changed(ledgers: Ledgers) -> None:
    answered(
        ledgers,
        "first a",
        row_id="a",
        text_key="text of old",
        prompt_id="other",
        created_at=datetime(2023, 1, 1, tzinfo=UTC),
    )
    answered(ledgers, "then a", row_id="a", text_key="text of yesterday")
    assert why(ledgers)["a"] == "text_changed"
    ledgers.rejects.append(
        [entry(REJECTED, "was b", row_id="b", text_key="text one two three", attempt=2, reason="empty")], "r"
    )
    assert why(ledgers)["b"] == "model_changed", "a rejected answer tells as well"


def test_re_asks_and_failures_of_the_server_are_reasons_of_their_own(ledgers: Ledgers) -> None:
    rejected(ledgers, "key one", attempts=1)
    ledgers.rejects.append([entry(REJECTED, "key x", attempt=1, reason="server", run_id="r")], "r")
    assert why(ledgers) == {"a": "rejected", "b": "new", "c": "server_failed", "d": "new"}
    assert plan(ledgers).rejected_for == {"empty": 1}


def test_a_re_ask_says_what_was_wrong_and_is_planned_with_that_text(ledgers: Ledgers) -> None:
    asking = dataclasses.replace(prompt(), again=lambda text, reason: f"{text} not {reason} please")
    rejected(ledgers, "key one", attempts=1)
    planned = plan_table(asking, FOUR, ledgers, NO_LIMIT, Spent(), words)
    row = planned.pending.filter(pl.col("row_id") == "a").row(0, named=True)
    assert (row["text"], row["text_key"], row["content_key"], row["attempt"]) == (
        "one not empty please",
        "text one",
        "key one",
        2,
    )
    assert row["prompt_tokens"] == 2 + 4
    assert planned.pending["text"].to_list()[1:] == ["one two three", "x", "y z"]


def test_a_retried_row_gets_two_more_attempts_and_what_it_cost_stays(ledgers: Ledgers) -> None:
    rejected(ledgers, "key one", attempts=2)
    assert "a" not in pending(plan(ledgers))
    ledgers.rejects.append(
        [
            entry(
                REJECTED,
                "key one",
                attempt=2,
                reason="retried",
                run_id="by hand",
                prompt_tokens=0,
                new_tokens=0,
            )
        ],
        "r",
    )
    planned = plan(ledgers)
    assert planned.pending.filter(pl.col("row_id") == "a").select("attempt", "why").row(0) == (3, "rejected")
    assert Spent.of(ledgers, AS_OF).tokens == 2 * 104
    ledgers.rejects.append([entry(REJECTED, "key one", attempt=n, reason="empty") for n in (3, 4)], "r")
    assert "a" not in pending(plan(ledgers))


def test_prompts_that_a_server_counted_as_nothing_teach_no_worst_case() -> None:
    rows = requests(a="one two three four")
    zero = pl.DataFrame({"text": [f"text {n}" for n in range(64)], "prompt_tokens": [0] * 64})
    mixed = pl.concat([zero, pl.DataFrame({"text": ["some other text"], "prompt_tokens": [6]})])
    fresh, taught, both = (with_tokens(prompt(), rows, None, seen) for seen in (zero.clear(), zero, mixed))
    assert taught.equals(fresh)
    assert both["most_prompt_tokens"].item() == fresh["most_prompt_tokens"].item()
    assert both["prompt_tokens"].item() > 0
