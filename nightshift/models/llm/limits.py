"""How fast a server is asked: an even pace of requests and tokens, a shared pause, and when to try again.

The pace is even on purpose. A minute's allowance spent in its first second is what providers answer with 429.
"""

import asyncio
import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nightshift.models.llm.server import ServerSettings
from nightshift.models.llm.usage import Tokens

LONGEST_WAIT = 300.0
"""Seconds. A server that asks for a longer pause has said no for tonight."""
SPREAD = 0.25
"""Seconds over which requests that were told the same moment come back."""


class Failed(Exception):
    """One try that brought no usable reply. The text never holds the key."""

    def __init__(
        self,
        detail: str,
        again: bool = True,
        wait: float | None = None,
        reached: bool = True,
        kind: str = "",
        used: Tokens = Tokens(),
    ) -> None:
        super().__init__(detail)
        self.again = again
        """Whether another try makes sense."""
        self.wait = wait
        """Seconds the server asked us to wait, if it did."""
        self.reached = reached
        """Whether a server was there at all."""
        self.kind = kind or detail
        """What failures of the same cause share: a status, say. Holds nothing of the row."""
        self.used = used
        """What was paid for the reply all the same."""


class Pace:
    """Lets requests through, evenly. Belongs to one event loop."""

    def __init__(self, settings: ServerSettings) -> None:
        from aiolimiter import AsyncLimiter

        requests, tokens = settings.requests_per_minute, settings.tokens_per_minute
        self._requests = AsyncLimiter(1, 60 / requests) if requests else None
        self._tokens = AsyncLimiter(tokens / 600, 0.1) if tokens else None
        self._resume = 0.0

    async def admit(self, tokens: int) -> None:
        """Wait until a request of so many tokens may go."""
        if self._requests:
            await self._requests.acquire()
        if self._tokens:
            await self._spend(tokens)
        while (left := self._resume - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0, SPREAD))

    def pause(self, seconds: float) -> None:
        """Nobody goes for so long: the server asked for it."""
        self._resume = max(self._resume, time.monotonic() + seconds)

    async def _spend(self, tokens: int) -> None:
        """A request larger than the allowance of a tenth of a second takes that of several."""
        assert self._tokens is not None
        left = float(tokens)
        while left > 0:
            part = min(left, self._tokens.max_rate)
            await self._tokens.acquire(part)
            left -= part


def when_again(failed: Exception) -> bool | float:
    """Stamina's question: try again, after which back-off? A number is the server's own wish."""
    if not isinstance(failed, Failed) or not failed.again:
        return False
    return True if failed.wait is None else failed.wait + random.uniform(0, SPREAD)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110: seconds or a date); None when there is none that can be
    read.

    >>> retry_after("7"), retry_after("soon"), retry_after(None)
    (7.0, None, None)
    >>> retry_after("Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC))
    30.0
    """
    try:
        seconds = float(value or "")
    except ValueError:
        seconds = _until(value or "", now or datetime.now(UTC))
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
