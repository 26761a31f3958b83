"""The `vllm` backend: vLLM's offline engine on a GPU, for catalogues that a processor cannot read in a night.

The engine batches by itself and keeps the shared instructions' keys and values (automatic prefix caching).
Prompts are handed over as tokens, so that text cannot forge a control token. Answers only. Written against
the interface of vLLM 0.33 (`LLM.generate`, `SamplingParams.structured_outputs`); no machine that runs the
project's tests has a GPU.
"""

import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, FinishReason, ModelIdentity, Request
from nightshift.models.llm.finish import finish_of
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.local import LocalLLM
from nightshift.models.llm.server import Endpoint
from nightshift.models.llm.wrappings import cut_at_stop
from nightshift.models.weights.arithmetic import Dtype, number_type
from nightshift.models.weights.weights import model_id


class VllmBlock(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How vLLM runs a model. Read by the backend `vllm` only."""

    endpoint: Endpoint = "chat"
    """`chat` puts instructions and row into the model's chat template, `completions` lets it go on with
    both as one text, which the line forms of the prompts are written for. Part of the content key."""
    gpu_memory: float = Field(0.9, gt=0, le=1)
    """Share of each GPU's memory for weights and cache. Changes speed only."""
    gpus: int = Field(1, ge=1)
    """GPUs that hold one copy of the model together (tensor parallel). Moves rounding, as any change of
    hardware does."""


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


class VllmLLM(LocalLLM):
    """A model in vLLM's engine. It loads at the first answer."""

    backend = "vllm"

    def __init__(self, settings: VllmSettings, cache: Path) -> None:
        super().__init__(
            identify(settings), settings.model, cache, settings.context_tokens, settings.vllm.endpoint
        )
        self.settings = settings

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
            # plain sampling: a model's own defaults would change answers behind the content key's back
            generation_config="vllm",
        )

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; the engine schedules them.

        Raises ModelUnavailable without vLLM or a GPU, ValueError when instructions leave no room.
        """
        if not requests:
            return []
        vllm, began = _installed(), time.perf_counter()
        prompts = [
            {"prompt_token_ids": tokens}
            for tokens in self._prompts(requests, requests[0].decoding.max_new_tokens)
        ]
        sampling = [
            vllm.SamplingParams(**_sampling(vllm, request, self.settings.vllm.endpoint))
            for request in requests
        ]
        outputs = self._engine.generate(prompts, sampling, use_tqdm=False)
        seconds = (time.perf_counter() - began) / len(requests)
        return [
            _answered(request, output, seconds) for request, output in zip(requests, outputs, strict=True)
        ]


def _installed() -> Any:
    try:
        import vllm
    except ImportError as error:
        raise ModelUnavailable(
            "the backend vllm needs the package vllm and a GPU: pip install 'nightshift[vllm]'"
        ) from error
    return vllm


def _sampling(vllm: Any, request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """A chat model begins with thoughts or line breaks: there the stop texts are looked for here, behind
    them."""
    decoding = request.decoding
    said: dict[str, Any] = {
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "repetition_penalty": decoding.repetition_penalty,
        "stop": list(decoding.stop) if endpoint == "completions" else [],
        "seed": decoding.seed,
    }
    if decoding.json_schema is None:
        return said
    held = vllm.sampling_params.StructuredOutputsParams(
        json=json.loads(decoding.json_schema), disable_any_whitespace=True
    )
    return said | {"structured_outputs": held}


def _answered(request: Request, output: Any, seconds: float) -> Answer:
    said, prompt = output.outputs[0], len(output.prompt_token_ids)
    text, reason = _ended(said, request.decoding.stop)
    cached = min(getattr(output, "num_cached_tokens", None) or 0, prompt)
    return Answer(request.key, text, reason, prompt, cached, max(1, len(said.token_ids)), seconds)


def _ended(said: Any, stop: Sequence[str]) -> tuple[str, FinishReason]:
    try:
        return cut_at_stop(said.text, stop, finish_of(said.finish_reason))
    except Failed as failed:
        return str(failed), "error"
