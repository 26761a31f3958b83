"""One check's outcome."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Checked:
    """One check's outcome."""

    name: str
    passed: bool
    message: str
    blocking: bool = True
    numbers: dict[str, Any] = field(default_factory=dict)
    """Shown on the asset beside the message: what was measured, and the limit it was held against."""


def many(number: int, noun: str) -> str:
    """A count with its noun, for messages: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
