"""The openai backend against a server on this machine that does everything servers do."""

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.models.llm import LLMSettings, build_llm, identify
from nightshift.models.llm.base import LLM, Answer, Decoding, Request
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.limits import Failed, retry_after, when_again
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from tests.loopback import (
    Action,
    Behaviour,
    Loopback,
    endless_whitespace,
    hang,
    once,
    proper,
    raw,
    reset,
    status,
)
from tests.web_server import free_port

pytestmark = pytest.mark.loopback
KEY = "sk-secret-of-the-night-0123456789"
Ask = Callable[..., list[Answer]]


@pytest.fixture
def closing() -> Iterator[list[OpenAILLM]]:
    made: list[OpenAILLM] = []
    yield made
    for llm in made:
        llm.close()


@pytest.fixture
def llm_for(closing: list[OpenAILLM]) -> Callable[..., OpenAILLM]:
    def make(url: str, model: str = "tiny@r1", context_tokens: int | None = None, **server: Any) -> OpenAILLM:
        fast = {"retries": 2, "timeout_seconds": 20.0}
        settings = {
            "model": model,
            "context_tokens": context_tokens,
            "server": fast | server | {"base_url": url},
        }
        closing.append(OpenAILLM(OpenAISettings.model_validate(settings), first_wait=0.01))
        return closing[-1]

    return make


def films(count: int) -> list[Request]:
    return [
        Request(
            f"k{n}", "Sum up.\n\n", f"Movie: Film {n}\nAbout: Drama\nSummary:", Decoding(max_new_tokens=20)
        )
        for n in range(count)
    ]


def ask(
    behaviour: Behaviour, llm_for: Callable[..., OpenAILLM], rows: int = 1, **server: Any
) -> tuple[list[Answer], Loopback]:
    with Loopback(behaviour) as loopback:
        return llm_for(loopback.url, **server).answer(films(rows)), loopback


@pytest.fixture(scope="class")
def kind_server() -> Iterator[list[OpenAILLM]]:
    """A benign server; what is appended is closed with it."""
    with Loopback() as loopback:
        TestConformance.url, TestConformance.opened = loopback.url, []
        yield TestConformance.opened
        for llm in TestConformance.opened:
            llm.close()


@pytest.mark.usefixtures("kind_server")
class TestConformance(LLMConformance):
    scores = False
    url: ClassVar[str]
    opened: ClassVar[list[OpenAILLM]]

    def make_llm(self) -> LLM:
        self.opened.append(
            OpenAILLM(OpenAISettings.model_validate({"model": "tiny@r1", "server": {"base_url": self.url}}))
        )
        return self.opened[-1]


def test_chat_sends_instructions_as_system_and_the_row_as_user(llm_for: Any) -> None:
    with Loopback() as server:
        request = Request(
            "k",
            "Be brief.",
            "Movie: Fargo",
            Decoding(max_new_tokens=7, stop=("\n",), temperature=0.7, seed=2),
        )
        llm_for(server.url).answer([request])
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.payload == {
        "model": "tiny", "max_tokens": 7, "temperature": 0.7, "seed": 2,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Movie: Fargo"}],
    }  # fmt: skip


def test_completions_sends_one_text_to_go_on_with(llm_for: Any) -> None:
    answers, server = ask(lambda asked: None, llm_for, endpoint="completions")
    assert server.asked[0].path == "/v1/completions"
    assert server.asked[0].payload["prompt"] == films(1)[0].prompt
    assert answers[0].text == " Film 0: Drama."


def test_a_schema_is_sent_in_the_field_that_each_endpoint_reads(llm_for: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["dark", "funny"]}},
        "required": ["mood"],
        "additionalProperties": False,
    }
    request = Request("k", "Be brief.", "Movie: Fargo", Decoding(json_schema=json.dumps(schema)))
    held = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    with Loopback() as server:
        llm_for(server.url).answer([request])
        llm_for(server.url, endpoint="completions").answer([request])
    chat, plain = (asked.payload for asked in server.asked)
    assert chat["response_format"] == held
    assert "json_schema" not in chat
    assert (plain["response_format"], plain["json_schema"]) == (held, schema)


def test_a_repetition_penalty_goes_to_servers_of_ones_own(llm_for: Any) -> None:
    request = Request("k", "Be brief.", "Movie: Fargo", Decoding(repetition_penalty=1.15))
    with Loopback() as server:
        llm_for(server.url).answer([request])
        llm_for(server.url, endpoint="completions").answer([request])
    chat, plain = (asked.payload for asked in server.asked)
    assert not [name for name in chat if name.startswith("repe")], (
        "a hosted chat model refuses fields that it does not know"
    )
    assert plain["repetition_penalty"] == plain["repeat_penalty"] == 1.15


