"""A sentence that stands for many rows: rejected, asked once more, given up; nothing lost, nothing paid a
third time."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.enrichments.answers import Values, read_values
from nightshift.night.budget import ATTEMPTS
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import Spent
from pipelines.answer_prompts import answer_prompts

AS_OF = date(2024, 1, 2)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
EVENTS = pl.DataFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
)
ALIKE = "A comedy-drama with a dark undercurrent."


def night(
    home: Path, reply: str = ALIKE, equal: int | None = 1, run_id: str = "first", **facts: Any
) -> Night:
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": {"backend": "echo", "reply": reply},
        "encoder": {"backend": "hashing"},
        "home": home,
        "facts": {"max_equal_sentences": equal, **facts},
        "beam": {"batch_rows": 4},
    }
    return Night(Settings.model_validate(raw), AS_OF, run_id)


def catalogue(titles: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [f"i{n}" for n in range(len(titles))], "title": titles}).with_columns(
        text=pl.lit(None, pl.String), attributes=pl.lit(["Drama"])
    )


def films(rows: int) -> list[str]:
    return [f"Film {n}" for n in range(rows)]


def pending(tonight: Night, titles: list[str]) -> pl.DataFrame:
    step = tonight.given(catalogue(titles), EVENTS).step("item_facts")
    return tonight.plan(step, Spent.of(tonight.ledgers, AS_OF), tonight.run_id).pending


def work(tonight: Night, titles: list[str]) -> None:
    while (rows := pending(tonight, titles)).height:
        answer_prompts(tonight.settings, "item_facts", AS_OF, tonight.run_id, rows)


def values(tonight: Night, titles: list[str]) -> Values:
    step = tonight.given(catalogue(titles), EVENTS).step("item_facts")
    return read_values(tonight.prompts["item_facts"], step.requests, tonight.ledgers, tonight.identity)


def calls(tonight: Night) -> int:
    return tonight.ledgers.calls(lambda every: every.select("content_key")).height


@pytest.mark.parametrize(("equal", "accepted"), [(None, 10), (1, 1), (2, 2), (4, 4), (9, 9), (10, 10)])
def test_a_sentence_stands_for_so_many_rows_and_the_others_are_asked_twice_and_given_up(
    tmp_path: Path, equal: int | None, accepted: int
) -> None:
    tonight = night(tmp_path, equal=equal)
    work(tonight, films(10))
    said = values(tonight, films(10))
    assert said.frame["row_id"].to_list() == [f"i{n}" for n in range(accepted)], "the worthiest keep it"
    assert said.rejects["reason"].to_list() == ["repeated"] * (10 - accepted)
    assert set(said.rejects["answer"]) <= {ALIKE}
    assert calls(tonight) == accepted + ATTEMPTS * (10 - accepted)
    rejects = tonight.ledgers.rejects.scan().collect()
    assert Counter(rejects["attempt"]) == dict.fromkeys(
        range(1, ATTEMPTS + 1) if accepted < 10 else (), 10 - accepted
    )


def test_what_repeats_has_its_template_and_does_not_count_as_written(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    work(tonight, films(6))
    foreseen = tonight.given(
        catalogue(films(6)), EVENTS, item_tag_scores=tonight.tables["item_tag_scores"].empty()
    )
    frame = foreseen.read("item_facts")
    assert frame["origin"].to_list() == ["llm"] + ["template"] * 5
    assert frame["summary"].n_unique() == 6


@pytest.mark.parametrize(
    "second", ["a comedy-drama with a DARK undercurrent", f"{ALIKE[:-1]} !", ALIKE.replace(" ", "  ")]
)
def test_letter_case_spaces_and_marks_at_the_end_make_no_difference(tmp_path: Path, second: str) -> None:
    work(night(tmp_path), films(1))
    other = night(tmp_path, second, run_id="second")
    work(other, [*films(1), "Another"])
    assert other.ledgers.answers.scan().collect()["row_id"].to_list() == ["i0", "i0"], (
        "the row's own does not count"
    )
    assert values(other, [*films(1), "Another"]).rejects["key"].to_list() == ["i1"]


def test_different_sentences_pass_and_cost_one_call_each(tmp_path: Path) -> None:
    tonight = night(tmp_path, "A story of {first}.")
    work(tonight, films(9))
    assert (values(tonight, films(9)).frame.height, calls(tonight)) == (9, 9)


def test_a_row_that_says_its_own_sentence_of_an_earlier_text_keeps_it(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    work(tonight, ["Fargo"])
    work(tonight, ["Fargo (1996)"])
    assert values(tonight, ["Fargo (1996)"]).frame.height == 1


def test_a_sentence_is_free_again_once_its_row_says_something_else(tmp_path: Path) -> None:
    work(night(tmp_path), ["Fargo"])
    work(night(tmp_path, "Snow.", run_id="second"), ["Fargo"])
    third = night(tmp_path, run_id="third")
    answered = pending(third, ["Fargo", "Heat"])
    answer_prompts(third.settings, "item_facts", AS_OF, "third", answered)
    assert values(third, ["Fargo", "Heat"]).frame["row_id"].to_list() == ["i0", "i1"]
