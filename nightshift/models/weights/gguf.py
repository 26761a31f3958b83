"""GGUF files as llama.cpp reads them: the weights as they are, and beside them the tokenizer and chat
template they hold.

`<cache>/models/<name>@<revision>.gguf/` holds `tokenizer.json` and, for a preset, `weights.gguf`; a local
file stays where it is. Tokens are made here and not by llama.cpp, because llama.cpp reads `<|im_end|>` in
an item's description as a control token.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.models.weights.presets import PRESETS, REVISION_LENGTH, preset
from nightshift.models.weights.weights import concatenate, quiet_transformers, written_once
from nightshift.storage.downloads import sha256_of

SUFFIX = ".gguf"
CHAT_TEMPLATE = "chat_template.jinja"


@dataclass(frozen=True, slots=True)
class Gguf:
    """One model on disk."""

    weights: Path
    folder: Path
    """Holds `tokenizer.json` and, where the model has one, `chat_template.jinja`."""


def gguf_id(model: str) -> str:
    """Name and revision of a preset or a local file, without reading the weights twice a process. Raises
    ConfigError for others."""
    if model in PRESETS or not model.endswith(SUFFIX):
        return preset(model, "llm").model_id
    path = Path(model).expanduser()
    if not path.is_file():
        raise ConfigError(f"llm.model {model} is not there; name a GGUF file or one of the presets")
    stat = path.stat()
    return f"{path.stem}@{_digest(path.resolve(), stat.st_size, stat.st_mtime_ns)[:REVISION_LENGTH]}"


@functools.cache
def _digest(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


def prepared_gguf(model: str, cache: Path) -> Gguf | None:
    """The model as it lies on disk, or None when it was never prepared. Fetches nothing."""
    folder = cache / "models" / (gguf_id(model) + SUFFIX)
    return Gguf(_weights(model, folder), folder) if folder.is_dir() else None


def prepare_gguf(model: str, cache: Path) -> Gguf:
    """The model, fetched and its tokenizer written on first use.

    Raises ModelUnavailable when the weights cannot be had and IntegrityError when they are not the
    promised bytes.
    """
    folder = cache / "models" / (gguf_id(model) + SUFFIX)

    def write(target: Path) -> None:
        weights = (
            concatenate(preset(model, "llm"), target / "weights.gguf", cache)
            if model in PRESETS
            else Path(model).expanduser()
        )
        _write_tokenizer(weights, target)

    written_once(folder, write)
    return Gguf(_weights(model, folder), folder)


def _weights(model: str, folder: Path) -> Path:
    return folder / "weights.gguf" if model in PRESETS else Path(model).expanduser()


def _write_tokenizer(weights: Path, target: Path) -> None:
    """Needs no torch; reads the file's metadata only."""
    try:
        import gguf  # noqa: F401
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ModelUnavailable(
            f"{error.name} is missing; pip install 'nightshift[llama_cpp]' to read GGUF files"
        ) from error
    with quiet_transformers():
        AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name).save_pretrained(target)
