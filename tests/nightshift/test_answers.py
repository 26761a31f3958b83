from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.enrichments.answers import Values, parse, read_values
from nightshift.enrichments.user_preferences.histories import Preferences
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Decoding, FinishReason, ModelIdentity
from nightshift.prompts.base import Prompt
from nightshift.storage.ledger import ANSWERS, REJECTED, Ledgers
from nightshift.tables import REJECTS

ECHO = ModelIdentity(model_id="echo@1", arithmetic="float32")


def strict(answer: str, finish: FinishReason) -> Preferences:
    if finish != "stop":
        raise RejectedAnswer("too_long", answer)
    if not answer.startswith("Wants"):
        raise RejectedAnswer("schema", answer)
    return Preferences(likes=[answer.split()[-1]], dislikes=[], summary=answer)


def lenient(answer: str, finish: FinishReason) -> Preferences:
    return Preferences(likes=[], dislikes=[], summary=answer)


def prompt(parse: Any = strict) -> Prompt[Preferences]:
    return Prompt(
        "user_preferences",
        1,
        "user_id",
        ("text",),
        "Read.\n",
        lambda row: row["text"],
        parse,
        Preferences,
        Decoding(),
    )


def requests(*keys: str) -> pl.DataFrame:
    return pl.DataFrame({"content_key": list(keys), "row_id": [f"u{n}" for n in range(len(keys))]})


def row(key: str, text: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "content_key": key, "table": "user_preferences", "as_of": date(2024, 1, 1), "run_id": "r", "model_id": "m", "prompt_id": "p",
        "created_at": datetime(2024, 1, 1, tzinfo=UTC), "text": text, "finish_reason": finish, "scores": None, "choices": None,
        "prompt_tokens": 1, "cached_tokens": 0, "new_tokens": 1, "seconds": 0.1, "cost_usd": 0.0,
    } | more  # fmt: skip


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path)


def answered(ledgers: Ledgers, *rows: dict[str, Any]) -> None:
    ledgers.answers.append(pl.DataFrame(list(rows), schema=ANSWERS), "r")


def rejected(ledgers: Ledgers, *rows: dict[str, Any]) -> None:
    plain = [{name: row.get(name) for name in REJECTED} | {"row_id": "?", "reason": "schema"} for row in rows]
    ledgers.rejects.append(pl.DataFrame(plain, schema=REJECTED), "r")


def read(ledgers: Ledgers, *keys: str, parse: Any = strict) -> Values:
    return read_values(prompt(parse), requests(*keys), ledgers, ECHO)


def test_stored_answers_become_values_in_the_order_of_the_requests(ledgers: Ledgers) -> None:
    answered(ledgers, row("b", "Wants war"), row("a", "Wants love"), row("other", "Wants death"))
    values = read(ledgers, "a", "b")
    assert values.frame.select("row_id", "content_key", "likes", "summary").rows() == [
        ("u0", "a", ["love"], "Wants love"),
        ("u1", "b", ["war"], "Wants war"),
    ]
    assert values.rejects.is_empty()


def test_rows_with_the_same_text_share_one_answer(ledgers: Ledgers) -> None:
    answered(ledgers, row("a", "Wants love"))
    assert read(ledgers, "a", "a").frame["row_id"].to_list() == ["u0", "u1"]


def test_rows_that_were_never_asked_are_neither_values_nor_rejects(ledgers: Ledgers) -> None:
    values = read(ledgers, "a")
    assert values.frame.is_empty()
    assert values.frame.schema["likes"] == pl.List(pl.String)
    assert values.rejects.schema == REJECTS.schema
    assert values.rejects.is_empty()


def test_a_rejected_answer_is_told_with_its_owner_reason_and_words(ledgers: Ledgers) -> None:
    rejected(ledgers, row("a", "first", attempt=1), row("a", "second", "length", attempt=2))
    (told,) = read(ledgers, "a").rejects.rows(named=True)
    assert told == {
        "table": "user_preferences",
        "key": "u0",
        "reason": "too_long",
        "answer": "second",
        "prompt_id": prompt().prompt_id,
        "model_id": "echo@1",
        "content_key": "a",
    }


def test_an_accepted_second_attempt_hides_the_first(ledgers: Ledgers) -> None:
    rejected(ledgers, row("a", "first", attempt=1))
    answered(ledgers, row("a", "Wants love"))
    values = read(ledgers, "a")
    assert values.frame.height == 1
    assert values.rejects.is_empty()


def test_a_better_parser_reads_old_rejects_without_a_call(ledgers: Ledgers) -> None:
    rejected(ledgers, row("a", "first", attempt=1), row("a", "second", attempt=2))
    assert read(ledgers, "a", parse=lenient).frame["summary"].to_list() == ["second"]
    assert read(ledgers, "a", parse=lenient).rejects.is_empty()


def test_a_stricter_parser_turns_an_old_answer_into_a_reject(ledgers: Ledgers) -> None:
    answered(ledgers, row("a", "said loosely"), row("b", None))
    values = read(ledgers, "a", "b")
    assert values.frame.is_empty()
    assert values.rejects["reason"].to_list() == ["schema", "schema"]


def test_what_a_server_failed_is_rejected_before_any_parser_sees_it() -> None:
    said = parse(prompt(lenient), "status 500: no", "error")
    assert isinstance(said, RejectedAnswer)
    assert (said.reason, said.detail) == ("server", "status 500: no")
