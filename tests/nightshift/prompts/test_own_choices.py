"""Prompts whose choices differ from row to row: keys, plans, batches and what the ledger keeps."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import BaseModel

from nightshift.models.llm.base import Decoding, Question, Request
from nightshift.models.llm.choices import packed, unpacked
from nightshift.models.llm.echo import EchoLLM
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import BudgetSettings, Spent, TablePlan, plan_table
from nightshift.prompts.base import REQUESTS, Prompt
from pipelines.answer_prompts import Batch, batches
from pipelines.batches import cut
from pipelines.runners import do_all

AS_OF = date(2024, 1, 2)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
ECHO = EchoLLM()


class NoValue(BaseModel):
    """Scores are numbers."""


def _next(row: Mapping[str, Any]) -> tuple[Question, ...]:
    return (
        (Question("next", "\nNext:", tuple(f" {title}" for title in row["candidates"])),)
        if row["candidates"]
        else ()
    )


NEXT = Prompt(
    name="user_next",
    version=1,
    row_key="user_id",
    fields=("liked", "candidates"),
    instructions="Which item would this person pick?\n\n",
    build=lambda row: f"Liked: {row['liked']}",
    parse=lambda answer, finish: NoValue(),
    schema=NoValue,
    decoding=Decoding(max_new_tokens=1),
    choices=_next,
)
USERS = pl.DataFrame(
    {
        "user_id": ["a", "b", "c", "nobody"],
        "liked": ["Fargo", "Alien", "Fargo", "Heat"],
        "candidates": [
            ["Heat", "Casino"],
            ["Aliens"],
            [f"A film of {year}" for year in range(1970, 1980)],
            [],
        ],
        "email": ["secret"] * 4,
    }
)


class OwnNight(Night):
    """A night with one prompt more."""

    @cached_property
    def prompts(self) -> dict[str, Prompt[Any]]:
        return {"user_next": NEXT}


class OwnBatch(Batch):
    """A batch of such a night."""

    @cached_property
    def night(self) -> Night:
        return OwnNight(self.settings, self.as_of, self.run_id)


def night(home: Path, **llm: Any) -> OwnNight:
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": llm or {"backend": "echo"},
        "encoder": {"backend": "hashing"},
    }
    return OwnNight(Settings.model_validate(raw | {"home": home, "beam": {"batch_rows": 2}}), AS_OF, "run")


def planned(tonight: Night, users: pl.DataFrame = USERS, tokens: bool = True) -> TablePlan:
    count = ECHO.count_tokens if tokens else None
    requests = NEXT.requests(users, ECHO.identity)
    return plan_table(
        NEXT,
        requests,
        tonight.ledgers,
        BudgetSettings(),
        Spent.of(tonight.ledgers, AS_OF),
        count,
        keeps_states=True,
    )


def answer(tonight: Night, plan: TablePlan) -> pl.DataFrame:
    do_all(
        tonight.settings,
        "run",
        batches(plan.pending, 2),
        OwnBatch(tonight.settings, "user_next", AS_OF, "run"),
    )
    return tonight.ledgers.answers.scan().collect().sort("row_id")


def test_questions_come_back_from_their_text() -> None:
    questions = (Question("next", "\nNext:", (' A, "B"', " ж\n")), Question("bare", "", ("x",)))
    assert unpacked(packed(questions)) == questions
    assert unpacked(None) == unpacked(packed([])) == ()


def test_a_row_without_choices_is_not_asked_and_the_others_carry_theirs() -> None:
    requests = NEXT.requests(USERS, ECHO.identity)
    assert requests.columns == [*list(REQUESTS)[:-1], "questions", "worth"]
    assert requests["row_id"].to_list() == ["a", "b", "c"]
    assert [len(unpacked(own)[0].choices) for own in requests["questions"]] == [2, 1, 10]


def test_choices_see_the_fields_only() -> None:
    seen: list[set[str]] = []
    replace(NEXT, choices=lambda row: seen.append(set(row)) or _next(row)).requests(USERS, ECHO.identity)
    assert seen == [{"liked", "candidates"}] * 4


def test_other_choices_are_another_key_and_the_same_ones_the_same() -> None:
    before = NEXT.requests(USERS, ECHO.identity)
    other = USERS.with_columns(
        candidates=pl.when(user_id=pl.lit("a")).then(pl.lit(["Heat"])).otherwise("candidates")
    )
    after = NEXT.requests(other.with_columns(email=pl.lit("changed")), ECHO.identity)
    assert (before["content_key"] == after["content_key"]).to_list() == [False, True, True]
    assert (before["text_key"] == after["text_key"]).to_list() == [False, True, True]
    assert before["content_key"].n_unique() == 3, "equal texts with other choices are told apart"


def test_a_prompt_without_own_choices_keeps_its_keys_and_columns() -> None:
    shared = replace(NEXT, choices=None, questions=(Question("mood", "\nMood:", (" dark", " funny")),))
    requests = shared.requests(USERS, ECHO.identity)
    assert requests.columns == list(REQUESTS)
    assert shared.digest == "57efb34ebe1ca3a093692a3bb3106d9c"
    assert requests["content_key"][0] == "48711b30af7ceae274317fbbc42ffdc2"


def test_questions_of_both_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="user_next: give it questions that all rows share, or choices"):
        replace(NEXT, questions=(Question("mood", "\nMood:", (" dark",)),))


@pytest.mark.parametrize(("choices", "said"), [((), "no choices"), ((" a", ""), "an empty choice")])
def test_a_row_with_nothing_to_weigh_is_refused_before_anything_is_paid(
    choices: tuple[str, ...], said: str
) -> None:
    broken = replace(NEXT, choices=lambda row: (Question("next", "\nNext:", choices),))
    with pytest.raises(ValueError, match=f"user_next, user_id 'a': question 'next' has {said}"):
        broken.requests(USERS, ECHO.identity)


def test_a_night_asks_each_row_once_and_keeps_scores_and_states_of_its_own_length(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    rows = answer(tonight, planned(tonight))
    assert rows["row_id"].to_list() == ["a", "b", "c"]
    assert rows["scores"].list.len().to_list() == rows["choices"].list.len().to_list() == [2, 1, 10]
    assert rows["choices"][0].to_list() == ["next:Heat", "next:Casino"]
    vectors = tonight.ledgers.vectors.scan().collect()
    assert vectors["vector"].list.len().to_list() == [ECHO.settings.width] * 3
    again = planned(tonight)
    assert (again.answered, again.pending.height) == (3, 0)


def test_scores_are_those_of_each_row_alone(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    plan = planned(tonight)
    rows = answer(tonight, plan)
    for request, scores in zip(plan.pending.sort("row_id").to_dicts(), rows["scores"], strict=True):
        alone = ECHO.score(
            [Request("k", NEXT.instructions, request["text"])], unpacked(request["questions"])
        )[0]
        assert scores.to_list() == alone.log_probabilities.tolist()


def test_the_plan_counts_the_rows_own_branches_as_the_run_does(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    plan = planned(tonight)
    rows = answer(tonight, plan)
    assert plan.pending.sort("row_id")["prompt_tokens"].to_list() == rows["prompt_tokens"].to_list()
    assert plan.new_tokens == 0
    longer = dict(zip(plan.pending["row_id"], plan.pending["prompt_tokens"], strict=True))
    assert longer["c"] - longer["a"] == 10 * 4 - 2, "ten choices of four words against two of one"


def test_without_a_tokenizer_the_rows_own_branches_are_estimated_and_learned(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    before = dict(planned(tonight, tokens=False).pending.select("row_id", "prompt_tokens").iter_rows())
    assert before["c"] > before["a"] > before["b"]
    answer(tonight, planned(tonight, USERS.head(2)))
    after = planned(tonight, tokens=False).pending
    assert after["row_id"].to_list() == ["c"]
    assert "read" not in after.columns
    assert after["prompt_tokens"][0] <= after["most_prompt_tokens"][0]


def test_a_backend_that_only_writes_is_asked_nothing(tmp_path: Path) -> None:
    tonight = night(tmp_path, backend="llama_cpp")
    assert tonight.askable("user_next", NEXT.requests(USERS, ECHO.identity)).is_empty()


def test_batches_are_alike_in_text_and_choices_together() -> None:
    rows = pl.DataFrame(
        {"text": ["x" * 90, "x", "x" * 50, "x" * 40], "questions": ["q", "q" * 99, "q" * 9, "q" * 9]}
    )
    sizes = [
        (batch["text"].str.len_bytes() + batch["questions"].str.len_bytes()).to_list()
        for batch in cut(rows, 2)
    ]
    assert sizes == [[49, 59], [91, 100]]
