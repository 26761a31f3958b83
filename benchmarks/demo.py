"""`nightshift demo` in an empty folder: wall seconds and the peak memory of its processes. Downloads and
weights are reused."""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS = 600


def main() -> None:
    """Run the demo, show its output, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to keep what the demo writes; must be empty. Default: a temporary folder",
    )
    kept = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        folder = str(kept or scratch)
        began = time.monotonic()
        subprocess.run(
            [str(Path(sys.executable).with_name("nightshift")), "demo", "--folder", folder], check=True
        )
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(f"peak memory {peak:.2f} GiB")
    print(
        f"demo: ratio {seconds / LIMIT_SECONDS:.2f} (ours {seconds:.0f}, peer {LIMIT_SECONDS}, s "
        f"against the limit, median of 1 runs)"
    )


if __name__ == "__main__":
    main()
