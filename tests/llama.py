"""A real llama.cpp server on this machine, with the small model, for as long as a test module lasts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.models.llm.llama_server import llama_server


@pytest.fixture(scope="module")
def llama_url(gguf_cache: Path) -> Iterator[str]:
    """Address of a server with 4 slots of 1,024 tokens, started in a process of its own and stopped after
    the module."""
    with llama_server(slots=4, context_tokens=1024, threads=1, cache=gguf_cache) as url:
        yield url
