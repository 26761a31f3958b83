"""Every reference page by file name, and the one function that writes them."""

from collections.abc import Callable
from pathlib import Path

from jobs.reference.checks import checks_page
from jobs.reference.commands import commands_page
from jobs.reference.errors import errors_page
from jobs.reference.settings import settings_page
from jobs.reference.tables import tables_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "tables.md": tables_page,
    "commands.md": commands_page,
    "errors.md": errors_page,
    "checks.md": checks_page,
}
"""File name to the function that writes its text."""


def write(folder: Path) -> list[Path]:
    """Write every page into the folder and name the files. Line ends are the same on every system."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8", newline="\n")
    return [folder / name for name in PAGES]
