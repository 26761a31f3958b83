import os
import time
from pathlib import Path

import pytest

from nightshift.storage.sweep import sweep


def test_only_what_is_older_than_a_day_is_swept(tmp_path: Path) -> None:
    old_file, old_folder, fresh = tmp_path / ".old", tmp_path / ".folder", tmp_path / ".fresh"
    old_file.write_text("x")
    old_folder.mkdir()
    (old_folder / "part").write_text("x")
    fresh.write_text("x")
    for path in (old_file, old_folder):
        os.utime(path, (time.time() - 90_000,) * 2)
    sweep([old_file, old_folder, fresh, tmp_path / ".gone"])
    assert list(tmp_path.iterdir()) == [fresh]


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a file that nobody may remove")
def test_what_may_not_be_removed_stays_and_the_rest_goes(tmp_path: Path) -> None:
    (tmp_path / ".old").touch()
    sweep([Path("/proc/version"), tmp_path / ".old"], old_seconds=-1.0)
    assert list(tmp_path.iterdir()) == []