@pytest.mark.parametrize("said", ['{"mood": "purple"}', '{"mood": "dark"', "Sure! Here is the JSON:", "[]"])
def test_an_answer_of_another_form_comes_back_as_it_is_for_the_parser_to_judge(
    llm_for: Any, said: str
) -> None:
    schema = (
        '{"type":"object","properties":{"mood":{"enum":["dark"]}},"required":["mood"],'
        '"additionalProperties":false}'
    )
    with Loopback(lambda asked: proper(content=said)) as server:
        (answer,) = llm_for(server.url).answer([Request("k", "", "x", Decoding(json_schema=schema))])
    assert (answer.text, answer.finish_reason, len(server.asked)) == (said, "stop", 1)


def test_usage_is_the_servers_cached_tokens_included(llm_for: Any) -> None:
    usage = {
        "prompt_tokens": 90,
        "completion_tokens": 9,
        "total_tokens": 99,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    answers, _ = ask(lambda asked: proper(usage=usage), llm_for)
    assert (
        answers[0].prompt_tokens,
        answers[0].cached_tokens,
        answers[0].new_tokens,
        answers[0].estimated,
    ) == (90, 64, 9, False)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": 5}, {"prompt_tokens": None, "completion_tokens": None}]
)
def test_missing_usage_is_estimated_marked_and_said(
    llm_for: Any, usage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answers, _ = ask(lambda asked: proper(usage=usage), llm_for)
    assert answers[0].estimated
    assert answers[0].prompt_tokens > 0
    assert answers[0].new_tokens > 0
    assert "estimated" in caplog.text


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (proper(content=None, refusal="I won't."), "I won't."),
        (proper(content="", finish="content_filter"), "withheld by the server's content filter"),
    ],
)
def test_a_refusal_is_an_answer_and_not_asked_again(llm_for: Any, action: Action, text: str) -> None:
    answers, server = ask(lambda asked: action, llm_for)
    assert (answers[0].text, answers[0].finish_reason, len(server.asked)) == (text, "refusal", 1)


@pytest.mark.parametrize(("said", "finish"), [("", "stop"), (None, "stop"), (" \n\t " * 50, "length")])
def test_empty_and_blank_answers_come_back_as_they_are(llm_for: Any, said: str | None, finish: str) -> None:
    answers, _ = ask(lambda asked: proper(content=said, finish=finish), llm_for)
    assert (answers[0].text, answers[0].finish_reason) == (said or "", finish)


def test_a_server_that_ignores_stop_texts_is_cut(llm_for: Any) -> None:
    with Loopback(lambda asked: proper(content="one\ntwo", finish="length")) as server:
        (answer,) = llm_for(server.url).answer([Request("k", "", "x", Decoding(stop=("\n",)))])
    assert (answer.text, answer.finish_reason) == ("one", "stop")


PASSING: dict[str, Action] = {
    "429": status(429),
    "500": status(500),
    "503 in words": raw(b"<html>bad gateway</html>"),
    "408": status(408),
    "half a body": raw(b'{"choices": [{"mess', length=500),
    "half a body, closed properly": raw(b'{"choices": [{"mess'),
    "wrong JSON": raw(b"not json"),
    "another JSON": raw(b'{"error": "overloaded"}'),
    "no choices": raw(b'{"choices": []}'),
    "choices of another form": raw(b'{"choices": [{"message": {"content": [1]}}]}'),
    "nothing": raw(b""),
    "reset": reset,
}


@pytest.mark.parametrize("action", PASSING.values(), ids=PASSING.keys())
def test_a_failure_that_passes_costs_a_retry_and_no_row(llm_for: Any, action: Action) -> None:
    answers, server = ask(once(action), llm_for)
    assert (answers[0].text, answers[0].finish_reason, len(server.asked)) == (" Film 0: Drama.", "stop", 2)


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_stays_costs_its_row_and_no_neighbour(llm_for: Any, name: str) -> None:
    action, is_answer = PASSING[name], name in ("no choices", "choices of another form")
    answers, server = ask(
        lambda asked: action if "Film 1" in asked.text else None, llm_for, rows=3, concurrency=2
    )
    assert [answer.key for answer in answers] == ["k0", "k1", "k2"]
    assert [answer.finish_reason for answer in answers] == ["stop", "error", "stop"]
    assert answers[1].text
    assert (answers[1].prompt_tokens, answers[1].new_tokens) == (0, 0)
    tries = (
        2 if is_answer else 3
    )  # what a model said is asked once more, what a server failed as often as the settings say
    assert sum("Film 1" in asked.text for asked in server.asked) == tries


