"""From settings to a language model."""

from pathlib import Path
from typing import Literal

from nightshift.llm import echo, llama_cpp, openai, transformers
from nightshift.llm.base import LLM, ModelIdentity
from nightshift.llm.llama_cpp import LlamaCppBlock, LlamaCppSettings
from nightshift.llm.prices import FREE, Price, price_of
from nightshift.llm.server import ServerSettings
from nightshift.llm.transformers import TransformersSettings
from nightshift.models.tokens import TextTokenizer

Backend = Literal["transformers", "llama_cpp", "openai", "echo"]
SCORING = ("transformers", "echo")
"""Backends that weigh choices, and show the model's state while they do."""


class LLMSettings(TransformersSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which language model answers, and how it is run."""

    backend: Backend = "transformers"
    """`transformers` runs a local model in this process; `llama_cpp` a GGUF file (`llm.llama_cpp`), for which `model`,
    `context_tokens` (null: 4096) and `threads` count; `openai` asks a server (`llm.server`), for which of the other
    fields only `model` (`name@revision`) and `context_tokens` (null: 8192) count; `echo` repeats the text without any model."""
    reply: str | None = None
    """What `echo` answers (see `EchoSettings`); read by no other backend."""
    server: ServerSettings = ServerSettings()
    """The server that `openai` asks; read by no other backend."""
    llama_cpp: LlamaCppBlock = LlamaCppBlock()
    """How `llama_cpp` runs its file; read by no other backend."""

    @property
    def keeps_states(self) -> bool:
        """Whether every score comes with the model's hidden state."""
        return self.can_score

    @property
    def can_score(self) -> bool:
        """Whether the backend weighs choices; others write answers only, and `item_tag_scores` asks them nothing."""
        return self.backend in SCORING

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
    """Who would answer, without loading torch or weights. Raises ConfigError naming the nearest known model."""
    if settings.backend == "echo":
        return echo.identify(_echo(settings))
    if settings.backend == "openai":
        return openai.identify(_remote(settings))
    if settings.backend == "llama_cpp":
        return llama_cpp.identify(_gguf(settings))
    return transformers.identify(_local(settings))


def build_llm(settings: LLMSettings, cache: Path) -> LLM:
    """The model. Its weights load at the first answer or score; `cache` holds downloads and prepared weights."""
    if settings.backend == "echo":
        return echo.EchoLLM(_echo(settings))
    if settings.backend == "openai":
        return openai.OpenAILLM(_remote(settings))
    if settings.backend == "llama_cpp":
        llama_cpp.identify(_gguf(settings))
        return llama_cpp.LlamaCppLLM(_gguf(settings), cache)
    transformers.identify(_local(settings))  # an unknown name is refused now, not in the middle of the night
    return transformers.TransformersLLM(_local(settings), cache)


def load_tokenizer(settings: LLMSettings, cache: Path) -> TextTokenizer | None:
    """Counts tokens for a plan without torch; None for other backends and when the weights were never fetched."""
    if settings.backend == "llama_cpp":
        return llama_cpp.load_tokenizer(_gguf(settings), cache)
    return transformers.load_tokenizer(_local(settings), cache) if settings.backend == "transformers" else None


def _local(settings: LLMSettings) -> TransformersSettings:
    return TransformersSettings(**settings.model_dump(include=set(TransformersSettings.model_fields)))


def _gguf(settings: LLMSettings) -> LlamaCppSettings:
    return LlamaCppSettings(**settings.model_dump(include=set(LlamaCppSettings.model_fields)))


def _remote(settings: LLMSettings) -> openai.OpenAISettings:
    return openai.OpenAISettings(model=settings.model, context_tokens=settings.context_tokens, server=settings.server)


def _echo(settings: LLMSettings) -> echo.EchoSettings:
    limit = {} if settings.context_tokens is None else {"context_tokens": settings.context_tokens}
    return echo.EchoSettings(reply=settings.reply, **limit)
