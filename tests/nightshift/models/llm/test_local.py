"""What backends with a model in this process share, on a tokenizer of whole words. No model is loaded."""

import json
import logging
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Request
from nightshift.models.llm.vllm import VllmBlock, VllmLLM, VllmSettings

WORDS = ["<s>", "</s>", "system", "user", "read", "plot", "end", "?", "\n", "[UNK]"]
TEMPLATE = "{% for message in messages %}<s> {{ message.role }} {{ message.content }} </s> {% endfor %}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A local model as `save_pretrained` leaves it, but for its weights."""
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split(" ", "removed")]
    )
    made.add_special_tokens(WORDS[:2])
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
    return tmp_path


def local(folder: Path, endpoint: str = "completions") -> VllmLLM:
    block = VllmBlock.model_validate({"endpoint": endpoint})
    return VllmLLM(VllmSettings(model=str(folder), context_tokens=128, vllm=block), folder)


def read(llm: VllmLLM, *prompts: tuple[str, str]) -> list[str]:
    """The tokens that 28 new ones leave room for, as words."""
    made = llm._prompts([Request("k", instructions, text) for instructions, text in prompts], reserved=28)
    return [" ".join(WORDS[token] for token in tokens) for tokens in made]


def test_an_over_long_row_loses_its_middle_and_is_counted(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    llm = local(folder)
    with caplog.at_level(logging.WARNING):
        long, short = read(llm, ("read ", "plot " * 500 + "end ?"), ("read ", "end ?"))
    assert long == "read " + "plot " * 97 + "end ?"
    assert short == "read end ?"
    assert llm.truncated_rows == 1
    assert caplog.messages == [
        "1 of 2 rows were longer than 100 tokens; the middle of their text was left out"
    ]


@pytest.mark.parametrize("place", [0, 1])
def test_instructions_that_leave_no_room_are_refused_whichever_row_has_them(folder: Path, place: int) -> None:
    prompts = [("read ", "plot"), ("read ", "plot")]
    prompts[place] = ("read " * 37, "plot " * 500)
    with pytest.raises(
        ValueError, match=r"take 37 tokens; 100 are left .* 64 are kept .* raise llm\.context_tokens"
    ):
        read(local(folder), *prompts)


def test_an_empty_prompt_is_a_new_line(folder: Path) -> None:
    assert read(local(folder), ("", "")) == ["\n"]


def test_chat_puts_instructions_and_row_into_the_models_own_template(folder: Path) -> None:
    (said,) = read(local(folder, "chat"), ("read", "plot end"))
    assert said == "<s> system read </s> <s> user plot end </s>"


def test_a_backend_that_only_writes_says_so_by_its_name(folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match="the backend vllm writes answers and cannot weigh choices"):
        local(folder).score([], [])
