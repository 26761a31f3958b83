"""From settings to a text encoder: the table of backends, by their names in `encoder.backend`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nightshift.models.encoders import hashing, sentence
from nightshift.models.encoders.base import Encoder
from nightshift.models.encoders.sentence import SentenceSettings


@dataclass(frozen=True)
class EncoderBackend:
    """One way to turn texts into vectors. Nothing heavy is imported, and nothing fetched, before the first
    text."""

    identify: Callable[["EncoderSettings"], str]
    """The encoder's id. Raises ConfigError naming the nearest known model."""
    build: Callable[["EncoderSettings", Path], Encoder]
    """The encoder, from settings and cache folder; its weights load at the first text."""


ENCODERS = {
    "sentence": EncoderBackend(
        identify=lambda settings: sentence.identify(_sentence(settings)),
        build=lambda settings, cache: sentence.SentenceEncoder(_sentence(settings), cache),
    ),
    "hashing": EncoderBackend(
        identify=lambda settings: hashing.identify(_hashing(settings)),
        build=lambda settings, _: hashing.HashingEncoder(_hashing(settings)),
    ),
}
"""Every encoder backend by its name in `encoder.backend`."""
if TYPE_CHECKING:
    EncoderName = str
else:
    EncoderName = Literal[tuple(ENCODERS)]


class EncoderSettings(SentenceSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which encoder turns texts into vectors, and how it is run."""

    backend: EncoderName = "sentence"
    """`sentence` runs a local encoder in this process; `hashing` counts words without any model."""
    hashing_dimension: int = Field(default=64, ge=2)
    """Length of a `hashing` vector; read by no other backend. Part of the encoder id."""


def identify_encoder(settings: EncoderSettings) -> str:
    """The encoder's id without loading torch or weights. Raises ConfigError naming the nearest known
    model."""
    return ENCODERS[settings.backend].identify(settings)


def build_encoder(settings: EncoderSettings, cache: Path) -> Encoder:
    """The encoder. Its weights load at the first text; `cache` holds downloads and prepared weights."""
    identify_encoder(settings)  # an unknown name is refused now, not in the middle of the night
    return ENCODERS[settings.backend].build(settings, cache)


def _sentence(settings: EncoderSettings) -> SentenceSettings:
    return SentenceSettings(**settings.model_dump(exclude={"backend", "hashing_dimension"}))


def _hashing(settings: EncoderSettings) -> hashing.HashingSettings:
    return hashing.HashingSettings(dimension=settings.hashing_dimension)
