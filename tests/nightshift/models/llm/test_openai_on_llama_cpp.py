"""The openai backend against a real server: llama.cpp with the small model, in a process of its own."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nightshift.models.llm.base import LLM, Answer, Decoding, Request
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.llama_server import llama_server
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings
from nightshift.models.weights.gguf import prepare_gguf
from nightshift.models.weights.tokens import TextTokenizer

pytestmark = [pytest.mark.loopback, pytest.mark.model, pytest.mark.xdist_group("model")]
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"mood": {"enum": ["dark", "funny"]}, "summary": {"type": "string", "maxLength": 40}},
        "required": ["mood", "summary"],
        "additionalProperties": False,
    }
)
opened: list[OpenAILLM] = []


def open_llm(url: str, **server: Any) -> OpenAILLM:
    served = {"base_url": url, "endpoint": "completions", "concurrency": 4} | server
    opened.append(
        OpenAILLM(
            OpenAISettings.model_validate(
                {"model": "smollm2@b179c952", "context_tokens": 1024, "server": served}
            )
        )
    )
    return opened[-1]


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


TEXTS = [f"Movie: Film {n}\nGenres: Crime\nSummary:" for n in range(4)]


def ask(llm: OpenAILLM, decoding: Decoding, count: int = 4) -> list[Answer]:
    return llm.answer([Request(text, "Describe the film.\n\n", text, decoding) for text in TEXTS[:count]])


class TestConformance(LLMConformance):
    scores = False
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _remember_url(self, llama_url: str) -> None:
        type(self).url = llama_url

    def make_llm(self) -> LLM:
        return open_llm(self.url)


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_a_real_server_keeps_the_schema_on_both_endpoints(llama_url: str, endpoint: str) -> None:
    for answer in ask(
        open_llm(llama_url, endpoint=endpoint), Decoding(max_new_tokens=80, json_schema=SCHEMA), 2
    ):
        said = json.loads(answer.text)
        assert set(said) == {"mood", "summary"}
        assert said["mood"] in ("dark", "funny")


def test_a_repetition_penalty_reaches_a_real_server(llama_url: str) -> None:
    parrot = "red red red red red red red red red"
    plain, moved = (
        open_llm(llama_url)
        .answer([Request("k", "", parrot, Decoding(max_new_tokens=6, repetition_penalty=penalty))])[0]
        .text
        for penalty in (1.0, 2.0)
    )
    assert "red" in plain
    assert "red" not in moved


def test_token_counts_are_the_servers_and_right(llama_url: str, gguf_cache: Path) -> None:
    answers = ask(open_llm(llama_url), Decoding(max_new_tokens=9, stop=("\n",)))
    tokenizer = TextTokenizer(prepare_gguf("smollm2-135m-instruct", gguf_cache).folder)
    assert [answer.prompt_tokens for answer in answers] == tokenizer.count(
        ["Describe the film.\n\n" + text for text in TEXTS]
    )
    assert not any(answer.estimated for answer in answers)
    assert all(0 < answer.new_tokens <= 9 for answer in answers)


def test_the_server_ends_with_the_process_that_started_it(gguf_cache: Path) -> None:
    with llama_server(slots=1, context_tokens=256, cache=gguf_cache) as url:
        assert "data" in json.load(urllib.request.urlopen(f"{url}/models"))
    code = (
        "import os, sys; from pathlib import Path; from nightshift.models.llm.llama_server import "
        "llama_server\n"
        "with llama_server(slots=1, context_tokens=256, cache=Path(sys.argv[1])) as url: print(url, "
        "flush=True); os._exit(9)"
    )
    orphan = subprocess.run(
        [sys.executable, "-c", code, str(gguf_cache)], capture_output=True, text=True, check=False
    ).stdout.strip()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{orphan}/models", timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)
    raise AssertionError(f"{orphan} outlived its parent")
