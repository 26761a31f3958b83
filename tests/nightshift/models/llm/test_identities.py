"""Identities are part of every content key: one byte more or less asks every row again, so they are frozen
here."""

from pathlib import Path
from typing import Any

import pytest

from nightshift.models.llm import LLMSettings, identify

MINE = {"config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}"}
SMALL, LARGE = "smollm2-135m-instruct@b179c952", "qwen2.5-coder-1.5b-instruct@cc324af0"
FROZEN: list[tuple[dict[str, Any], str, str]] = [
    ({"dtype": "float32"}, SMALL, "float32+prefix"),
    ({"dtype": "bfloat16", "prefix_cache": False}, SMALL, "bfloat16"),
    ({"dtype": "float32", "context_tokens": 512, "batch_size": 3}, SMALL, "float32+prefix+context512"),
    ({"device": "cuda", "prefix_cache": False, "context_tokens": 256}, SMALL, "bfloat16+context256"),
    ({"model": "owner/name@r1", "dtype": "bfloat16"}, "owner/name@r1", "bfloat16+prefix"),
    ({"model": "mine", "dtype": "float32"}, "mine@b52601bf", "float32+prefix"),
    ({"backend": "llama_cpp"}, SMALL, "gguf+prefix+completions"),
    (
        {"backend": "llama_cpp", "context_tokens": 1024, "threads": 1},
        SMALL,
        "gguf+prefix+completions+context1024",
    ),
    ({"backend": "llama_cpp", "llama_cpp": {"endpoint": "chat", "slots": 2}}, SMALL, "gguf+prefix+chat"),
    ({"backend": "llama_cpp", "model": "mine.gguf"}, "mine@9a129038", "gguf+prefix+completions"),
    ({"backend": "vllm"}, SMALL, "vllm+bfloat16+prefix+chat"),
    (
        {"backend": "vllm", "model": LARGE.split("@")[0], "dtype": "float32"},
        LARGE,
        "vllm+float32+prefix+chat",
    ),
    (
        {"backend": "vllm", "context_tokens": 2048, "vllm": {"endpoint": "completions"}},
        SMALL,
        "vllm+bfloat16+prefix+completions+context2048",
    ),
    ({"backend": "openai", "model": "qwen@r2"}, "qwen@r2", "server+chat"),
    (
        {"backend": "openai", "model": "qwen", "context_tokens": 4096},
        "qwen@unversioned",
        "server+chat+context4096",
    ),
    (
        {"backend": "openai_batch", "model": "qwen@r2", "server": {"endpoint": "completions"}},
        "qwen@r2",
        "server+completions",
    ),
    ({"backend": "recorded", "model": "gpt-3.5-turbo@agent4rec"}, "gpt-3.5-turbo@agent4rec", "recorded"),
    ({"backend": "echo"}, "echo@1", "36d7edbf"),
    ({"backend": "echo", "reply": "{first}", "context_tokens": 512}, "echo@1", "d0c96d09"),
]


@pytest.mark.parametrize(("settings", "model_id", "arithmetic"), FROZEN)
def test_the_identity_of_these_settings_never_changes(
    settings: dict[str, Any], model_id: str, arithmetic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for name, text in MINE.items():
        (Path("mine") / name).write_text(text)
    Path("mine.gguf").write_text("weights")
    said = identify(LLMSettings.model_validate(settings))
    assert (said.model_id, said.arithmetic) == (model_id, arithmetic)
