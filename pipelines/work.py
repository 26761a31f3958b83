"""Pending rows on disk, in the order in which they are asked, so that a Beam element is a place in a file.

    <home>/work/<run>-<random>/rows.arrow      one record batch a model batch (Arrow IPC, zstd)
    <home>/work/<run>-<random>/<n>.begun       a worker has batch n in its hands, or died with it
    <home>/work/<run>-<random>/<n>.lost        a worker is known to have died with batch n
    <home>/work/<run>-<random>/<n>.done        what batch n gave is in the ledger
    <home>/work/<run>-<random>/stop            begin no more batches

A runner moves a few bytes for each batch, and a worker reads just its rows, wherever it runs: all it needs
is the home folder under the same path. The folder goes when the work is done; what a killed process left
is swept after a week.
"""

import contextlib
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from nightshift.storage.sweep import sweep

KEPT_SECONDS = 7 * 86_400.0
"""Work folders older than a week are swept: a run may wait for its provider's batches for more than a day,
with nothing to write."""


@dataclass(frozen=True, slots=True)
class Place:
    """One batch of a work file: all that a runner has to move."""

    path: str
    number: int

    def rows(self) -> pl.DataFrame:
        """The batch's rows. Reads nothing else but the file's footer."""
        with pa.OSFile(self.path) as file:
            frame = pl.from_arrow(pa.ipc.open_file(file).get_batch(self.number))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def begin(self) -> bool:
        """Whether nobody began this batch before. A worker that is given it after another gets False."""
        try:
            self._mark("begun").open("x").close()
        except FileExistsError:
            return False
        return not self._mark("lost").exists()

    def finish(self) -> None:
        """Say that the ledger has everything this batch gave."""
        self._mark("done").touch()

    def lose(self) -> None:
        """Say that whoever had it in hand is dead."""
        with contextlib.suppress(FileNotFoundError):
            self._mark("begun").rename(self._mark("lost"))

    @property
    def done(self) -> bool:
        """Whether it was ever finished."""
        return self._mark("done").exists()

    @property
    def in_hand(self) -> bool:
        """Whether a worker has begun and not finished it."""
        return self._mark("begun").exists() and not self.done

    @property
    def stopped(self) -> bool:
        """Whether no more batches of this file shall be begun."""
        return self.beside("stop").exists()

    def beside(self, name: str) -> Path:
        """A file of this name in the work folder."""
        return Path(self.path).with_name(name)

    def _mark(self, state: str) -> Path:
        return self.beside(f"{self.number}.{state}")


@contextmanager
def laid_out(home: Path, run_id: str, batches: Iterable[pl.DataFrame]) -> Iterator[list[Place]]:
    """Write batches of one schema to a work folder of their own; it is removed when the block ends,
    however it ends."""
    sweep((home / "work").glob("*"), KEPT_SECONDS)
    folder = home / "work" / f"{run_id or 'run'}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    try:
        yield _written(folder / "rows.arrow", batches)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(path: Path, batches: Iterable[pl.DataFrame]) -> list[Place]:
    count, writer = 0, None
    with pa.OSFile(str(path), "wb") as file:
        for count, batch in enumerate(batches, 1):  # noqa: B007
            table = batch.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
            writer = writer or pa.ipc.new_file(
                file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
            )
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return [Place(str(path), number) for number in range(count)]
