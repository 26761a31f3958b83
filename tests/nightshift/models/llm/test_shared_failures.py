"""What every row would hear is heard by the first rows only: the night stops, with the server's own words,
and keeps what was paid."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from nightshift.models.llm.openai_batch import BatchBlock, OpenAIBatchLLM
from nightshift.models.llm.refusals import about_us, hidden_refusal, refusal
from nightshift.models.llm.server import ServerSettings
from nightshift.models.llm.shared_failures import ROWS_ALIKE
from tests.loopback import Action, Asked, Loopback, proper, raw, status
from tests.loopback_batches import Fate, Provider

pytestmark = pytest.mark.loopback
SCHEMA = '{"type":"object","properties":{},"required":[],"additionalProperties":false}'
BALANCE = {
    "error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}
}
NO_FORMAT = {"error": {"message": "response_format is not supported"}}
Make = Callable[..., Any]


@pytest.fixture
def llm_for() -> Iterator[Make]:
    made: list[OpenAILLM] = []

    def make(url: str, **server: Any) -> OpenAILLM:
        settings = {
            "model": "tiny@r1",
            "server": {"retries": 1, "concurrency": 1} | server | {"base_url": url},
        }
        made.append(OpenAILLM(OpenAISettings.model_validate(settings), first_wait=0.01))
        return made[-1]

    yield make
    for llm in made:
        llm.close()


@pytest.fixture
def batched(tmp_path: Path) -> Iterator[Make]:
    made: list[OpenAIBatchLLM] = []

    def make(url: str) -> OpenAIBatchLLM:
        settings = OpenAISettings.model_validate(
            {"model": "tiny@r1", "server": {"base_url": url, "retries": 1}}
        )
        made.append(OpenAIBatchLLM(settings, BatchBlock(poll_seconds=0.02), tmp_path, first_wait=0.01))
        return made[-1]

    yield make
    for llm in made:
        llm.close()


def films(count: int, schema: str | None = None, first: int = 0) -> list[Request]:
    decoding = Decoding(max_new_tokens=20, json_schema=schema)
    return [
        Request(f"k{n}", "Sum up.\n\n", f"Movie: Film {n}\nSummary:", decoding)
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (402, BALANCE),
        (402, "no"),
        (402, {"error": {"code": 402, "message": "This request requires more credits"}}),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}),
        (429, {"error": {"message": "suspended", "type": "exceeded_current_quota_error"}}),
        (403, {"error": {"code": "AccountOverdueError", "message": "overdue"}}),
        (400, {"error": {"code": "Arrearage", "message": "Access denied, account is not in good standing."}}),
        (
            400,
            {
                "error": {
                    "type": "invalid_request_error",
                    "message": "Your credit balance is too low to access the API.",
                }
            },
        ),
        (200, {"error": {"code": 402, "message": "This request requires more credits"}}),
    ],
)
def test_an_empty_account_stops_the_night_at_once_however_it_is_said(
    llm_for: Make, code: int, body: Any
) -> None:
    with (
        Loopback(lambda asked: status(code, body)) as server,
        pytest.raises(ModelUnavailable, match=r"credit left for us; top up"),
    ):
        llm_for(server.url, retries=5).answer(films(5))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, {"error": {"message": "the text is too long"}}),
        (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
        (500, {"error": {"message": "insufficient balance of the load"}}),
        (422, "no"),
        (503, None),
    ],
)
def test_what_is_about_a_row_or_a_moment_is_not_taken_for_an_empty_account(code: int, body: Any) -> None:
    assert about_us(refusal(code, body), ServerSettings()) is None


def test_a_proper_reply_hides_no_refusal() -> None:
    bodies = [
        '{"choices": [{}], "error": null}',
        '{"choices": [{}], "error": {"code": 402}}',
        "[]",
        "<html>",
        '{"error": ""}',
    ]
    assert [hidden_refusal(body) for body in bodies] == [None] * 5


def test_what_was_answered_before_the_account_was_empty_is_handed_over_with_the_error(llm_for: Make) -> None:
    def emptied(asked: Asked) -> Action:
        return status(402, BALANCE) if asked.number >= 3 else proper(delay=0.05)

    with Loopback(emptied) as server, pytest.raises(ModelUnavailable, match="Insufficient Balance") as caught:
        llm_for(server.url).answer(films(9))
    assert [answer.key for answer in caught.value.kept] == ["k0", "k1", "k2"]
    assert all(answer.new_tokens and answer.seconds for answer in caught.value.kept)


def test_a_try_that_was_paid_before_the_account_was_empty_is_handed_over_too(llm_for: Make) -> None:
    body = b'{"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}'
    with Loopback(lambda asked: raw(body) if asked.number == 0 else status(402, BALANCE)) as server:
        with pytest.raises(ModelUnavailable, match="top up") as caught:
            llm_for(server.url).answer(films(3))
        assert len(server.asked) == 2
    (kept,) = caught.value.kept
    assert (kept.key, kept.finish_reason, kept.prompt_tokens, kept.new_tokens) == ("k0", "error", 100, 7)


def test_what_is_in_flight_when_the_night_stops_is_awaited_for_it_is_paid(llm_for: Make) -> None:
    def emptied(asked: Asked) -> Action:
        return status(402, BALANCE) if "Film 2" in asked.text else proper(delay=0.3)

    with Loopback(emptied) as server, pytest.raises(ModelUnavailable) as caught:
        llm_for(server.url, concurrency=3).answer(films(50))
    assert sorted(answer.key for answer in caught.value.kept) == ["k0", "k1"]
    assert len(server.asked) == 3


SHARED: dict[str, tuple[Action, str]] = {
    "400": (status(400, NO_FORMAT), "response_format is not supported"),
    "422": (status(422, {"detail": "extra fields not permitted"}), "extra fields"),
    "413": (status(413, "too large"), "413"),
    "500": (status(500, "boom"), "500"),
    "429 for a day": (status(429, {"error": {"message": "daily limit"}}, retry_after="86400"), "daily limit"),
    "200 with HTML": (raw(b"<html>please log in</html>"), "cannot be read"),
    "200 of another form": (raw(b'{"choices": []}'), "cannot be read"),
    "200 with an error": (raw(b'{"error": {"message": "model not loaded"}}'), "model not loaded"),
}


@pytest.mark.parametrize(("action", "words"), SHARED.values(), ids=SHARED.keys())
def test_a_failure_that_the_first_rows_share_stops_the_night_with_the_servers_words(
    llm_for: Make, action: Action, words: str
) -> None:
    with (
        Loopback(lambda asked: action) as server,
        pytest.raises(ModelUnavailable, match=r"facts\.form") as caught,
    ):
        llm_for(server.url, concurrency=8).answer(films(10 * ROWS_ALIKE, SCHEMA))
    assert words in str(caught.value)
    assert str(ROWS_ALIKE) in str(caught.value)
    assert len({asked.text for asked in server.asked}) < ROWS_ALIKE + 8


def test_rows_are_counted_over_batches(llm_for: Make) -> None:
    with Loopback(lambda asked: status(400, NO_FORMAT)) as server:
        llm = llm_for(server.url)
        assert {answer.finish_reason for answer in llm.answer(films(20, SCHEMA))} == {"error"}
        with pytest.raises(ModelUnavailable, match="not supported") as caught:
            llm.answer(films(20, SCHEMA, first=20))
    assert len(server.asked) == ROWS_ALIKE
    assert len(caught.value.kept) == ROWS_ALIKE - 20


@pytest.mark.parametrize("answered", [0, 1, 17])
def test_one_answered_row_among_them_is_enough_to_go_on(llm_for: Make, answered: int) -> None:
    def unkind(asked: Asked) -> Action | None:
        return None if asked.number == answered else status(400, NO_FORMAT)

    with Loopback(unkind) as server:
        answers = llm_for(server.url).answer(films(ROWS_ALIKE + 5))
    assert sum(answer.finish_reason == "error" for answer in answers) == ROWS_ALIKE + 4
    assert len(answers) == ROWS_ALIKE + 5


def test_failures_of_different_kinds_are_about_the_rows(llm_for: Make) -> None:
    with Loopback(lambda asked: status(400 if asked.number % 2 else 422, "no")) as server:
        answers = llm_for(server.url).answer(films(3 * ROWS_ALIKE))
    assert len(answers) == 3 * ROWS_ALIKE
    assert {answer.finish_reason for answer in answers} == {"error"}


def test_after_many_failures_in_the_middle_one_row_a_batch_looks_whether_it_has_passed(llm_for: Make) -> None:
    with Loopback(
        lambda asked: None if asked.number == 0 else status(400, {"error": {"message": "tired"}})
    ) as server:
        llm = llm_for(server.url)
        answers = llm.answer(films(2 * ROWS_ALIKE))
        assert len(server.asked) == 1 + ROWS_ALIKE
        assert "not sent" in answers[-1].text
        assert "tired" in answers[-1].text
        llm.answer(films(20))
        assert len(server.asked) == 2 + ROWS_ALIKE, "one row looked"
        server.behaviour = lambda asked: None
        assert {answer.finish_reason for answer in llm.answer(films(20))} == {"stop"}


def test_the_hint_fits_what_was_asked(llm_for: Make) -> None:
    with Loopback(lambda asked: status(400, "no")) as server, pytest.raises(ModelUnavailable) as caught:
        llm_for(server.url).answer(films(2 * ROWS_ALIKE))
    assert "facts.form" not in str(caught.value)
    assert "llm.server" in str(caught.value)


def refused(code: int, body: Any, places: range) -> Fate:
    def lines(said: list[str]) -> list[str]:
        told = [json.loads(line) for line in said]
        bad = [
            json.dumps(line | {"response": {"status_code": code, "body": body}})
            for line in told
            if told.index(line) in places
        ]
        return bad + [line for place, line in enumerate(said) if place not in places]

    return Fate(polls=0, lines=lines)


@pytest.mark.parametrize(
    ("code", "body"), [(402, BALANCE), (429, {"error": {"message": "Insufficient quota"}}), (401, "bad key")]
)
def test_a_batch_file_whose_rows_hear_of_an_empty_account_stops_the_night_and_keeps_the_others(
    batched: Make, code: int, body: Any
) -> None:
    with Provider(refused(code, body, range(3, 6))) as provider, pytest.raises(ModelUnavailable) as caught:
        batched(provider.url).answer(films(6))
    assert [answer.finish_reason for answer in caught.value.kept] == ["stop"] * 3 + ["error"] * 3


def test_a_batch_file_that_no_money_is_there_for_is_refused_at_once(batched: Make) -> None:
    with Provider() as provider:
        provider.before = lambda verb, path: (402, BALANCE) if verb == "POST" else None
        with pytest.raises(ModelUnavailable, match="top up"):
            batched(provider.url).answer(films(3))
    assert provider.asked.count("POST /files") == 1


def test_a_batch_file_of_which_all_rows_fail_alike_stops_the_night(batched: Make) -> None:
    fate = refused(400, NO_FORMAT, range(ROWS_ALIKE))
    with (
        Provider(fate) as provider,
        pytest.raises(ModelUnavailable, match=r"response_format is not supported.*facts\.form"),
    ):
        batched(provider.url).answer(films(ROWS_ALIKE, SCHEMA))


def test_a_batch_file_of_which_one_row_was_answered_goes_on(batched: Make) -> None:
    with Provider(refused(400, NO_FORMAT, range(1, ROWS_ALIKE + 1))) as provider:
        answers = batched(provider.url).answer(films(ROWS_ALIKE + 1, SCHEMA))
    assert sum(answer.finish_reason == "error" for answer in answers) == ROWS_ALIKE


def test_a_batch_file_refused_whole_stops_the_night_with_the_providers_words(batched: Make) -> None:
    with (
        Provider(Fate(polls=0, status="failed", refusal="billing limit")) as provider,
        pytest.raises(ModelUnavailable, match="billing"),
    ):
        batched(provider.url).answer(films(ROWS_ALIKE))
