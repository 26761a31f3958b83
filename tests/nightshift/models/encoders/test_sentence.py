from pathlib import Path

import numpy as np
import pytest

from nightshift.errors import ConfigError
from nightshift.models.encoders import EncoderSettings, build_encoder, identify_encoder
from nightshift.models.encoders.base import Encoder
from nightshift.models.encoders.conformance import EncoderConformance
from nightshift.models.encoders.sentence import SentenceEncoder, SentenceSettings
from nightshift.models.weights.weights import prepare_encoder


@pytest.mark.model
@pytest.mark.xdist_group("model")
class TestSentence(EncoderConformance):
    @pytest.fixture(autouse=True)
    def _remember_cache(self, model_cache: Path) -> None:
        type(self).cache = model_cache  # type: ignore[attr-defined]

    def make_encoder(self) -> Encoder:
        return SentenceEncoder(SentenceSettings(), self.cache)  # type: ignore[attr-defined]


@pytest.mark.model
@pytest.mark.xdist_group("model")
def test_vectors_equal_sentence_transformers_own(model_cache: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["A dark crime drama", "Toys", "A film about a man who walks up a hill and finds a mountain", ""]
    ours = SentenceEncoder(SentenceSettings(dtype="float32", batch_size=2), model_cache).encode(texts)
    theirs = SentenceTransformer(str(prepare_encoder("all-minilm-l6-v2", model_cache)), device="cpu").encode(
        texts, normalize_embeddings=True, show_progress_bar=False
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_id_names_revision_number_type_and_prefix() -> None:
    assert identify_encoder(EncoderSettings(dtype="bfloat16")) == "all-minilm-l6-v2@53aa5117/bfloat16"
    assert identify_encoder(EncoderSettings(dtype="bfloat16", prefix="passage: ")).startswith(
        "all-minilm-l6-v2@53aa5117/bfloat16/prefix-"
    )


def test_an_unknown_encoder_is_answered_with_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'all-minilm-l6-v2'"):
        build_encoder(EncoderSettings(model="minilm"), tmp_path)


def test_settings_build_the_hashing_encoder_without_weights(tmp_path: Path) -> None:
    settings = EncoderSettings(backend="hashing", hashing_dimension=8)
    encoder = build_encoder(settings, tmp_path)
    assert encoder.encoder_id == identify_encoder(settings) == "hashing@1/8"
