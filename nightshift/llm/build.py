"""From settings to a language model."""

from pathlib import Path
from typing import Literal

from nightshift.llm import echo, transformers
from nightshift.llm.base import LLM, ModelIdentity
from nightshift.llm.transformers import TransformersSettings
from nightshift.models.tokens import TextTokenizer

Backend = Literal["transformers", "echo"]


class LLMSettings(TransformersSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which language model answers, and how it is run."""

    backend: Backend = "transformers"
    """`transformers` runs a local model in this process; `echo` repeats the text without any model."""
    reply: str | None = None
    """What `echo` answers (see `EchoSettings`); read by no other backend."""


def identify(settings: LLMSettings) -> ModelIdentity:
    """Who would answer, without loading torch or weights. Raises ConfigError naming the nearest known model."""
    if settings.backend == "echo":
        return echo.identify(_echo(settings))
    return transformers.identify(_local(settings))


def build_llm(settings: LLMSettings, cache: Path) -> LLM:
    """The model. Its weights load at the first answer or score; `cache` holds downloads and prepared weights."""
    if settings.backend == "echo":
        return echo.EchoLLM(_echo(settings))
    transformers.identify(_local(settings))  # an unknown name is refused now, not in the middle of the night
    return transformers.TransformersLLM(_local(settings), cache)


def load_tokenizer(settings: LLMSettings, cache: Path) -> TextTokenizer | None:
    """Counts tokens for a plan without torch; None for `echo` and when the weights were never fetched."""
    return None if settings.backend == "echo" else transformers.load_tokenizer(_local(settings), cache)


def _local(settings: LLMSettings) -> TransformersSettings:
    return TransformersSettings(**settings.model_dump(exclude={"backend", "reply"}))


def _echo(settings: LLMSettings) -> echo.EchoSettings:
    limit = {} if settings.context_tokens is None else {"context_tokens": settings.context_tokens}
    return echo.EchoSettings(reply=settings.reply, **limit)
