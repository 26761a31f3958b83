"""Prepared weights: a folder that stands is taken for whole, so everything in it is on the disk before it
gets its name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.models.weights.weights import written_once

WATCHED = """
import sys
from pathlib import Path
from nightshift.models.weights.weights import written_once

happened = []

def watch(event, words):
    if event == "open" and words[1] is None:  # opened by os.open, as for an fsync
        happened.append(("sync", Path(words[0]).name))
    if event == "os.rename":
        happened.append(("rename", Path(words[1]).name))

def write(folder):
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    sys.addaudithook(watch)

written_once(Path(sys.argv[1]) / "prepared", write)
import json
print(json.dumps(happened))
"""


def test_every_file_and_folder_is_synced_before_the_rename_and_the_rename_after_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    happened = [tuple(each) for each in json.loads(done.stdout)]
    at = happened.index(("rename", "prepared"))
    before = {name for what, name in happened[:at] if what == "sync"}
    assert {"model.safetensors", "1_Pooling", "config.json", "model"} <= before
    assert ("sync", tmp_path.name) in happened[at:], (
        "a rename that is only in memory is undone by a power cut"
    )


def test_a_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "half").touch()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        written_once(tmp_path / "prepared", write)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared.lock"]
