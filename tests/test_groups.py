"""What `xdist_group` promises here: models run one at a time, and a story is told on one worker."""

import os
import subprocess
import sys
from pathlib import Path

CROWD = """
import pytest

@pytest.mark.parametrize("step", range(8))
@pytest.mark.xdist_group("story")
def test_step(step, worker_id):
    with open({told!r}, "a") as told:
        print(worker_id, step, file=told)
"""


def test_a_group_of_tests_runs_on_one_worker_in_its_order(tmp_path: Path) -> None:
    told, crowd = tmp_path / "told", tmp_path / "test_crowd.py"
    crowd.write_text(CROWD.format(told=str(told)), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "--rootdir",
        str(tmp_path),
        str(crowd),
    ]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    workers, steps = zip(*(line.split() for line in told.read_text("utf-8").splitlines()), strict=True)
    assert len(set(workers)) == 1
    assert list(steps) == list("01234567")
