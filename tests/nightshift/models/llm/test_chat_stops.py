"""Local engines, like servers, are not told to stop where a chat model only begins."""

from types import SimpleNamespace

import pytest

from nightshift.models.llm import llama_cpp, vllm
from nightshift.models.llm.base import Decoding, Request

ROW = Request("k", "", "Movie: Desk", Decoding(stop=("\n",)))


@pytest.mark.parametrize(("endpoint", "stops"), [("chat", False), ("completions", True)])
def test_stop_texts_go_to_engines_that_complete_only(endpoint: str, stops: bool) -> None:
    assert bool(vllm._sampling(None, ROW, endpoint)["stop"]) is stops  # type: ignore[arg-type]
    assert ("stop" in llama_cpp.payload(ROW, [1], endpoint)) is stops  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "text", "finish"),
    [
        ("stop", "\n\nA lamp.", "stop"),
        ("length", "\n\nA lamp.", "stop"),
        ("abort", "the server gave up on the answer", "error"),
    ],
)
def test_vllm_answers_are_cut_behind_their_beginning_and_broken_ones_are_none(
    reason: str, text: str, finish: str
) -> None:
    said = SimpleNamespace(text="\n\nA lamp.\nMovie: Heat", finish_reason=reason, token_ids=[1, 2])
    answer = vllm._answered(
        ROW, SimpleNamespace(outputs=[said], prompt_token_ids=[1], num_cached_tokens=0), 0.1
    )
    assert answer.text.startswith(text)
    assert answer.finish_reason == finish
