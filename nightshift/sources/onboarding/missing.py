"""The block `nights` for a configuration that lacks it, with the dates of its own files."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nightshift.errors import InputError
from nightshift.sources.files import find_files
from nightshift.sources.onboarding.first_nights import Nights, nights_of
from nightshift.sources.settings import SourcesSettings

CHEAP = 32 * 2**20
"""Bytes of sources that are read for a message."""
EXAMPLE = "nights:\n  first: 2026-01-31   # the first night; it knows the events before this day, 00:00 UTC"


def nights_block(sources: Any, root: Path) -> str:
    """What to write into nightshift.yaml: from the events' own dates where the files are small and can be
    read, else an example."""
    try:
        nights = _found(SourcesSettings.model_validate(sources), root)
    except (InputError, ValidationError):
        nights = None
    if nights is None:
        return f"add it, such as\n{EXAMPLE}"
    last = f"\n  last: {nights.newest}" if nights.ended else ""
    return f"add it; by the events' own dates\nnights:\n  first: {nights.first}{last}"


def _found(sources: SourcesSettings, root: Path) -> Nights | None:
    paths = (("items", sources.items.path), ("interactions", sources.interactions.path))
    if any("://" in path for _, path in paths):
        return None
    if (
        sum(file.path.stat().st_size for block, path in paths for file in find_files(block, path, root))
        > CHEAP
    ):
        return None
    return nights_of(sources, root)
