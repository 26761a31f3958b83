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
