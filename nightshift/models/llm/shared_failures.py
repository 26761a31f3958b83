"""Failures that every row shares: the first rows hear them, the others are not sent."""

from collections.abc import Sequence

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, Request
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.refusals import STATUS

ROWS_ALIKE = 32
"""So many rows in a row with one and the same failure, retries included, and none answered between them:
it is not the rows."""


class SharedFailures:
    """Watches the rows of one prompt. Belongs to one event loop."""

    def __init__(self) -> None:
        self._answered = False
        self._alike = 0
        self._kind = ""
        self._said = ""

    def answered(self) -> None:
        """A row was answered."""
        self._answered, self._alike = True, 0

    def failed(self, failed: Failed) -> None:
        """A row was not, however often it was asked."""
        self._alike = self._alike + 1 if failed.kind == self._kind else 1
        self._kind, self._said = failed.kind, str(failed)

    @property
    def is_hopeless(self) -> bool:
        """Whether the first rows all failed alike: nothing else of this prompt is worth sending."""
        return not self._answered and self._alike >= ROWS_ALIKE

    @property
    def is_closed(self) -> bool:
        """Whether rows were answered and then many failed alike: one row at a time may look whether it has
        passed."""
        return self._answered and self._alike >= ROWS_ALIKE

    @property
    def unsent(self) -> str:
        """What a row is told that was not sent."""
        return f"not sent, for the {self._alike} rows before it all got: {self._said}"

    def error(self, address: str, request: Request) -> ModelUnavailable:
        """What stops the night."""
        return stopped(address, self._alike, self._said, request)


def stopped(address: str, rows: int, said: str, request: Request) -> ModelUnavailable:
    """The server's own words, and where to look."""
    held = "Where it does not take `response_format`, set facts.form and preferences.form to line. "
    hint = (
        held
        if request.decoding.json_schema
        else "If it refuses a field or the model, see llm.server and llm.model. "
    )
    return ModelUnavailable(
        f"the first {rows} rows all got the same from {address}: {said}. {hint}Nothing else was sent"
    )


def all_alike(answers: Sequence[Answer]) -> bool:
    """Whether rows of a batch file, enough of them, all failed for the same reason."""
    kinds = {_kind(answer) for answer in answers}
    return len(answers) >= ROWS_ALIKE and len(kinds) == 1 and None not in kinds


def _kind(answer: Answer) -> str | None:
    if answer.finish_reason != "error":
        return None
    status = STATUS.match(answer.text)
    return status[1] if status else answer.text
