from nightshift.models.encoders.base import Encoder
from nightshift.models.encoders.conformance import EncoderConformance
from nightshift.models.encoders.hashing import HashingEncoder, HashingSettings


class TestHashing(EncoderConformance):
    def make_encoder(self) -> Encoder:
        return HashingEncoder()


def test_the_dimension_is_in_the_id() -> None:
    narrow, wide = HashingEncoder(HashingSettings(dimension=8)), HashingEncoder(HashingSettings(dimension=16))
    assert narrow.encoder_id != wide.encoder_id
    assert narrow.encode(["word"]).shape == (1, 8)
