"""What every text encoder must hold: inherit the suite in a test, give it the encoder."""

from typing import ClassVar

import numpy as np

from nightshift.models.conformance import AWKWARD_TEXTS
from nightshift.models.encoders.base import Encoder


class EncoderConformance:
    """What every `Encoder` promises. Override `make_encoder`."""

    texts: ClassVar[list[str]] = [
        "A dark crime drama in the snow",
        "Toys come alive",
        "Toys come alive",
        "A dark drama",
    ]

    def make_encoder(self) -> Encoder:
        """The encoder under test."""
        raise NotImplementedError

    def _encoder(self) -> Encoder:
        made = type(self).__dict__.get("_made")
        if made is None:
            made = self.make_encoder()
            type(self)._made = made  # type: ignore[attr-defined]
        return made

    def test_vectors_have_the_stated_shape_and_unit_length(self) -> None:
        """(texts, dimension) float32 of length one."""
        vectors = self._encoder().encode(self.texts)
        assert vectors.shape == (len(self.texts), self._encoder().dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)

    def test_equal_texts_get_equal_vectors(self) -> None:
        """Bit for bit within a call, and again in the next one."""
        first, again = self._encoder().encode(self.texts), self._encoder().encode(self.texts)
        np.testing.assert_array_equal(first[1], first[2])
        np.testing.assert_array_equal(first, again)

    def test_order_is_kept(self) -> None:
        """Reversed texts give reversed vectors, up to rounding."""
        forward, backward = self._encoder().encode(self.texts), self._encoder().encode(self.texts[::-1])
        np.testing.assert_allclose(forward, backward[::-1], atol=0.02)

    def test_similar_texts_are_nearer_than_others(self) -> None:
        """Sharing words and sense counts."""
        vectors = self._encoder().encode(self.texts)
        assert vectors[0] @ vectors[3] > vectors[0] @ vectors[1]

    def test_awkward_texts_get_finite_unit_vectors(self) -> None:
        """Empty, emoji, right-to-left, control characters, half a surrogate pair."""
        vectors = self._encoder().encode(list(AWKWARD_TEXTS.values()))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)

    def test_an_overlong_text_gets_a_vector(self) -> None:
        """A megabyte of text is cut, not fatal."""
        assert np.isfinite(self._encoder().encode(["word " * 200_000, "short"])).all()

    def test_no_texts_no_vectors(self) -> None:
        """(0, dimension)."""
        assert self._encoder().encode([]).shape == (0, self._encoder().dimension)

    def test_the_id_is_stable_and_carries_a_revision(self) -> None:
        """Equal for two instances, with `@revision`."""
        assert self.make_encoder().encoder_id == self._encoder().encoder_id
        assert "@" in self._encoder().encoder_id
