"""What was billed is counted, whatever the reply looks like; what will be billed again for nothing is not
asked again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.models.llm.base import Answer, Decoding, Request
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from nightshift.models.llm.openai_batch import BatchBlock, OpenAIBatchLLM
from nightshift.models.llm.replies import read_reply
from tests.loopback import Action, Loopback, once, proper, raw, status
from tests.loopback_batches import Fate, Provider

pytestmark = pytest.mark.loopback
PROMPT = "Sum up.\n\n" + "Movie: Fargo. " * 100
ROW = Request("k", "", PROMPT, Decoding(max_new_tokens=20))


@pytest.fixture
def llm_for() -> Iterator[Callable[..., OpenAILLM]]:
    made: list[OpenAILLM] = []

    def make(url: str, **server: Any) -> OpenAILLM:
        settings = {
            "model": "tiny@r1",
            "server": {"retries": 5, "timeout_seconds": 20.0} | server | {"base_url": url},
        }
        made.append(OpenAILLM(OpenAISettings.model_validate(settings), first_wait=0.01))
        return made[-1]

    yield make
    for llm in made:
        llm.close()


def films(count: int, schema: str | None = None) -> list[Request]:
    decoding = Decoding(max_new_tokens=20, json_schema=schema)
    return [
        Request(f"k{n}", "Sum up.\n\n", f"Movie: Film {n}\nAbout: Drama\nSummary:", decoding)
        for n in range(count)
    ]


def reply(usage: Any, content: Any = "A fine lamp.", **more: Any) -> str:
    message = {"role": "assistant", "content": content} | more
    return json.dumps(
        {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}
    )


def read(usage: Any, content: Any = "A fine lamp.", **more: Any) -> Answer:
    return read_reply(reply(usage, content, **more), ROW, PROMPT)


NO_COUNT: dict[str, Any] = {
    "both zero": {"prompt_tokens": 0, "completion_tokens": 0},
    "prompt zero": {"prompt_tokens": 0, "completion_tokens": 9},
    "new zero": {"prompt_tokens": 300, "completion_tokens": 0},
    "what was not cached": {"prompt_tokens": 1, "completion_tokens": 9},
    "negative": {"prompt_tokens": -5, "completion_tokens": 9},
    "words": {"prompt_tokens": "many", "completion_tokens": 9},
    "yes": {"prompt_tokens": True, "completion_tokens": 9},
    "not a number": {"prompt_tokens": float("nan"), "completion_tokens": 9},
    "without end": {"prompt_tokens": float("inf"), "completion_tokens": 9},
    "beyond sense": {"prompt_tokens": 10**30, "completion_tokens": 9},
    "a list": [],
    "a text": "none",
    "no block": None,
}


@pytest.mark.parametrize("usage", NO_COUNT.values(), ids=NO_COUNT.keys())
def test_a_count_that_cannot_be_true_is_estimated_and_marked(usage: Any) -> None:
    answer = read(usage)
    assert answer.text == "A fine lamp."
    assert answer.estimated
    assert 300 <= answer.prompt_tokens <= 400
    assert 1 <= answer.new_tokens <= 9


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": "300", "completion_tokens": 9.0}, (300, 0, 9)),
        (
            {"prompt_tokens": 300, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": "x"}},
            (300, 0, 9),
        ),
        ({"prompt_tokens": 300, "completion_tokens": 9, "prompt_tokens_details": []}, (300, 0, 9)),
        (
            {"prompt_tokens": 300, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 999}},
            (300, 300, 9),
        ),
        ({"prompt_tokens": 300, "completion_tokens": 9, "total_tokens": 509}, (300, 0, 209)),
        ({"prompt_tokens": 300, "total_tokens": 309}, (300, 0, 9)),
        ({"completion_tokens": 9, "total_tokens": 309}, (300, 0, 9)),
    ],
    ids=[
        "as text",
        "odd cached",
        "odd details",
        "more cached than sent",
        "thoughts in the total",
        "no new",
        "no prompt",
    ],
)
def test_an_odd_optional_number_costs_that_number_and_nothing_else(
    usage: Any, counted: tuple[int, int, int]
) -> None:
    answer = read(usage)
    assert (answer.prompt_tokens, answer.cached_tokens, answer.new_tokens) == counted
    assert not answer.estimated


def test_an_empty_answer_of_no_tokens_is_believed() -> None:
    answer = read({"prompt_tokens": 300, "completion_tokens": 0}, "")
    assert (answer.new_tokens, answer.estimated) == (0, False)


def test_thoughts_beside_an_empty_answer_are_tokens_that_were_written() -> None:
    answer = read({"prompt_tokens": 300, "completion_tokens": 0}, None, reasoning_content="hm " * 100)
    assert (answer.text, answer.new_tokens, answer.estimated) == ("", 75, True)


def test_a_long_text_that_a_server_cut_is_counted_as_the_server_says() -> None:
    answer = read_reply(reply({"prompt_tokens": 2048, "completion_tokens": 9}), ROW, "word " * 100_000)
    assert (answer.prompt_tokens, answer.estimated) == (2048, False)


PARTS: dict[str, tuple[Any, str]] = {
    "a thought and a text": (
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "A fine lamp."},
        ],
        "A fine lamp.",
    ),
    "two texts": ([{"type": "text", "text": "A fine "}, {"type": "text", "text": "lamp."}], "A fine lamp."),
    "reasoning": (
        [{"type": "reasoning", "summary": []}, {"type": "output_text", "text": "A lamp."}],
        "A lamp.",
    ),
    "plain texts": (["A ", "lamp."], "A lamp."),
    "a part without a kind": ([{"text": "A lamp."}], "A lamp."),
    "one part alone": ({"type": "text", "text": "A lamp."}, "A lamp."),
    "a picture": ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "A lamp."}], "A lamp."),
    "a refusal": ([{"type": "refusal", "refusal": "I cannot."}], "I cannot."),
    "nothing": ([], ""),
    "thoughts alone": ([{"type": "thinking", "thinking": "hm"}], ""),
}


@pytest.mark.parametrize(("content", "text"), PARTS.values(), ids=PARTS.keys())
def test_the_text_of_a_content_in_parts_is_read_and_thoughts_are_not(content: Any, text: str) -> None:
    answer = read({"prompt_tokens": 100, "completion_tokens": 200}, content)
    assert (answer.text, answer.prompt_tokens, answer.new_tokens) == (text, 100, 200)


def test_fields_that_nobody_needs_cost_no_answer() -> None:
    message = {"content": "A lamp.", "refusal": False, "reasoning": {"steps": 3}, "tool_calls": "none"}
    choices = [
        {"index": "first", "finish_reason": 3, "logprobs": [], "message": message},
        {"message": {"content": 5}},
    ]
    answer = read_reply(json.dumps({"id": 7, "choices": choices}), ROW, PROMPT)
    assert (answer.text, answer.finish_reason) == ("A lamp.", "stop")


BILLED = {"prompt_tokens": 100, "completion_tokens": 7}
UNREADABLE: dict[str, Any] = {
    "no choices": {"choices": [], "usage": BILLED},
    "choices are null": {"choices": None, "usage": BILLED},
    "choices are missing": {"id": "1", "usage": BILLED},
    "content is a number": {"choices": [{"message": {"content": 5}}], "usage": BILLED},
    "content is a list of numbers": {"choices": [{"message": {"content": [1]}}], "usage": BILLED},
    "a text part without text": {"choices": [{"message": {"content": [{"type": "text"}]}}], "usage": BILLED},
    "message is a text": {"choices": [{"message": "A lamp."}], "usage": BILLED},
}


def answered(body: Any) -> Action:
    return raw(json.dumps(body).encode())


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_reply_that_cannot_be_read_is_counted_and_asked_once_more(llm_for: Any, body: Any) -> None:
    with Loopback(lambda asked: answered(body)) as server:
        (answer,) = llm_for(server.url).answer(films(1))
    assert len(server.asked) == 2
    assert (answer.finish_reason, answer.prompt_tokens, answer.new_tokens) == ("error", 200, 14)


def test_a_stream_that_nobody_asked_for_is_counted_and_asked_once_more(llm_for: Any) -> None:
    events = [{"choices": [{"delta": {"content": "A lamp."}}]}, {"choices": [], "usage": BILLED}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    with Loopback(lambda asked: raw(body.encode())) as server:
        (answer,) = llm_for(server.url).answer(films(1))
    assert (len(server.asked), answer.prompt_tokens, answer.new_tokens) == (2, 200, 14)


def test_an_error_that_came_as_a_200_with_its_usage_is_counted(llm_for: Any) -> None:
    with Loopback(
        lambda asked: answered({"error": {"message": "cut off", "code": 502}, "usage": BILLED})
    ) as server:
        (answer,) = llm_for(server.url, retries=1).answer(films(1))
    assert (len(server.asked), answer.text, answer.new_tokens) == (2, "status 502: cut off", 14)


def test_what_an_unreadable_try_cost_is_counted_with_the_answer_that_came_after_it(llm_for: Any) -> None:
    with Loopback(once(answered(UNREADABLE["no choices"]), proper(usage=BILLED))) as server:
        (answer,) = llm_for(server.url).answer(films(1))
    assert (answer.finish_reason, answer.prompt_tokens, answer.new_tokens) == ("stop", 200, 14)


def test_what_cannot_be_read_for_another_reason_each_time_is_asked_as_often_as_the_settings_say(
    llm_for: Any,
) -> None:
    bodies = [UNREADABLE["no choices"], UNREADABLE["message is a text"]]
    with Loopback(lambda asked: answered(bodies[asked.number % 2])) as server:
        (answer,) = llm_for(server.url, retries=3).answer(films(1))
    assert (len(server.asked), answer.prompt_tokens) == (4, 400)


@pytest.mark.parametrize(
    ("action", "tries", "text"),
    [
        (
            status(529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, retry_after="0"),
            3,
            "Overloaded",
        ),
        (raw(b"<html>bad gateway</html>"), 3, "cannot be read"),
        (answered({"error": {"message": "overloaded"}}), 3, "overloaded"),
        (answered({"error": {"message": "no such field", "code": 400}}), 1, "no such field"),
        (
            status(400, {"error": {"code": "content_filter", "message": "the prompt was filtered"}}),
            1,
            "filtered",
        ),
    ],
    ids=[
        "529 with Retry-After",
        "200 with HTML",
        "200 with an error",
        "200 with a 400 in it",
        "400 of a content filter",
    ],
)
def test_a_server_that_fails_a_row_costs_that_row(
    llm_for: Any, action: Action, tries: int, text: str
) -> None:
    with Loopback(lambda asked: action if "Film 1" in asked.text else None) as server:
        answers = llm_for(server.url, retries=2).answer(films(3))
    assert [answer.finish_reason for answer in answers] == ["stop", "error", "stop"]
    assert text in answers[1].text
    assert sum("Film 1" in asked.text for asked in server.asked) == tries


def test_a_529_that_passes_is_waited_for_as_the_server_asks(llm_for: Any) -> None:
    with Loopback(once(status(529, "overloaded", retry_after="1"))) as server:
        (answer,) = llm_for(server.url).answer(films(1))
    assert answer.finish_reason == "stop"
    assert server.asked[1].at - server.asked[0].at >= 0.9


def test_null_content_with_reasoning_is_an_empty_answer_that_was_paid(llm_for: Any) -> None:
    with Loopback(lambda asked: proper(content=None, reasoning="hm", usage=BILLED)) as server:
        (answer,) = llm_for(server.url).answer(films(1))
    assert (answer.text, answer.new_tokens, len(server.asked)) == ("", 7, 1)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_line_of_a_batch_file_that_cannot_be_read_is_counted(tmp_path: Path, body: Any) -> None:
    def spoiled(lines: list[str]) -> list[str]:
        said = [json.loads(line) for line in lines]
        return [
            json.dumps(line | {"response": {"status_code": 200, "body": body}}) for line in said[:1]
        ] + lines[1:]

    with Provider(Fate(polls=0, lines=spoiled)) as provider:
        settings = OpenAISettings.model_validate({"model": "tiny@r1", "server": {"base_url": provider.url}})
        llm = OpenAIBatchLLM(settings, BatchBlock(poll_seconds=0.02), tmp_path, first_wait=0.01)
        answers = llm.answer(films(2))
        llm.close()
    assert [answer.finish_reason for answer in answers] == ["error", "stop"]
    assert (answers[0].prompt_tokens, answers[0].new_tokens) == (100, 7)


def test_a_reply_that_says_nothing_of_its_cost_is_counted_as_nothing() -> None:
    with pytest.raises(Failed) as caught:
        read_reply('{"choices": [], "usage": {"prompt_tokens": 0}}', ROW, PROMPT)
    assert (caught.value.used.prompt, caught.value.used.new) == (0, 0)
