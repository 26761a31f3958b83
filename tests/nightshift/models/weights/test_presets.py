import pytest

from nightshift.errors import ConfigError
from nightshift.models.weights.presets import PRESETS, preset


def test_a_preset_carries_the_first_digits_of_its_weights_sha256() -> None:
    assert preset("smollm2-135m-instruct", "llm").model_id == "smollm2-135m-instruct@b179c952"
    assert preset("all-minilm-l6-v2", "encoder").model_id == "all-minilm-l6-v2@53aa5117"


def test_an_unknown_name_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'smollm2-135m-instruct'"):
        preset("smollm2-135m", "llm")


def test_an_encoder_is_not_offered_as_a_language_model() -> None:
    with pytest.raises(ConfigError, match="unknown llm model 'all-minilm-l6-v2'"):
        preset("all-minilm-l6-v2", "llm")


@pytest.mark.parametrize("known", PRESETS.values(), ids=PRESETS)
def test_every_part_is_pinned_by_a_sha256(known: object) -> None:
    found = PRESETS[known.name]  # type: ignore[attr-defined]
    assert len(found.weight_sha256) == 64
    assert all(len(part.wheel.sha256) == 64 for part in found.parts)
    assert len({part.wheel.sha256 for part in found.parts}) == len(found.parts)
    assert found.licence
