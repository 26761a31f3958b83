"""What we know of batch files that a provider works on: one small file a batch in `<home>/batches`,
written before it is sent.

    <intent>.json     which rows it holds, and the provider's id once it is known
    <intent>.jsonl    the lines that came back, kept for KEPT_DAYS: a run that was killed before its ledger
    had them reads them here

No key and no address with a password is ever in them.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from nightshift.errors import IntegrityError

KEPT_DAYS = 7
"""How long a batch that came back is remembered. Within these days its rows are read from disk and never
bought again."""
FORGOTTEN_DAYS = 31
"""After so long a provider has deleted a batch's files, whatever became of it."""


class BatchState(BaseModel, extra="forbid"):
    """One batch. Its rows are known before it is sent; `ended` says that what came back is on disk."""

    intent: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """Unique; sent as metadata, by which a batch is found again whose id never reached us."""
    base_url: str
    endpoint: str
    rows: list[str]
    """The custom ids."""
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    batch_id: str | None = None
    """The provider's id; None until its reply was written down here."""
    ended: str | None = None
    """Final status, or `vanished`; None while it is worked on."""
    reason: str = ""
    """What the provider said of a batch that did not complete."""


class BatchFolder:
    """The states of one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time decides what to send, so that two runs never send the same row."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def states(self, base_url: str) -> list[BatchState]:
        """Batches of this server, oldest first. Raises IntegrityError for a file that cannot be read: it
        may stand for money."""
        found = [_read(path) for path in self.folder.glob("*.json")]
        return sorted(
            (state for state in found if state and state.base_url == base_url),
            key=lambda state: state.created_at,
        )

    def save(self, state: BatchState) -> None:
        """On disk for good when this returns."""
        self._write(f"{state.intent}.json", state.model_dump_json(indent=1))

    def keep_lines(self, state: BatchState, lines: str) -> None:
        """What came back, before the state says so."""
        self._write(f"{state.intent}.jsonl", lines)

    def lines(self, state: BatchState) -> str:
        """What came back; nothing when nothing did."""
        path = self.folder / f"{state.intent}.jsonl"
        return path.read_text("utf-8") if path.exists() else ""

    def forget(self, state: BatchState) -> None:
        """Remove the state and its lines."""
        for suffix in (".json", ".jsonl"):
            (self.folder / (state.intent + suffix)).unlink(missing_ok=True)

    def sweep(self, states: list[BatchState], now: datetime) -> list[BatchState]:
        """The states that still matter; the others are removed."""
        old = {
            state.intent
            for state in states
            if now - state.created_at > timedelta(days=KEPT_DAYS if state.ended else FORGOTTEN_DAYS)
        }
        for state in states:
            if state.intent in old:
                self.forget(state)
        return [state for state in states if state.intent not in old]

    def _write(self, name: str, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{name}.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(path: Path) -> BatchState | None:
    try:
        return BatchState.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None  # another run has swept it
    except ValueError as error:
        raise IntegrityError(
            f"{path} cannot be read and may stand for a batch that was paid for: look up the batch "
            f"whose metadata says "
            f"{path.stem} at the provider, then remove the file"
        ) from error
