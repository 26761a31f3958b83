import hashlib
import zipfile
from pathlib import Path

import pytest

from nightshift.errors import IntegrityError
from nightshift.storage.downloads import Wheel, fetch_wheel, sha256_of, verify


def archive(path: Path, **members: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_a_wheel_that_is_there_is_checked_and_used_without_an_index(tmp_path: Path) -> None:
    path = archive(tmp_path / "downloads" / "tiny_model-1.0.0-py3-none-any.whl", a=b"1")
    assert fetch_wheel(Wheel("tiny-model", "1.0.0", sha256_of(path)), tmp_path) == path


def test_the_digest_of_a_file_larger_than_a_block_is_that_of_its_bytes(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 10_000
    (tmp_path / "f").write_bytes(raw)
    assert sha256_of(tmp_path / "f") == hashlib.sha256(raw).hexdigest()


def test_wrong_bytes_are_removed_and_right_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"right")
    verify(path, hashlib.sha256(b"right").hexdigest())
    assert path.exists()
    with pytest.raises(IntegrityError, match="expected abc"):
        verify(path, "abc")
    assert not path.exists()