@pytest.mark.parametrize("action", [hang, endless_whitespace], ids=["hang", "endless whitespace"])
def test_a_reply_that_never_ends_is_left_and_asked_again(llm_for: Any, action: Action) -> None:
    answers, server = ask(once(action), llm_for, timeout_seconds=1.0)
    assert answers[0].finish_reason == "stop"
    assert len(server.asked) == 2
    lost, _ = ask(lambda asked: action, llm_for, timeout_seconds=0.3, retries=1)
    assert (lost[0].finish_reason, lost[0].text) == ("error", "no reply within 0.3 s")


def test_a_bad_request_is_about_its_row_and_not_repeated(llm_for: Any) -> None:
    answers, server = ask(
        once(status(400, {"error": {"message": "too long"}})), llm_for, rows=2, concurrency=1
    )
    assert [answer.finish_reason for answer in answers] == ["error", "stop"]
    assert "too long" in answers[0].text
    assert len(server.asked) == 2


@pytest.mark.parametrize("header", ["1", "date"])
def test_retry_after_is_honoured_by_every_request(llm_for: Any, header: str) -> None:
    def behaviour(asked: Any) -> Action | None:
        value = (
            header
            if header == "1"
            else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
        )
        return status(429, retry_after=value) if asked.number == 0 else None

    answers, server = ask(behaviour, llm_for, rows=4, concurrency=1)
    assert {answer.finish_reason for answer in answers} == {"stop"}
    assert server.asked[1].at - server.asked[0].at >= 0.9, "by the server's clock"


def test_a_pause_of_hours_is_a_no(llm_for: Any) -> None:
    began = time.monotonic()
    answers, server = ask(lambda asked: status(429, retry_after="86400"), llm_for)
    assert (answers[0].finish_reason, len(server.asked)) == ("error", 1)
    assert time.monotonic() - began < 60


def test_retry_after_that_means_nothing_is_no_number() -> None:
    assert [retry_after(value) for value in ("", "nan", "inf", "-5", "99999999999999999999999 GMT")] == [
        None,
        None,
        None,
        0.0,
        None,
    ]
    assert when_again(Failed("x", wait=0.0)) is not True
    assert when_again(ValueError("ours")) is False


@pytest.mark.parametrize(
    ("code", "way_out"), [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "llm.model")]
)
def test_what_is_wrong_for_every_row_stops_at_once(llm_for: Any, code: int, way_out: str) -> None:
    with Loopback(lambda asked: status(code)) as server, pytest.raises(ModelUnavailable, match=way_out):
        llm_for(server.url, concurrency=1).answer(films(5))
    assert len(server.asked) == 1


def test_a_spent_quota_stops_although_it_is_a_429(llm_for: Any) -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    with Loopback(lambda asked: status(429, body)) as server, pytest.raises(ModelUnavailable, match="quota"):
        llm_for(server.url).answer(films(1))


