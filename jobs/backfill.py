"""Several nights from the command line, one Dagster run each, in one process: the model is loaded once.

A night is whole before the next one begins, so that Ctrl-C or a failure leaves whole nights behind.
"""

from datetime import date
from pathlib import Path

from jobs.running import run_job
from nightshift.errors import InputError, NightFailed, NightStopped
from nightshift.night.config import Settings


def run_nights(config: Path, home: Path | None, settings: Settings, nights: list[date]) -> None:
    """Run the nights in order. Raises the first failure, which then says what was published and what was
    not begun."""
    for number, night in enumerate(nights):
        try:
            run_job(config, home, settings, "nightly_enrichment", night)
        except (NightFailed, NightStopped, InputError) as error:
            if len(nights) == 1:
                raise
            raise type(error)(f"{error} {_left(nights, number)}") from error


def _left(nights: list[date], failed: int) -> str:
    done, waiting = (", ".join(map(str, part)) or "none" for part in (nights[:failed], nights[failed + 1 :]))
    return (
        f"Published before it: {done}. Not begun: {waiting}. Go on with --from {nights[failed]} --to "
        f"{nights[-1]}."
    )
