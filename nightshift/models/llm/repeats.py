"""Say a thing once: warnings of a run that are equal but for their numbers are logged the first time only.

    log = logging.getLogger(__name__)
    log.addFilter(REPEATS)

A night of a thousand batches meets a server without token counts a thousand times; the reader needs to
hear of it once.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


class Repeats(logging.Filter):
    """Lets a warning through once a run. Outside of `within` everything passes, and so does all that is no
    warning."""

    def __init__(self) -> None:
        super().__init__()
        self._run: object = None
        self._is_open = False
        self._said: set[tuple[str, str]] = set()

    @contextmanager
    def within(self, run: object) -> Iterator[None]:
        """The block belongs to this run; what earlier blocks of the run said is not said again."""
        if run != self._run:
            self._run, self._said = run, set()
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is news."""
        if not self._is_open or record.levelno != logging.WARNING:
            return True
        told = record.name, _NUMBERS.sub("#", record.getMessage())
        is_news = told not in self._said
        self._said.add(told)
        return is_news


REPEATS = Repeats()
"""The one of this process."""
