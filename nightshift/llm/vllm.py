"""The `vllm` backend: vLLM's offline engine on a GPU, for catalogues that a processor cannot read in a night.

The engine batches by itself and keeps the shared instructions' keys and values (automatic prefix caching). Prompts are handed
over as tokens, so that text cannot forge a control token. Answers only. Written against the interface of vLLM 0.33
(`LLM.generate`, `SamplingParams.structured_outputs`); no machine that runs the project's tests has a GPU.
"""

import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.llm.base import Answer, FinishReason, ModelIdentity, Question, Request, Scored
from nightshift.llm.chat_template import ChatTemplate
from nightshift.llm.server import Endpoint
from nightshift.models.arithmetic import Dtype, number_type
from nightshift.models.tokens import TextTokenizer
from nightshift.models.weights import model_id, prepare_llm

CONTEXT_TOKENS = 4096
"""Longest prompt plus answer where `llm.context_tokens` is not set."""
KEPT_END = 64
"""Tokens at the end of an over-long prompt that survive the cut."""


class VllmBlock(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How vLLM runs a model. Read by the backend `vllm` only."""

    endpoint: Endpoint = "chat"
    """`chat` puts instructions and row into the model's chat template, `completions` lets it go on with both as one text, which
    the line forms of the prompts are written for. Part of the content key."""
    gpu_memory: float = Field(0.9, gt=0, le=1)
    """Share of each GPU's memory for weights and cache. Changes speed only."""
    gpus: int = Field(1, ge=1)
    """GPUs that hold one copy of the model together (tensor parallel). Moves rounding, as any change of hardware does."""


class VllmSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One model and how the engine runs it."""

    model: str
    """A preset's name, a local folder or a hub id `owner/name@revision`."""
    dtype: Dtype = "auto"
    """Number type; `auto` is bfloat16. Part of the content key."""
    context_tokens: int | None = Field(None, ge=128)
    """Longest prompt plus answer, in tokens; None: 4096. Part of the content key when set."""
    vllm: VllmBlock = VllmBlock()
    """Endpoint and GPUs."""


def identify(settings: VllmSettings) -> ModelIdentity:
    """Model, number type and endpoint. Raises ConfigError for an unknown model."""
    limit = [f"context{settings.context_tokens}"] if settings.context_tokens else []
    parts = ["vllm", number_type(settings.dtype, "cuda"), "prefix", settings.vllm.endpoint, *limit]
    return ModelIdentity(model_id=model_id(settings.model, "llm"), arithmetic="+".join(parts))


class VllmLLM:
    """A model in vLLM's engine. It loads at the first answer."""

    def __init__(self, settings: VllmSettings, cache: Path) -> None:
        self.settings = settings
        self.context_tokens = settings.context_tokens or CONTEXT_TOKENS
        self._cache = cache

    @cached_property
    def identity(self) -> ModelIdentity:
        """What `identify` says for the same settings."""
        return identify(self.settings)

    @cached_property
    def _folder(self) -> Path:
        return prepare_llm(self.settings.model, self._cache)

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        return TextTokenizer(self._folder)

    @cached_property
    def _chat(self) -> ChatTemplate:
        return ChatTemplate(self._folder, self._tokenizer)

    @cached_property
    def _engine(self) -> Any:
        vllm = _installed()
        return vllm.LLM(
            model=str(self._folder),
            dtype=number_type(self.settings.dtype, "cuda"),
            max_model_len=self.context_tokens,
            tensor_parallel_size=self.settings.vllm.gpus,
            gpu_memory_utilization=self.settings.vllm.gpu_memory,
            enable_prefix_caching=True,
            generation_config="vllm",  # plain sampling: a model's own defaults would change answers behind the content key's back
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens left out."""
        return self._tokenizer.count(texts)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; the engine schedules them.

        Raises ModelUnavailable without vLLM or a GPU, ValueError when instructions leave no room.
        """
        if not requests:
            return []
        vllm, began = _installed(), time.perf_counter()
        prompts = [{"prompt_token_ids": self._prompt(request)} for request in requests]
        sampling = [vllm.SamplingParams(**_sampling(vllm, request)) for request in requests]
        outputs = self._engine.generate(prompts, sampling, use_tqdm=False)
        seconds = (time.perf_counter() - began) / len(requests)
        return [_answered(request, output, seconds) for request, output in zip(requests, outputs, strict=True)]

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible here."""
        raise ModelUnavailable("the backend vllm writes answers and cannot weigh choices; set llm.backend to transformers")

    def _prompt(self, request: Request) -> list[int]:
        if self.settings.vllm.endpoint == "chat":
            tokens = self._chat.tokens(request.instructions, request.text)
        else:
            tokens = self._tokenizer.encode([request.prompt])[0] or self._tokenizer.encode(["\n"])[0]
        limit = self.context_tokens - request.decoding.max_new_tokens
        if len(tokens) <= limit:
            return tokens
        self._check_room(request.instructions, limit)
        return tokens[: limit - KEPT_END] + tokens[-KEPT_END:]

    def _check_room(self, instructions: str, limit: int) -> None:
        needed = self._tokenizer.count([instructions])[0]
        if needed > limit - KEPT_END:
            raise ValueError(
                f"the instructions take {needed} tokens; {limit} are left for the prompt, of which {KEPT_END} are kept for the row: "
                "shorten the instructions, lower max_new_tokens or raise llm.context_tokens"
            )


def _installed() -> Any:
    try:
        import vllm
    except ImportError as error:
        raise ModelUnavailable("the backend vllm needs the package vllm and a GPU: pip install 'nightshift[vllm]'") from error
    return vllm


def _sampling(vllm: Any, request: Request) -> dict[str, Any]:
    decoding = request.decoding
    said: dict[str, Any] = {
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "repetition_penalty": decoding.repetition_penalty,
        "stop": list(decoding.stop),
        "seed": decoding.seed,
    }
    if decoding.json_schema is None:
        return said
    held = vllm.sampling_params.StructuredOutputsParams(json=json.loads(decoding.json_schema), disable_any_whitespace=True)
    return said | {"structured_outputs": held}


def _answered(request: Request, output: Any, seconds: float) -> Answer:
    said, prompt = output.outputs[0], len(output.prompt_token_ids)
    reason: FinishReason = "length" if said.finish_reason == "length" else "stop"
    cached = min(getattr(output, "num_cached_tokens", None) or 0, prompt)
    return Answer(request.key, said.text, reason, prompt, cached, max(1, len(said.token_ids)), seconds)
