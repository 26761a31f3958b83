"""Virtual environments for tools whose pins clash with ours, made once and kept in the cache."""

import fcntl
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

TOOLS = {
    "feast": ("feast==0.67.0",),
    "fuxictr": ("fuxictr==2.3.10", "torch==2.13.0"),
    "rectools": (
        "rectools==0.19.0",
        "pyarrow==25.0.1",
    ),  # RecTools 0.19 pins NumPy 1, which pyarrow 26 refuses
}
MOST_SECONDS = 170


def python_with(tool: str) -> Path:
    """The Python of an environment with the tool in it; skips the test, saying why, when pip cannot
    install it in time."""
    cache = Path(os.environ.get("NIGHTSHIFT_CACHE", Path.home() / ".cache" / "nightshift")) / "venvs"
    folder = cache / f"{tool}-{sha256(' '.join((sys.version, *TOOLS[tool])).encode()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{tool}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, tool)
            (folder / ".ready").touch()
    return folder / "bin" / "python"


def _make(folder: Path, tool: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [
        str(folder / "bin" / "pip"),
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
        "--timeout",
        "10",
        "--retries",
        "1",
        *TOOLS[tool],
    ]
    try:
        done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{tool} was not installed within {MOST_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"{tool} cannot be installed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
