"""vLLM's offline engine. Runs where vllm and a GPU are; elsewhere only what needs neither is tested."""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from nightshift.errors import ModelUnavailable
from nightshift.models.llm import LLMSettings, build_llm, identify
from nightshift.models.llm.base import LLM, Decoding, Request
from nightshift.models.llm.conformance import LLMConformance
from nightshift.models.llm.vllm import VllmBlock, VllmLLM, VllmSettings


def _missing() -> str:
    """Why the engine cannot run here, or nothing."""
    if importlib.util.find_spec("vllm") is None:
        return "vllm is not installed"
    try:
        seen = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        seen = ""
    return "" if "GPU" in seen else "there is no GPU"


on_a_gpu = pytest.mark.skipif(bool(_missing()), reason=f"the vllm backend is not run: {_missing()}")


@on_a_gpu
@pytest.mark.model
@pytest.mark.xdist_group("model")
class TestConformance(LLMConformance):
    scores = False
    cache: ClassVar[Path]

    @pytest.fixture(autouse=True)
    def _remember_cache(self, model_cache: Path) -> None:
        type(self).cache = model_cache

    def make_llm(self) -> LLM:
        block = VllmBlock(endpoint="completions", gpu_memory=0.5)
        return VllmLLM(
            VllmSettings(model="smollm2-135m-instruct", context_tokens=1024, vllm=block), self.cache
        )

    def test_a_schema_is_held(self) -> None:
        schema = (
            '{"type":"object","properties":{"mood":{"enum":["dark","funny"]}},"required":["mood"],'
            '"additionalProperties":false}'
        )
        (answer,) = self._llm().answer(
            [Request("k", "", "Fargo as JSON: ", Decoding(max_new_tokens=30, json_schema=schema))]
        )
        assert json.loads(answer.text)["mood"] in ("dark", "funny")


def test_the_identity_is_model_number_type_and_endpoint() -> None:
    plain = LLMSettings(backend="vllm")
    assert identify(plain).arithmetic == "vllm+bfloat16+prefix+chat"
    assert identify(plain.model_copy(update={"vllm": VllmBlock(gpu_memory=0.3)})) == identify(plain)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_without_vllm_the_message_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"pip install 'nightshift\[vllm\]'"):
        build_llm(LLMSettings(backend="vllm"), tmp_path).answer([Request("k", "", "x")])
