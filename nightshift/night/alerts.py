"""Tell a chat or a pager that a night failed or was cut short: one JSON POST to a webhook.

The address is a secret (whoever has it can post): it comes from the environment, is never logged, and an
alert that cannot be delivered is a warning, never a failed night.
"""

import http.client
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

log = logging.getLogger(__name__)
Event = Literal["failure", "over_budget"]
PAUSES = (0.5, 2.0, 8.0)
"""Seconds before the second, third and fourth try of an alert: a chat that restarts is back by then, and
no night waits longer."""
TEXT_CHARS = 3000
"""Longest `text`, in characters: Slack cuts a section there."""


class AlertSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Who is told when a night needs a person. Changes no answer and no table."""

    webhook: SecretStr | None = None
    """Address that gets a JSON POST, http or https; Slack and what speaks its format read the field
    `text`. A secret: set `NIGHTSHIFT_ALERTS__WEBHOOK` rather than writing it here. None: nobody is told."""
    events: tuple[Event, ...] = ("failure",)
    """What is told: `failure`, a run that failed; `over_budget`, a night published with fallbacks because
    of the budget."""
    timeout_seconds: float = Field(10.0, gt=0, le=120)
    """Longest wait for the webhook, for each of the four times that an alert is tried within about ten
    seconds of pauses; then it is given up with a warning."""
    ui: str | None = None
    """Address of your Dagster UI, `https://dagster.shop.example`, for the link to the run. None: no link."""

    @field_validator("webhook")
    @classmethod
    def _address(cls, webhook: SecretStr | None) -> SecretStr | None:
        if webhook is not None and not webhook.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("the webhook's address must begin with http:// or https://")
        return webhook


@dataclass(frozen=True)
class Alert:
    """What a person is told."""

    event: Event
    night: str
    """The night, or the first and last of several."""
    job: str
    step: str | None
    """The asset that failed; None where no single one did."""
    message: str
    run_id: str

    @property
    def text(self) -> str:
        """One paragraph for a chat."""
        head = "failed" if self.event == "failure" else "was published with fallbacks because of the budget"
        where = f" at {self.step}" if self.step else ""
        return f"nightshift: {self.job} of {self.night} {head}{where}. {self.message}"[:TEXT_CHARS]


def post(settings: AlertSettings, alert: Alert, pauses: Sequence[float] = PAUSES) -> bool:
    """Send the alert if it is wanted, and again after each of the pauses (seconds) while the webhook does
    not take it.

    Returns whether it was delivered; never raises for what the other side does.
    """
    if settings.webhook is None or alert.event not in settings.events:
        return False
    url = settings.webhook.get_secret_value()
    body = json.dumps(
        {"text": alert.text} | asdict(alert) | {"link": _link(settings, alert)}, ensure_ascii=False
    )
    tries, why = 0, None
    for pause in (0.0, *pauses):
        time.sleep(pause)
        tries += 1
        why, may_pass = _refused(url, body.encode(), settings.timeout_seconds)
        if why is None:
            return True
        if not may_pass:
            break
    times = "once" if tries == 1 else f"{tries} times"
    log.warning(
        "the alert about %s of %s was not delivered, tried %s: %s; see alerts.webhook",
        alert.job,
        alert.night,
        times,
        why,
    )
    return False


def _refused(url: str, body: bytes, seconds: float) -> tuple[str | None, bool]:
    """Why one try failed, None where it did not, and whether another may succeed."""
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=seconds):
            return None, False
    except (ValueError, http.client.InvalidURL) as error:
        return _why(error), False
    except (OSError, http.client.HTTPException) as error:
        return _why(error), True


def _link(settings: AlertSettings, alert: Alert) -> str | None:
    return f"{settings.ui.rstrip('/')}/runs/{alert.run_id}" if settings.ui else None


def _why(error: Exception) -> str:
    """The error in words that cannot hold the address: messages of urllib may."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return type(reason).__name__ if isinstance(reason, Exception) else "URLError"
