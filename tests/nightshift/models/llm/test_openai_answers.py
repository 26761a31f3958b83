"""What servers say under a status of 200, as it reaches every prompt: directly, in batch files, and
recorded."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightshift.enrichments.answers import parse
from nightshift.enrichments.group_facts.prompt import group_facts
from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.enrichments.user_preferences.enrichment import user_preferences
from nightshift.enrichments.user_preferences.settings import PreferencesSettings
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Answer, Decoding, Request
from nightshift.models.llm.batch_lines import custom_id, read_lines
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from nightshift.models.llm.recorded import RecordedLLM
from nightshift.models.llm.replies import read_reply
from nightshift.models.llm.schema import compact
from nightshift.prompts.base import Prompt
from nightshift.prompts.vocabulary import load_vocabulary
from tests.loopback import Loopback, once, proper, raw

VOCABULARY = load_vocabulary("movies", Path())
LAMP, TASTE = "A fine lamp for the house.", "dark stories about crime; avoids silly comedies"
OBJECT = compact({"summary": LAMP} | {facet.name: facet.tags[0] for facet in VOCABULARY.facets})
LIKED = compact({"likes": list(VOCABULARY.tags[:2]), "dislikes": [], "summary": LAMP})
PROMPTS: dict[str, tuple[Prompt[Any], str, str]] = {
    "item_facts": (item_facts(FactsSettings(), VOCABULARY), LAMP, LAMP),
    "group_facts": (group_facts(FactsSettings(), VOCABULARY), LAMP, LAMP),
    "user_preferences": (user_preferences(PreferencesSettings(), VOCABULARY), f"{TASTE}.", f"Wants {TASTE}."),
    "item_facts json": (item_facts(FactsSettings(form="json"), VOCABULARY), OBJECT, LAMP),
    "user_preferences json": (user_preferences(PreferencesSettings(form="json"), VOCABULARY), LIKED, LAMP),
}
AROUND = {
    "thoughts": "<think>\nOkay; the user wants a summary. Let me see.\n</think>\n\n{}",
    "line breaks": "\n\n{}",
    "fence": "```\n{}\n```",
    "preamble": "Sure! Here is the answer:\n\n{}",
    "chat mark": "{}<|im_end|>",
}


def reply(content: str | None, finish: str | None = "stop", **choice: Any) -> str:
    said = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": content},
    } | choice
    return json.dumps({"choices": [said], "usage": {"prompt_tokens": 100, "completion_tokens": 30}})


def directly(request: Request, content: str) -> Answer:
    return read_reply(reply(content), request, request.prompt)


def in_a_batch(request: Request, content: str) -> Answer:
    line = {
        "custom_id": custom_id(request),
        "response": {"status_code": 200, "body": json.loads(reply(content))},
    }
    return read_lines(json.dumps(line), {custom_id(request): request})[custom_id(request)]


def recorded(request: Request, content: str) -> Answer:
    return RecordedLLM("gpt@once", {request.key: content}).answer([request])[0]


@pytest.mark.parametrize("ask", [directly, in_a_batch, recorded])
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_reads_what_stands_between_wrappings(
    name: str, around: str, ask: Callable[[Request, str], Answer]
) -> None:
    prompt, said, summary = PROMPTS[name]
    answer = ask(
        Request("k", prompt.instructions, "Movie: Lamp", prompt.decoding), around.replace("{}", said)
    )
    assert parse(prompt, answer.text, answer.finish_reason).summary == summary  # type: ignore[union-attr]


@pytest.mark.parametrize("ask", [directly, in_a_batch, recorded])
@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize(
    ("content", "reason"),
    [("<think>\nOkay, the", "too_long"), ("I'm sorry, but I can't help.", "refusal"), ("```", "empty")],
)
def test_no_prompt_takes_wrappings_for_an_answer(
    name: str, content: str, reason: str, ask: Callable[[Request, str], Answer]
) -> None:
    prompt = PROMPTS[name][0]
    answer = ask(Request("k", prompt.instructions, "Movie: Lamp", prompt.decoding), content)
    rejected = parse(prompt, answer.text, answer.finish_reason)
    assert isinstance(rejected, RejectedAnswer)
    assert rejected.reason == reason


def test_answers_that_were_stored_cut_are_no_longer_taken_for_summaries() -> None:
    prompt = PROMPTS["item_facts"][0]
    said = {
        text: parse(prompt, text, "stop")
        for text in ("<think>", "```", "Sure! Here is a one-sentence summary:", "Summary: A fine lamp.")
    }
    assert [getattr(value, "reason", None) for value in said.values()] == ["too_long", "empty", "empty", None]
    assert said["Summary: A fine lamp."].summary == "A fine lamp."  # type: ignore[union-attr]


def test_a_taste_that_repeats_how_the_line_began_says_it_once() -> None:
    prompt = PROMPTS["user_preferences"][0]
    for said in (
        f"Taste: Wants {TASTE}",
        f"Wants {TASTE}.",
        f"**Taste:** Wants {TASTE}.",
        f"The user wants {TASTE}.",
    ):
        assert parse(prompt, said, "stop").summary.rstrip(".") == f"Wants {TASTE}"  # type: ignore[union-attr]


ROW = Request("k", "", "Movie: Desk", Decoding(stop=("\n",)))


@pytest.mark.parametrize("finish", ["max_tokens", "model_length", "MAX_TOKENS", "max_output_tokens"])
def test_a_cut_sentence_is_no_whole_one_whatever_the_server_calls_it(finish: str) -> None:
    answer = read_reply(reply("A fine desk 1 that one can put in the", finish), ROW, "")
    assert answer.finish_reason == "length"
    assert parse(PROMPTS["item_facts"][0], answer.text, answer.finish_reason).reason == "too_long"  # type: ignore[union-attr]


def test_no_finish_reason_is_a_whole_answer() -> None:
    assert read_reply(reply(LAMP, None), ROW, "").finish_reason == "stop"


@pytest.mark.parametrize(
    "body",
    [
        reply("A fine desk 1", "error"),
        reply("A fine desk 1", "network_error"),
        reply("A fine desk 1", "stop", error={"code": 502, "message": "upstream went away"}),
        reply("A fine desk 1", "stop", error="upstream went away"),
        json.dumps(json.loads(reply("A fine desk 1")) | {"error": {"message": "overloaded"}}),
    ],
)
def test_an_answer_that_the_server_gave_up_on_is_a_failed_try(body: str) -> None:
    with pytest.raises(Failed, match="gave up on the answer"):
        read_reply(body, ROW, "")
    line = {"custom_id": custom_id(ROW), "response": {"status_code": 200, "body": json.loads(body)}}
    assert read_lines(json.dumps(line), {custom_id(ROW): ROW})[custom_id(ROW)].finish_reason == "error"


@pytest.fixture
def llm_for() -> Iterator[Callable[..., OpenAILLM]]:
    made: list[OpenAILLM] = []

    def make(url: str, **server: Any) -> OpenAILLM:
        said = {
            "model": "tiny@r1",
            "server": {"base_url": url, "retries": 2, "timeout_seconds": 20.0} | server,
        }
        made.append(OpenAILLM(OpenAISettings.model_validate(said), first_wait=0.01))
        return made[-1]

    yield make
    for llm in made:
        llm.close()


@pytest.mark.loopback
def test_an_answer_that_broke_off_is_asked_again(llm_for: Any) -> None:
    with Loopback(once(raw(reply("A fine desk 1", "error").encode()), proper(content=LAMP))) as server:
        (answer,) = llm_for(server.url).answer([ROW])
    assert (answer.text, answer.finish_reason, len(server.asked)) == (LAMP, "stop", 2)


@pytest.mark.loopback
def test_stop_texts_go_to_completions_only_for_a_chat_model_begins_with_line_breaks(llm_for: Any) -> None:
    with Loopback(
        lambda asked: raw(reply(f"\n\n{LAMP}\nMovie: Heat", "length", text=f" {LAMP}\nMovie").encode())
    ) as server:
        (chat,) = llm_for(server.url).answer([ROW])
        (plain,) = llm_for(server.url, endpoint="completions").answer([ROW])
    assert ["stop" in asked.payload for asked in server.asked] == [False, True]
    assert (chat.text, chat.finish_reason) == (f"\n\n{LAMP}", "stop")
    assert plain.finish_reason == "stop"
