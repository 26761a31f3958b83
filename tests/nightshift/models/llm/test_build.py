import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from nightshift.errors import ConfigError
from nightshift.models.llm import LLMSettings, build_llm, identify, load_tokenizer


def test_the_identity_names_revision_number_type_and_prefix_use() -> None:
    assert identify(LLMSettings(dtype="float32")).model_id == "smollm2-135m-instruct@b179c952"
    assert identify(LLMSettings(dtype="float32")).arithmetic == "float32+prefix"
    assert identify(LLMSettings(dtype="bfloat16", prefix_cache=False)).arithmetic == "bfloat16"


def test_what_changes_speed_only_is_not_in_the_identity() -> None:
    assert identify(LLMSettings(batch_size=1, threads=1)) == identify(LLMSettings())


def test_an_unknown_model_is_refused_before_the_night_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'smollm2-135m-instruct'"):
        build_llm(LLMSettings(model="smollm"), tmp_path)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        LLMSettings.model_validate({"bach_size": 3})


def test_without_weights_there_is_no_tokenizer_and_nothing_is_fetched(tmp_path: Path) -> None:
    assert load_tokenizer(LLMSettings(), tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_identifying_and_building_load_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from nightshift.models.llm import LLMSettings, build_llm, identify\n"
        "from nightshift.models.encoders import EncoderSettings, build_encoder, identify_encoder\n"
        "identify(LLMSettings()); build_llm(LLMSettings(), Path('none')); "
        "identify_encoder(EncoderSettings())\n"
        "build_encoder(EncoderSettings(), Path('none'))\n"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
