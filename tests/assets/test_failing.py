"""What a failed run tells: the message of an error on purpose and no stack; the whole stack of a bug."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from assets.failures import plainly
from jobs.after_run import first_failure
from nightshift.errors import ConfigError, NightFailed, NightshiftError, SourceError

TOLD = "items.csv row 3 has no id; remove the row"


def failed(error: Exception) -> list[dg.DagsterEvent]:
    """The events of a run whose only asset raises the error, several calls deep and because of another
    one."""

    def refuse() -> None:
        try:
            raise KeyError("deep inside")
        except KeyError as cause:
            raise error from cause

    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        refuse()
        yield dg.MaterializeResult()

    asset = dg.asset(name="items")(plainly(body))
    with dg.DagsterInstance.ephemeral() as instance:
        return list(dg.materialize([asset], instance=instance, raise_on_error=False).all_events)


def ended(events: list[dg.DagsterEvent]) -> Any:
    """The error with which the run's log ends, as its page shows it."""
    [event] = [event for event in events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
    return event.job_failure_data.error


@pytest.mark.parametrize("kind", [SourceError, ConfigError, NightFailed])
def test_an_error_on_purpose_begins_and_ends_with_its_message(kind: type[NightshiftError]) -> None:
    events = failed(kind(TOLD))
    error = ended(events)
    assert error.message.strip().endswith(f"Failure: {TOLD}")
    assert error.cause.message.strip() == f"{kind.__module__}.{kind.__name__}: {TOLD}"
    assert (error.cause.stack, error.cause.cause, error.cause.context) == ([], None, None)
    assert first_failure(events) == ("items", kind.__name__, error.cause.message.strip())


def test_a_bug_keeps_its_stack_and_its_cause() -> None:
    error = ended(failed(ZeroDivisionError("a bug")))
    assert any("in refuse" in frame for frame in error.cause.stack)
    assert "deep inside" in error.cause.cause.message
