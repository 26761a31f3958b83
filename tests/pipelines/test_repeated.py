"""A sentence that stands for many rows: rejected, asked once more, given up; nothing lost, nothing paid a
third time."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs.rejected import Chosen, retry
from nightshift.enrichments.answers import Values, read_values
from nightshift.enrichments.said import Said
from nightshift.night.budget import ATTEMPTS
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import Spent
from nightshift.prompts.reask import HINTS
from nightshift.storage.ledger import Ledgers
from pipelines.answer_prompts import Batch, answer_prompts, batches

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
    home: Path,
    reply: str = ALIKE,
    equal: int | None = 1,
    run_id: str = "first",
    workers: int = 1,
    **facts: Any,
) -> Night:
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": {"backend": "echo", "reply": reply},
        "encoder": {"backend": "hashing"},
        "home": home,
        "facts": {"max_equal_sentences": equal, **facts},
        "beam": {"batch_rows": 4, "workers": workers},
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
    assert said.frame["row_id"].to_list() == [f"i{n}" for n in range(accepted)], "the first that are asked"
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


def test_what_was_rejected_as_repeated_is_read_for_free_when_the_limit_is_off_and_only_then(
    tmp_path: Path,
) -> None:
    work(night(tmp_path), films(5))
    for equal, accepted in ((1, 1), (3, 1), (None, 5)):
        later = night(tmp_path, equal=equal, run_id="later")
        assert pending(later, films(5)).is_empty()
        assert values(later, films(5)).frame.height == accepted, equal


def test_answers_that_were_accepted_before_the_limit_stay_and_count(tmp_path: Path) -> None:
    work(night(tmp_path, equal=None), films(3))
    later = night(tmp_path, run_id="later")
    work(later, films(5))
    assert values(later, films(5)).frame["row_id"].to_list() == ["i0", "i1", "i2"]
    assert values(later, films(5)).rejects["key"].to_list() == ["i3", "i4"]


def test_the_limit_is_part_of_no_key(tmp_path: Path) -> None:
    free, held = night(tmp_path, equal=None), night(tmp_path, equal=2)
    assert free.prompts["item_facts"].prompt_id == held.prompts["item_facts"].prompt_id
    work(free, films(3))
    assert pending(held, films(3)).is_empty()


def test_a_repeated_answer_has_a_second_attempt_that_says_so_and_counts_as_a_reask(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    answer_prompts(tonight.settings, "item_facts", AS_OF, "first", pending(tonight, films(4)))
    rows = pending(tonight, films(4))
    assert rows["attempt"].to_list() == [2, 2, 2]
    assert set(rows["reason"]) == {"repeated"}
    assert all(HINTS["repeated"] in text for text in rows["text"])


def test_a_second_attempt_that_says_something_new_is_accepted(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    answer_prompts(tonight.settings, "item_facts", AS_OF, "first", pending(tonight, films(3)))
    other = night(tmp_path, "A tale of {first}.", run_id="first")
    rows = pending(tonight, films(3))
    answer_prompts(other.settings, "item_facts", AS_OF, "first", rows)
    said = values(tonight, films(3)).frame
    assert said["summary"].n_unique() == said.height == 3


def test_other_rejections_keep_their_reason(tmp_path: Path) -> None:
    tonight = night(tmp_path, "I'm sorry, I cannot help.")
    work(tonight, films(3))
    assert values(tonight, films(3)).rejects["reason"].to_list() == ["refusal"] * 3


def test_the_json_form_is_held_to_the_same_limit(tmp_path: Path) -> None:
    facets = night(tmp_path).vocabulary.facets
    reply = json.dumps({"summary": ALIKE} | {facet.name: facet.tags[0] for facet in facets})
    tonight = night(tmp_path, reply, form="json")
    work(tonight, films(4))
    assert values(tonight, films(4)).frame["row_id"].to_list() == ["i0"]
    assert set(values(tonight, films(4)).rejects["reason"]) == {"repeated"}


def test_equal_requests_share_one_answer_that_counts_once(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    work(tonight, ["Fargo", "Fargo", "Alien"])
    assert values(tonight, ["Fargo", "Fargo", "Alien"]).frame["row_id"].sort().to_list() == ["i0", "i1"]


def test_other_tables_have_no_limit(tmp_path: Path) -> None:
    limits = {name: prompt.max_equal for name, prompt in night(tmp_path).prompts.items()}
    assert {name for name, limit in limits.items() if limit is not None} == {"item_facts"}


def batch(tonight: Night) -> Batch:
    return Batch(tonight.settings, "item_facts", AS_OF, tonight.run_id)


def test_a_worker_sees_what_another_one_stored_since_its_last_batch(tmp_path: Path) -> None:
    one, two = batch(night(tmp_path)), batch(night(tmp_path, run_id="second"))
    parts = list(batches(pending(night(tmp_path), films(6)), 2))
    assert [one.do(parts[0])["accepted"], two.do(parts[1])["accepted"], one.do(parts[2])["accepted"]] == [
        1,
        0,
        0,
    ]


def test_a_worker_that_begins_anew_knows_what_is_stored(tmp_path: Path) -> None:
    parts = list(batches(pending(night(tmp_path), films(6)), 2))
    assert sum(batch(night(tmp_path)).do(part)["accepted"] for part in parts) == 1
    assert sorted(night(tmp_path).ledgers.rejects.scan().collect()["row_id"]) == [
        f"i{n}" for n in range(1, 6)
    ]


def test_several_processes_lose_no_answer_and_pay_no_row_more_than_twice(tmp_path: Path) -> None:
    tonight = night(tmp_path, workers=2)
    work(tonight, films(24))
    said = values(tonight, films(24))
    assert said.frame.height + said.rejects.height == 24
    assert 1 <= said.frame.height <= 2, "batches in flight at once do not see each other"
    paid = tonight.ledgers.calls(lambda every: every.group_by("content_key").len())
    assert paid["len"].max() == ATTEMPTS


def test_retried_rows_are_asked_again_and_held_to_the_limit_again(tmp_path: Path) -> None:
    work(night(tmp_path), films(3))
    tonight = night(tmp_path, run_id="second")
    assert retry(tonight.ledgers, Chosen(reason="repeated")).height == 2
    work(tonight, films(3))
    assert values(tonight, films(3)).frame.height == 1
    assert pending(night(tmp_path, run_id="third"), films(3)).is_empty()


def test_a_long_night_reads_the_stored_answers_once_and_then_only_the_new_ones(tmp_path: Path) -> None:
    tonight = night(tmp_path, "A story of {first}.")
    work(tonight, films(8))
    old = tonight.ledgers.answers.scan().collect().with_columns(pl.col("created_at") - timedelta(days=1))
    home = tmp_path / "later"
    Ledgers(home).answers.append(old, "old")
    read: list[str] = []
    prompt = tonight.prompts["item_facts"]
    counting = replace(
        prompt, parse=lambda text, end: (read.append(text), prompt.parse(text, end))[1], max_equal=1
    )
    said = Said(counting, Ledgers(home))
    for _ in range(5):
        said.judged([])
    assert len(read) == 8


@pytest.mark.parametrize("table", ["item_tag_scores", "item_facts", "group_facts", "user_preferences"])
def test_only_prompts_that_write_a_text_can_have_a_limit(tmp_path: Path, table: str) -> None:
    prompt = night(tmp_path).prompts[table]
    if not prompt.is_scored:
        assert replace(prompt, max_equal=3).sentence == "summary"
        return
    with pytest.raises(ValueError, match="item_tag_scores: max_equal needs a text"):
        replace(prompt, max_equal=3)
