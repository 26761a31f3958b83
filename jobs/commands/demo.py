"""`nightshift demo`: replay a public data set as three nights."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where nightshift.yaml, the sources and everything written go.")
    ] = Path(),
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded",
            help="With what a larger model wrote elsewhere, at no cost, in .nightshift-recorded.",
        ),
    ] = False,
) -> None:
    """Replay MovieLens-100K as three nights with a real language model, train, and show what it was worth.

    Fetches the model, the encoder and the ratings once (about 180 MB), then takes a few minutes on two
    cores. Running it again continues where it stopped and asks nothing twice.
    """
    from jobs.demo import run_demo, run_recorded_demo

    (run_recorded_demo if recorded else run_demo)(folder)
