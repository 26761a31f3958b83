"""Finish reasons of all servers are understood, and none that means a cut or a failure passes for a whole
answer."""

import logging

import pytest

from nightshift.models.llm.finish import finish_of
from nightshift.models.llm.limits import Failed

CUT = ["length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens", "FinishReason.MAX_TOKENS", "FINISH_REASON_MAX_TOKENS",
       "maximum_tokens", "token_limit", "model_context_window_exceeded", "limit", "max-tokens", "MaxTokens", " length "]  # fmt: skip
WITHHELD = ["content_filter", "sensitive", "safety", "SAFETY", "content_filtered", "content_filter: PROHIBITED_CONTENT", "ERROR_TOXIC",
            "RECITATION", "BLOCKLIST", "refusal", "guardrail_intervened", "contentFilter"]  # fmt: skip
BROKEN = ["error", "ERROR", "network_error", "server_error", "timeout", "abort", "cancelled", "time_limit", "upstream_error",
          "insufficient_system_resource", "ERROR_LIMIT"]  # fmt: skip
WHOLE = [
    None,
    "",
    "stop",
    "STOP",
    "end_turn",
    "stop_sequence",
    "eos",
    "eos_token",
    "COMPLETE",
    "FinishReason.STOP",
    "tool_calls",
    "null",
]


@pytest.mark.parametrize("said", CUT)
def test_a_cut_answer_is_known_in_every_dialect(said: str) -> None:
    assert finish_of(said) == "length"


@pytest.mark.parametrize("said", WITHHELD)
def test_a_withheld_answer_is_a_refusal(said: str) -> None:
    assert finish_of(said) == "refusal"


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_answer_is_a_failed_try(said: str) -> None:
    with pytest.raises(Failed, match="gave up"):
        finish_of(said)


@pytest.mark.parametrize("said", WHOLE)
def test_a_whole_answer_is_one_and_nothing_is_said(
    said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert finish_of(said) == "stop"
    assert not caplog.records


def test_an_unknown_reason_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert [finish_of("ran_out_of_ink") for _ in range(3)] == ["stop"] * 3
    assert [record.getMessage().split(" is")[0] for record in caplog.records] == [
        "finish_reason 'ran_out_of_ink'"
    ]
