"""The `llama_cpp` backend: a GGUF file in this process, several rows at once, on plain processors.

llama.cpp decodes `slots` rows together and keeps what a slot has read: the instructions that all rows
share are computed once a slot, and each row after that costs its own tokens. Prompts are handed over as
tokens, so that text cannot forge a control token. llama.cpp always opens a port on 127.0.0.1; it answers
nobody, since its key is made up here and told to no one.

Answers only: llama.cpp gives the log-probabilities of a fixed number of best tokens, and a choice that is
not among them has none.
"""

import json
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, FinishReason, ModelIdentity, Request
from nightshift.models.llm.local import LocalLLM
from nightshift.models.llm.server import Endpoint
from nightshift.models.llm.wrappings import cut_at_stop
from nightshift.models.weights.gguf import Gguf, gguf_id, prepare_gguf, prepared_gguf
from nightshift.models.weights.tokens import TextTokenizer

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
"""No free whitespace in constrained JSON: indented JSON costs a third more tokens (llguidance's
`x-guidance`)."""


class LlamaCppBlock(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How llama.cpp runs a GGUF file. Read by the backend `llama_cpp` only."""

    endpoint: Endpoint = "completions"
    """`completions` lets the model go on with instructions and row as one text, which the line forms of
    the prompts are written for; `chat` puts both into the model's own chat template, which the json forms
    want. Part of the content key."""
    slots: int = Field(8, ge=1)
    """Rows decoded together. Speed and memory; which rows share a step moves rounding, so two greedy runs
    may differ in a few words."""


class LlamaCppSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One GGUF file and how it is run."""

    model: str
    """A preset's name or the path of a `.gguf` file."""
    context_tokens: int | None = Field(None, ge=128)
    """Longest prompt plus answer of a row, in tokens; None: 4096. Part of the content key when set."""
    threads: int | None = Field(None, ge=1)
    """Processor threads; None: all cores. Changes speed only."""
    llama_cpp: LlamaCppBlock = LlamaCppBlock()
    """Endpoint and slots."""


def identify(settings: LlamaCppSettings) -> ModelIdentity:
    """The file and how its prompts are put; its number types are in its revision. Raises ConfigError for a
    model that is none."""
    limit = [f"context{settings.context_tokens}"] if settings.context_tokens else []
    return ModelIdentity(
        model_id=gguf_id(settings.model),
        arithmetic="+".join(["gguf", "prefix", settings.llama_cpp.endpoint, *limit]),
    )


def load_tokenizer(settings: LlamaCppSettings, cache: Path) -> TextTokenizer | None:
    """The model's tokenizer, or None when the model was never prepared. Fetches nothing."""
    found = prepared_gguf(settings.model, cache)
    return TextTokenizer(found.folder) if found else None


class LlamaCppLLM(LocalLLM):
    """A GGUF model. It loads at the first answer and lives as long as this object."""

    backend = "llama_cpp"

    def __init__(self, settings: LlamaCppSettings, cache: Path) -> None:
        super().__init__(
            identify(settings), settings.model, cache, settings.context_tokens, settings.llama_cpp.endpoint
        )
        self.settings = settings

    @cached_property
    def _gguf(self) -> Gguf:
        return prepare_gguf(self.settings.model, self._cache)

    @cached_property
    def _folder(self) -> Path:
        return self._gguf.folder

    @cached_property
    def _server(self) -> Any:
        return start(
            self._gguf.weights, self.settings.llama_cpp.slots, self.context_tokens, self.settings.threads
        )

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; `slots` are worked on at once.

        Greedy at temperature 0. The repetition penalty looks at the whole prompt and the answer so far.
        Raises ModelUnavailable when llama.cpp cannot load the file or refuses a request, ValueError when
        instructions leave no room.
        """
        if not requests:
            return []
        began = time.perf_counter()
        server, prompts = self._server, self._prompts(requests, requests[0].decoding.max_new_tokens)
        endpoint = self.settings.llama_cpp.endpoint
        with ThreadPoolExecutor(self.settings.llama_cpp.slots) as pool:
            answers = list(pool.map(_asked, repeat(server), requests, prompts, repeat(endpoint)))
        seconds = (time.perf_counter() - began) / len(requests)
        return [replace(answer, seconds=seconds) for answer in answers]


def start(weights: Path, slots: int, context_tokens: int, threads: int | None, is_open: bool = False) -> Any:
    """llama.cpp with the model loaded: an `xllamacpp.Server`. Raises ModelUnavailable without the package
    or for a file it cannot read.

    `is_open` lets everybody on this machine ask its port; else it wants a key made up here.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(
            "the backend llama_cpp needs the package xllamacpp: pip install 'nightshift[llama_cpp]'"
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel = slots * context_tokens, slots
    params.kv_unified = False  # slots that share one cache are a tenth slower here
    params.port, params.api_keys = 0, [] if is_open else [secrets.token_hex(16)]
    params.cache_ram_mib = 0  # slots keep their own prefixes; parked prompts would only take memory
    params.warmup, params.verbosity = False, -1
    if threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"llama.cpp cannot load {weights}: {error}") from error


def payload(request: Request, prompt: list[int], endpoint: Endpoint = "completions") -> dict[str, Any]:
    """What llama.cpp is asked. Sampling is plain: no top-k, top-p or min-p.

    A chat model begins with thoughts or line breaks: there the stop texts are looked for in what comes
    back, behind them.
    """
    decoding = request.decoding
    said: dict[str, Any] = {
        "prompt": prompt,
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "seed": decoding.seed,
        "repeat_penalty": decoding.repetition_penalty,
        "repeat_last_n": len(prompt) + decoding.max_new_tokens,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "cache_prompt": True,
    }
    said |= {"stop": list(decoding.stop)} if decoding.stop and endpoint == "completions" else {}
    return said | (
        {"json_schema": json.loads(decoding.json_schema) | {"x-guidance": COMPACT}}
        if decoding.json_schema
        else {}
    )


def _asked(server: Any, request: Request, prompt: list[int], endpoint: Endpoint) -> Answer:
    reply = server.handle_completions(payload(request, prompt, endpoint))
    if "error" in reply:
        raise ModelUnavailable(
            f"llama.cpp refuses a request: {reply['error'].get('message', reply['error'])}"[:400]
        )
    choice, usage = reply["choices"][0], reply["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    finish: FinishReason = "length" if choice["finish_reason"] == "length" else "stop"
    text, reason = cut_at_stop(choice["text"], request.decoding.stop, finish)
    return Answer(
        request.key, text, reason, usage["prompt_tokens"], cached, max(1, usage["completion_tokens"]), 0.0
    )