def test_no_server_is_said_with_the_address(llm_for: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(ModelUnavailable, match=f"{url} after 3 tries.*is it running"):
        llm_for(url).answer(films(20))


def test_a_connection_that_is_let_go_while_another_loop_runs_is_closed(llm_for: Any) -> None:
    async def let_go(llm: OpenAILLM) -> None:
        llm.close()

    with Loopback() as server:
        llm = llm_for(server.url)
        llm.answer(films(1))
        asyncio.run(let_go(llm))
        with pytest.raises(RuntimeError, match="Runner is closed"):
            llm.connection._runner.get_loop()


def test_a_server_that_goes_down_in_a_batch_costs_only_the_rest_of_it(llm_for: Any) -> None:
    with Loopback() as server:
        llm = llm_for(server.url, retries=0)
        assert llm.answer(films(1))[0].finish_reason == "stop"
    with pytest.raises(ModelUnavailable):
        llm.answer(films(2))


def test_order_is_kept_under_random_delays(llm_for: Any) -> None:
    chance = random.Random(1)
    delays = [chance.uniform(0, 0.05) for _ in range(40)]
    answers, _ = ask(lambda asked: proper(delay=delays[asked.number]), llm_for, rows=40)
    assert [answer.key for answer in answers] == [f"k{n}" for n in range(40)]
    assert [answer.text.strip() for answer in answers] == [f"Film {n}: Drama." for n in range(40)]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_never_more_in_flight_than_allowed_and_no_fewer_than_possible(llm_for: Any, concurrency: int) -> None:
    _, server = ask(lambda asked: proper(delay=0.05), llm_for, rows=12, concurrency=concurrency)
    assert server.most_in_flight == concurrency


@pytest.mark.parametrize("limit", [{"requests_per_minute": 600}, {"tokens_per_minute": 18_000}])
def test_limits_hold_across_batches_by_the_servers_clock(llm_for: Any, limit: dict[str, int]) -> None:
    with Loopback() as server:
        llm = llm_for(server.url, **limit)
        llm.answer(films(1))  # the first connection is slow
        for _ in range(3):
            llm.answer(films(5))
    arrivals = [asked.at for asked in server.asked[1:]]
    assert arrivals[-1] - arrivals[0] >= 0.9 * 14 * 0.1, (
        "both limits let one of these requests go every 0.1 seconds"
    )


def test_a_request_larger_than_a_seconds_tokens_still_goes(llm_for: Any) -> None:
    answers, _ = ask(lambda asked: None, llm_for, tokens_per_minute=1200)  # 20 a second, 31 wanted
    assert answers[0].finish_reason == "stop"


def test_an_overlong_text_loses_its_middle_and_keeps_its_question(llm_for: Any) -> None:
    with Loopback() as server:
        llm = llm_for(server.url, context_tokens=512)
        llm.answer(
            [
                Request(
                    "k",
                    "Sum up.\n\n",
                    "Movie: Fargo\n" + "word " * 100_000 + "\nSummary:",
                    Decoding(max_new_tokens=20),
                )
            ]
        )
        with pytest.raises(ValueError, match="instructions"):
            llm.answer([Request("k", "x" * 3000, "y")])
    sent = server.asked[0].text
    assert sent.startswith("Movie: Fargo")
    assert sent.endswith("\nSummary:")
    assert len(sent) + 9 == (512 - 20) * 4


def test_the_identity_is_model_revision_and_endpoint_never_the_address() -> None:
    here = LLMSettings.model_validate({"backend": "openai", "model": "qwen@r2"})
    there = here.model_copy(
        update={
            "server": here.server.model_copy(update={"base_url": "https://example.org/v1", "concurrency": 99})
        }
    )
    assert identify(here) == identify(there)
    assert (identify(here).model_id, identify(here).arithmetic) == ("qwen@r2", "server+chat")
    spoken = here.model_copy(update={"server": here.server.model_copy(update={"endpoint": "completions"})})
    assert identify(spoken) != identify(here)
    names = {
        "qwen": "qwen@unversioned",
        "@cf/meta/llama": "@cf/meta/llama@unversioned",
        "@cf/meta/llama@1": "@cf/meta/llama@1",
    }
    assert {name: identify(here.model_copy(update={"model": name})).model_id for name in names} == names


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "", "ftp://x/v1", f"http://me:{KEY}@127.0.0.1/v1", f"http://127.0.0.1/v1?key={KEY}"],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_without_repeating_it(
    url: str, tmp_path: Path
) -> None:
    settings = LLMSettings.model_validate({"backend": "openai", "server": {"base_url": url}})
    with pytest.raises(ConfigError, match=r"llm\.server\.base_url") as caught:
        build_llm(settings, tmp_path)
    assert KEY not in str(caught.value)


def test_scores_are_not_pretended(llm_for: Any) -> None:
    with pytest.raises(ModelUnavailable, match="cannot weigh choices"):
        llm_for("http://127.0.0.1:1/v1").score(films(1), [])


def test_the_key_is_sent_and_shown_nowhere(
    llm_for: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NIGHT_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    echoing = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    answers, server = ask(once(status(500, echoing), status(400, echoing)), llm_for, api_key_env="NIGHT_KEY")
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    with Loopback(lambda asked: status(401, echoing)) as refusing:
        llm = llm_for(refusing.url, api_key_env="NIGHT_KEY")
        with pytest.raises(ModelUnavailable, match="NIGHT_KEY") as caught:
            llm.answer(films(1))
    shown = [
        caplog.text,
        str(caught.value),
        repr(llm.settings),
        llm.settings.model_dump_json(),
        repr(answers),
        repr(vars(llm)),
    ]
    assert caplog.records
    assert not [text for text in shown if KEY in text]


def test_without_a_key_none_is_sent_to_a_server_that_needs_none(
    llm_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    answers, server = ask(lambda asked: None, llm_for, api_key_env=None)
    assert answers[0].finish_reason == "stop"
    assert KEY not in str(server.asked[0].headers)


def test_without_its_packages_the_backend_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['openai'] = None; from pathlib import Path\n"
        "from nightshift.models.llm import LLMSettings, build_llm; from nightshift.models.llm.base "
        "import Request\n"
        "build_llm(LLMSettings(backend='openai'), Path('none')).answer([Request('k', '', 'x')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "ModelUnavailable: the backend openai needs the package openai: pip install 'nightshift[servers]'"
        in done.stderr
    )
