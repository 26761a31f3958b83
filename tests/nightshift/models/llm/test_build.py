import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from nightshift.errors import ConfigError
from nightshift.models.encoders.build import ENCODERS
from nightshift.models.llm import BACKENDS, LLMSettings, build_llm, identify, load_tokenizer, token_counter


def test_the_identity_names_revision_number_type_and_prefix_use() -> None:
    assert identify(LLMSettings(dtype="float32")).model_id == "smollm2-135m-instruct@b179c952"
    assert identify(LLMSettings(dtype="float32")).arithmetic == "float32+prefix"
    assert identify(LLMSettings(dtype="bfloat16", prefix_cache=False)).arithmetic == "bfloat16"


def test_what_changes_speed_only_is_not_in_the_identity() -> None:
    assert identify(LLMSettings(batch_size=1, threads=1)) == identify(LLMSettings())


def test_an_unknown_model_is_refused_before_the_night_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'smollm2-135m-instruct'"):
        build_llm(LLMSettings(model="smollm"), tmp_path)


MODELS = {
    "openai": "gpt-4o-mini@2024-07-18",
    "openai_batch": "gpt-4o-mini@2024-07-18",
    "recorded": "gpt-3.5-turbo@agent4rec",
}
SCORING, REMOTE, COUNTED = {"transformers", "echo"}, {"openai", "openai_batch"}, {"recorded", "echo"}


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_says_who_answers_and_what_it_can_do(name: str, tmp_path: Path) -> None:
    settings = (
        LLMSettings(backend=name) if name not in MODELS else LLMSettings(backend=name, model=MODELS[name])
    )
    assert identify(settings).model_id
    assert (settings.can_score, settings.keeps_states) == (name in SCORING, name in SCORING)
    assert settings.is_remote is (name in REMOTE)
    assert settings.is_recorded is (name == "recorded")
    assert (settings.rows_at_once is not None) is (name == "openai_batch")
    assert (token_counter(settings, tmp_path) is not None) is (name in COUNTED), (
        "nothing was fetched for the others"
    )
    assert (settings.cost(1000, 0) == 0.0) is (name not in REMOTE)


def test_what_the_batch_backend_and_recordings_cannot_do_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a home folder"):
        build_llm(LLMSettings(backend="openai_batch", model=MODELS["openai_batch"]), tmp_path)
    with pytest.raises(ConfigError, match="finds answers by row id"):
        build_llm(LLMSettings(backend="recorded", model=MODELS["recorded"]), tmp_path)


def test_the_names_of_the_tables_are_the_names_in_the_settings() -> None:
    with pytest.raises(
        ValidationError,
        match="'transformers', 'llama_cpp', 'vllm', 'openai', 'openai_batch', 'recorded' or 'echo'",
    ):
        LLMSettings.model_validate({"backend": "ollama"})
    assert list(ENCODERS) == ["sentence", "hashing"]


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
