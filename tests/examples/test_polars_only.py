"""The example without any import of ours, run as a script on a published home."""

import re
import subprocess
import sys
from pathlib import Path

from tests.served import NIGHTS, Served

EXAMPLE = Path(__file__).parents[2] / "examples" / "polars_only.py"


def test_a_ranker_of_ones_own_reads_a_night_with_polars_alone(tmp_path: Path) -> None:
    home = Served(tmp_path)
    home.publish(NIGHTS[2])
    home.train(*NIGHTS, rounds=1)
    assert "nightshift" not in re.sub(r'""".*?"""', "", EXAMPLE.read_text(), flags=re.DOTALL).replace(
        '".nightshift"', ""
    )
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "shape: (12, 4)" in done.stdout
    base, llm = (float(found) for found in re.findall(r"AUC with .*?: ([0-9.]+)", done.stdout))
    assert 0.55 < base < llm < 1.0  # the planted topics are in the model's tags
