"""Hosted models that think before they answer: they refuse fields that every other model takes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.models.llm import LLMSettings, identify
from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from tests.loopback import Action, Asked, Loopback, raw, status

TAKEN = {"model", "messages", "max_completion_tokens", "reasoning_effort", "response_format"}
ROW = Request(
    "k",
    "Be brief.",
    "Movie: Fargo",
    Decoding(max_new_tokens=7, stop=("\n",), json_schema='{"type":"string","maxLength":9}'),
)


def thinking(asked: Asked) -> Action:
    """As OpenAI's gpt-5 models: any other field is refused for every row."""
    if refused := sorted(asked.payload.keys() - TAKEN):
        said = {
            "message": f"Unsupported parameter: '{refused[0]}' is not supported with this model.",
            "code": "unsupported_parameter",
        }
        return status(400, {"error": said})
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    reply = {
        "choices": [{"message": {"content": "Dark.\nMovie: Heat"}, "finish_reason": "stop"}],
        "usage": usage,
    }
    return raw(json.dumps(reply).encode())


@pytest.fixture
def model_for() -> Iterator[Callable[..., OpenAILLM]]:
    made: list[OpenAILLM] = []

    def make(url: str, effort: str | None) -> OpenAILLM:
        server = {"base_url": url, "retries": 0, "timeout_seconds": 20.0, "reasoning_effort": effort}
        made.append(OpenAILLM(OpenAISettings.model_validate({"model": "gpt-5-mini@r1", "server": server})))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.loopback
@pytest.mark.parametrize("effort", ["minimal", "none"])
def test_a_reasoning_model_gets_only_the_fields_it_takes_and_is_cut_at_the_stop_text(
    model_for: Any, effort: str
) -> None:
    with Loopback(thinking) as server:
        (answer,) = model_for(server.url, effort).answer([ROW])
    assert (answer.text, answer.finish_reason) == ("Dark.", "stop")
    asked = server.asked[0].payload
    assert (asked["max_completion_tokens"], asked["reasoning_effort"]) == (7, effort)


@pytest.mark.loopback
def test_without_the_setting_the_night_stops_at_the_first_refusal_and_names_it(model_for: Any) -> None:
    with (
        Loopback(thinking) as server,
        pytest.raises(ModelUnavailable, match=r"llm\.server\.reasoning_effort to minimal.*'max_tokens'"),
    ):
        model_for(server.url, None).answer([ROW])
    assert len(server.asked) == 1


def test_the_effort_is_part_of_the_identity_and_refused_where_nothing_reads_it() -> None:
    said = {"backend": "openai", "model": "gpt-5-mini@r1", "server": {"reasoning_effort": "minimal"}}
    assert identify(LLMSettings.model_validate(said)).arithmetic == "server+chat+reasoning-minimal"
    said["server"] = {"reasoning_effort": "minimal", "endpoint": "completions"}
    with pytest.raises(ConfigError, match=r"set llm\.server\.endpoint to chat"):
        identify(LLMSettings.model_validate(said))
