"""From settings to a text encoder."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from nightshift.models.encoders import hashing, sentence
from nightshift.models.encoders.base import Encoder
from nightshift.models.encoders.sentence import SentenceSettings

EncoderBackend = Literal["sentence", "hashing"]


class EncoderSettings(SentenceSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which encoder turns texts into vectors, and how it is run."""

    backend: EncoderBackend = "sentence"
    """`sentence` runs a local encoder in this process; `hashing` counts words without any model."""
    hashing_dimension: int = Field(default=64, ge=2)
    """Length of a `hashing` vector; read by no other backend. Part of the encoder id."""


def identify_encoder(settings: EncoderSettings) -> str:
    """The encoder's id without loading torch or weights. Raises ConfigError naming the nearest known
    model."""
    if settings.backend == "hashing":
        return hashing.identify(_hashing(settings))
    return sentence.identify(_sentence(settings))


def build_encoder(settings: EncoderSettings, cache: Path) -> Encoder:
    """The encoder. Its weights load at the first text; `cache` holds downloads and prepared weights."""
    if settings.backend == "hashing":
        return hashing.HashingEncoder(_hashing(settings))
    sentence.identify(_sentence(settings))  # an unknown name is refused now, not in the middle of the night
    return sentence.SentenceEncoder(_sentence(settings), cache)


def _sentence(settings: EncoderSettings) -> SentenceSettings:
    return SentenceSettings(**settings.model_dump(exclude={"backend", "hashing_dimension"}))


def _hashing(settings: EncoderSettings) -> hashing.HashingSettings:
    return hashing.HashingSettings(dimension=settings.hashing_dimension)
