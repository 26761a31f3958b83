"""An encoder that needs no weights: signed hashing of words (Weinberger et al., Feature Hashing, ICML 2009).

The fake for tests and rehearsals, and a cheap bag-of-words baseline: texts that share words are near.
"""

import functools
import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

_WORD = re.compile(r"\w+")
VERSION = 1


class HashingSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How words become numbers."""

    dimension: int = Field(default=64, ge=2)
    """Length of a vector. Part of the encoder id."""


def identify(settings: HashingSettings) -> str:
    """The encoder's id, dimension included."""
    return f"hashing@{VERSION}/{settings.dimension}"


@functools.lru_cache(maxsize=65_536)
def _slot(word: str) -> tuple[int, float]:
    """A large fixed number and a sign for a word."""
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big"), 1.0 if digest[8] & 1 else -1.0


class HashingEncoder:
    """Words hashed to signed places, counted, scaled to unit length."""

    def __init__(self, settings: HashingSettings | None = None) -> None:
        self.settings = settings or HashingSettings()

    @property
    def encoder_id(self) -> str:
        """What `identify` says for the same settings."""
        return identify(self.settings)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.settings.dimension

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimension) unit vectors; a text without words gets the first axis."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()):
                place, sign = _slot(word)
                vectors[row, place % self.dimension] += sign
        lengths = np.linalg.norm(vectors, axis=1)
        vectors[lengths == 0, 0] = 1.0  # no words, or words that cancel
        return np.asarray(vectors / np.where(lengths == 0, 1.0, lengths)[:, None], dtype=np.float32)
