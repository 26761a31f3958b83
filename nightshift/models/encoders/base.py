"""What a text encoder is to Nightshift: texts in, unit vectors out, under an id that carries its revision."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Encoder(Protocol):
    """A text encoder. Inherits its tests from `nightshift.models.encoders.conformance.EncoderConformance`."""

    @property
    def encoder_id(self) -> str:
        """Name, revision and arithmetic, `all-minilm-l6-v2@53aa5117/bfloat16`. Vectors of two ids are
        never mixed."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimension) unit vectors, in order; an empty text gets a finite vector too."""
        ...
