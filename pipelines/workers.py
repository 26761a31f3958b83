"""What a worker keeps between batches: one loaded model, one loaded encoder, whatever pipeline asks for them."""

from functools import lru_cache
from pathlib import Path

from nightshift.encoders import EncoderSettings, build_encoder
from nightshift.encoders.base import Encoder
from nightshift.llm import LLMSettings, build_llm
from nightshift.llm.base import LLM


@lru_cache(maxsize=1)
def loaded_llm(settings: LLMSettings, cache: Path) -> LLM:
    """The language model, loaded at its first batch and kept for the life of the worker."""
    return build_llm(settings, cache)


@lru_cache(maxsize=1)
def loaded_encoder(settings: EncoderSettings, cache: Path) -> Encoder:
    """The text encoder, likewise."""
    return build_encoder(settings, cache)
