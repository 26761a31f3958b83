"""From settings to a language model."""

from pathlib import Path
from typing import Literal

from nightshift.errors import ConfigError
from nightshift.models.llm import echo, llama_cpp, openai, openai_batch, recorded, transformers, vllm
from nightshift.models.llm.base import LLM, ModelIdentity
from nightshift.models.llm.llama_cpp import LlamaCppBlock, LlamaCppSettings
from nightshift.models.llm.openai_batch import BatchBlock
from nightshift.models.llm.prices import FREE, Price, price_of
from nightshift.models.llm.recorded import RecordedFiles
from nightshift.models.llm.server import ServerSettings
from nightshift.models.llm.transformers import TransformersSettings
from nightshift.models.llm.vllm import VllmBlock, VllmSettings
from nightshift.models.weights.tokens import TextTokenizer

Backend = Literal["transformers", "llama_cpp", "vllm", "openai", "openai_batch", "recorded", "echo"]
SCORING = ("transformers", "echo")
"""Backends that weigh choices, and show the model's state while they do."""
ALL_AT_ONCE = 1_000_000
"""Rows handed to a provider's batch interface together: its batches run side by side, so the more it knows
the sooner it ends."""


class LLMSettings(TransformersSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which language model answers, and how it is run."""

    backend: Backend = "transformers"
    """`transformers` runs a local model in this process; `llama_cpp` a GGUF file (`llm.llama_cpp`), for
    which `model`, `context_tokens` (null: 4096) and `threads` count; `vllm` a model on a GPU (`llm.vllm`),
    for which `model`, `dtype` and `context_tokens` count; `openai` asks a server (`llm.server`), for which
    of the other fields only `model` (`name@revision`) and `context_tokens` (null: 8192) count;
    `openai_batch` asks it through batch files (`llm.batch`), at half the price and within a day;
    `recorded` reads answers that a model gave elsewhere (`llm.recorded`), for which only `model`
    (`name@recording`) counts; `echo` repeats the text without any model."""
    reply: str | None = None
    """What `echo` answers (see `EchoSettings`); read by no other backend."""
    server: ServerSettings = ServerSettings()
    """The server that `openai` and `openai_batch` ask; read by no other backend."""
    batch: BatchBlock = BatchBlock()
    """How `openai_batch` sends and awaits its files; read by no other backend."""
    llama_cpp: LlamaCppBlock = LlamaCppBlock()
    """How `llama_cpp` runs its file; read by no other backend."""
    vllm: VllmBlock = VllmBlock()
    """How `vllm` runs its model; read by no other backend."""
    recorded: RecordedFiles = RecordedFiles()
    """The files of `recorded` by table, `{item_facts: {path: said.parquet}}`; read by no other backend."""

    @property
    def keeps_states(self) -> bool:
        """Whether every score comes with the model's hidden state."""
        return self.can_score

    @property
    def can_score(self) -> bool:
        """Whether the backend weighs choices; others write answers only, and `item_tag_scores` asks them
        nothing."""
        return self.backend in SCORING

    @property
    def is_recorded(self) -> bool:
        """Whether answers are read from files: rows without one are not asked, and nothing is spent."""
        return self.backend == "recorded"

    @property
    def rows_at_once(self) -> int | None:
        """How many rows the backend wants in one call; None leaves it to `beam.batch_rows`."""
        return ALL_AT_ONCE if self.backend == "openai_batch" else None

    @property
    def price(self) -> Price | None:
        """Dollars a token: nothing for a local model, None where nobody knows a server's."""
        if not self.backend.startswith("openai"):
            return FREE
        return price_of(self.model, self.server, batch=self.backend.endswith("_batch"))

    def cost(self, prompt_tokens: int, new_tokens: int, cached_tokens: int = 0) -> float | None:
        """What a call cost, in US dollars; None where the price is unknown."""
        price = self.price
        return None if price is None else price.cost(prompt_tokens, new_tokens, cached_tokens)


def identify(settings: LLMSettings) -> ModelIdentity:
    """Who would answer, without loading torch or weights. Raises ConfigError naming the nearest known
    model."""
    if settings.backend == "echo":
        return echo.identify(_echo(settings))
    if settings.backend in ("openai", "openai_batch"):
        return openai.identify(_remote(settings))
    if settings.backend == "llama_cpp":
        return llama_cpp.identify(_gguf(settings))
    if settings.backend == "vllm":
        return vllm.identify(_engine(settings))
    if settings.backend == "recorded":
        return recorded.identify(settings.model)
    return transformers.identify(_local(settings))


def build_llm(settings: LLMSettings, cache: Path, home: Path | None = None) -> LLM:
    """The model. Its weights load at the first answer or score; `cache` holds downloads and prepared weights.

    An unknown name is refused now, not in the middle of the night: raises ConfigError.
    `home` is where `openai_batch` remembers its batches; other backends leave nothing behind.
    """
    if settings.backend == "echo":
        return echo.EchoLLM(_echo(settings))
    if settings.backend == "openai":
        return openai.OpenAILLM(_remote(settings))
    if settings.backend == "llama_cpp":
        return llama_cpp.LlamaCppLLM(_gguf(settings), cache)
    if settings.backend == "vllm":
        return vllm.VllmLLM(_engine(settings), cache)
    if settings.backend == "openai_batch":
        return _batched(settings, home)
    if settings.backend == "recorded":
        raise ConfigError(
            "the backend recorded finds answers by row id, which no request carries; "
            "pipelines.answer_prompts looks them up"
        )
    return transformers.TransformersLLM(_local(settings), cache)


def load_tokenizer(settings: LLMSettings, cache: Path) -> TextTokenizer | None:
    """Counts tokens for a plan without torch; None for other backends and when the weights were never
    fetched."""
    if settings.backend == "llama_cpp":
        return llama_cpp.load_tokenizer(_gguf(settings), cache)
    return (
        transformers.load_tokenizer(_local(settings), cache) if settings.backend == "transformers" else None
    )


def _local(settings: LLMSettings) -> TransformersSettings:
    return TransformersSettings(**settings.model_dump(include=set(TransformersSettings.model_fields)))


def _engine(settings: LLMSettings) -> VllmSettings:
    return VllmSettings(**settings.model_dump(include=set(VllmSettings.model_fields)))


def _batched(settings: LLMSettings, home: Path | None) -> openai_batch.OpenAIBatchLLM:
    if home is None:
        raise ConfigError(
            "the backend openai_batch needs a home folder to remember its batches in; pass home to build_llm"
        )
    return openai_batch.OpenAIBatchLLM(_remote(settings), settings.batch, home / "batches")


def _gguf(settings: LLMSettings) -> LlamaCppSettings:
    return LlamaCppSettings(**settings.model_dump(include=set(LlamaCppSettings.model_fields)))


def _remote(settings: LLMSettings) -> openai.OpenAISettings:
    return openai.OpenAISettings(
        model=settings.model, context_tokens=settings.context_tokens, server=settings.server
    )


def _echo(settings: LLMSettings) -> echo.EchoSettings:
    limit = {} if settings.context_tokens is None else {"context_tokens": settings.context_tokens}
    return echo.EchoSettings(reply=settings.reply, **limit)
