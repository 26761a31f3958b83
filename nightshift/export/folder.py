"""The folder an export writes: fresh, then put in the place of the one before.

A reader of the old folder keeps what it opened; whoever opens the name finds one whole export, never half
of one.
"""

import glob
import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from nightshift.errors import ConfigError
from nightshift.storage.durable import make_folder, put_in_place, sync
from nightshift.storage.sweep import sweep

CARD = "export.json"
"""Says that a folder is an export, of which night and from which tables; only such a folder is ever
replaced."""
LINES_AT_ONCE = 50_000


class Folder:
    """Files of one export; `say` hears a line about each."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path = path
        self.files: dict[str, int] = {}
        """Name of each file with its rows; 0 for files that are no table."""
        self._say = say

    def parquet(self, name: str, frame: pl.LazyFrame | pl.DataFrame) -> int:
        """Write a table; rows stream through memory. Returns their number."""
        path = self._place(name)
        frame.lazy().sink_parquet(path, compression="zstd")
        return self._wrote(name, pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())

    def csv(self, name: str, frame: pl.DataFrame, header: bool = True) -> int:
        """Write comma-separated values. Returns the number of rows."""
        frame.write_csv(self._place(name), include_header=header)
        return self._wrote(name, frame.height)

    def lines(self, name: str, parts: Iterable[pl.Series]) -> int:
        """Write lines of text, part by part. Returns their number."""
        rows = 0
        with self._place(name).open("w", encoding="utf-8") as file:
            for part in parts:
                rows += part.len()
                for start in range(0, part.len(), LINES_AT_ONCE):
                    file.write("\n".join(part.slice(start, LINES_AT_ONCE).to_list()) + "\n")
        return self._wrote(name, rows)

    def text(self, name: str, content: str) -> None:
        """Write a file that is no table."""
        self._place(name).write_text(content, "utf-8")
        self._wrote(name, 0)

    def made(self, name: str, rows: int) -> None:
        """A file that another library wrote to `path / name`."""
        self._wrote(name, rows)

    def _place(self, name: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _wrote(self, name: str, rows: int) -> int:
        sync(self.path / name)
        self.files[name] = rows
        size = (self.path / name).stat().st_size
        self._say(f"{name:<32} {f'{rows:,} rows' if rows else '':>16} {size / 1e6:>9.2f} MB")
        return rows


@contextmanager
def fresh_folder(out: Path, say: Callable[[str], None]) -> Iterator[Folder]:
    """A hidden folder beside `out` that takes its place when the block ends well, and is removed when it
    does not.

    Raises ConfigError when `out` is a file, or a folder with something else in it than an export.
    """
    out = out.resolve()
    _refuse_what_is_not_ours(out)
    make_folder(out.parent)
    sweep(out.parent.glob(f".{glob.escape(out.name)}.export-*"))
    fresh = out.with_name(f".{out.name}.export-{uuid.uuid4().hex[:8]}")
    fresh.mkdir()
    try:
        yield Folder(fresh, say)
        put_in_place(fresh, out, ".export-")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_card(folder: Folder, destination: str, as_of: str, tables: dict[str, str]) -> None:
    """The file that marks the folder as ours: destination, night, digest of every table's night that was
    there, rows of every file."""
    card = {"nightshift_export": destination, "as_of": as_of, "tables": tables, "rows": dict(folder.files)}
    folder.text(CARD, json.dumps(card, indent=1) + "\n")


def _refuse_what_is_not_ours(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / CARD).exists():
        raise ConfigError(
            f"--out {out} holds files that no export wrote ({CARD} is not there); name a new or an "
            f"empty folder"
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file; name a folder")
