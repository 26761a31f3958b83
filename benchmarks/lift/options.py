"""What every lift benchmark can be told on the command line."""

import argparse
import sys
from pathlib import Path

from nightshift.models.weights.weights import DEFAULT_CACHE


def parser(about: str | None, seeds: int = 5) -> argparse.ArgumentParser:
    """`home, cache, seeds, resamples`."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--home", type=Path, default=Path(".nightshift/lift"), help="where answers and vectors are kept"
    )
    made.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    made.add_argument("--seeds", type=int, default=seeds)
    made.add_argument("--resamples", type=int, default=2000)
    return made


def options(about: str | None, *needed: str) -> argparse.Namespace:
    """The same, `data` and `lists`. Ends the program, saying why, when a needed file of the data folder is
    not there."""
    made = parser(about)
    made.add_argument(
        "--data", type=Path, default=Path("data"), help="folder that holds the data sets' folders"
    )
    made.add_argument(
        "--lists", type=int, help="most test lists of implicit feedback; fewer are faster and less sure"
    )
    made.add_argument(
        "--proofs",
        action="store_true",
        help="run both leak proofs too, as every night does; slow for lists of candidates",
    )
    given = made.parse_args()
    for name in needed:
        if not (given.data / name).is_file():
            print(f"skipped: {given.data / name} is not there; name the folder that holds it with --data")
            sys.exit(0)
    return given
