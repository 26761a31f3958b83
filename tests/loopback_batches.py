"""A provider's batch interface on 127.0.0.1: `/files` and `/batches`, answered by the echo model, and as
unreliable as a test wants it.

Files and batches are kept by the object, not by its server thread: a `Provider` that is left and entered
again on the same port is the same provider, as real ones are for a client that was killed.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.echo import EchoLLM
from tests import web_server

Row = dict[str, Any]


@dataclass
class Fate:
    """What becomes of a batch."""

    polls: int = 1
    """Looks at which it is still worked on."""
    status: str = "completed"
    answered: Callable[[int], bool] = lambda place: True
    """Which rows, by place, are in the output file."""
    failed: Callable[[int], bool] = lambda place: False
    """Which rows are in the error file."""
    lines: Callable[[list[str]], list[str]] = lambda lines: lines
    """The output file's last change."""
    refusal: str | None = None
    """Why validation fails."""


@dataclass
class Batch:
    """One batch, as the provider keeps it."""

    id: str
    input_file_id: str
    endpoint: str
    metadata: dict[str, str]
    fate: Fate
    created_at: float = field(default_factory=time.time)
    looks: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None

    def told(self, status: str, rows: int) -> Row:
        errors = (
            {"object": "list", "data": [{"message": self.fate.refusal, "code": "invalid"}]}
            if status == "failed"
            else None
        )
        return {
            "id": self.id, "object": "batch", "endpoint": self.endpoint, "input_file_id": self.input_file_id, "completion_window": "24h",
            "status": status, "created_at": int(self.created_at), "metadata": self.metadata, "errors": errors,
            "output_file_id": self.output_file_id, "error_file_id": self.error_file_id,
            "request_counts": {"total": rows, "completed": 0, "failed": 0},
        }  # fmt: skip


class Handler(web_server.Handler):
    """Notes what is asked, and lets the owner's `before` and `after` spoil it."""

    owner: "Provider"

    def do_POST(self) -> None:
        self._serve("POST")

    def do_GET(self) -> None:
        self._serve("GET")

    def _serve(self, verb: str) -> None:
        body = self.body()
        path = self.path.partition("?")[0].removeprefix("/v1")
        self.owner.asked.append(f"{verb} {path}")
        self.owner.keys.append(self.headers.get("Authorization", ""))
        if (before := self.owner.before(verb, path)) is not None:
            return self.send(*before)
        status, reply = self.owner.handle(verb, path, body)
        if (after := self.owner.after(verb, path)) is not None:
            return self.send(*after)
        return self.send(status, reply)


class Provider(web_server.WebServer):
    """The provider, as a context manager. `fates` are those of its batches, in order; the last one
    repeats."""

    handler = Handler

    def __init__(self, *fates: Fate) -> None:
        self.fates = list(fates) or [Fate()]
        self.files: dict[str, str] = {}
        self.batches: list[Batch] = []
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.before: Callable[[str, str], tuple[int, Any] | None] = lambda verb, path: None
        """A reply in place of doing anything."""
        self.after: Callable[[str, str], tuple[int, Any] | None] = lambda verb, path: None
        """A reply in place of the true one, after the deed."""
        self._lock = threading.Lock()

    def rows(self, batch: Batch) -> list[Row]:
        return [json.loads(line) for line in self.files[batch.input_file_id].splitlines()]

    def sent(self) -> list[str]:
        """Custom ids of all batches, in order: what is paid for."""
        return [row["custom_id"] for batch in self.batches for row in self.rows(batch)]

    def handle(self, verb: str, path: str, body: bytes) -> tuple[int, Any]:
        with self._lock:
            if verb == "POST":
                return 200, self._upload(body) if path == "/files" else self._create(json.loads(body))
            if path == "/batches":
                listed = [batch.told("in_progress", 0) for batch in reversed(self.batches)]
                return 200, {"object": "list", "data": listed, "has_more": False}
            if path.startswith("/files/"):
                return self._content(path.split("/")[2])
            return self._look(path.split("/")[2])

    def _upload(self, body: bytes) -> Row:
        name = f"file-{len(self.files)}"
        found = re.search(rb'name="file"; filename="[^"]*"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', body, re.S)
        assert found is not None, body[:300]
        self.files[name] = found[1].decode()
        return {
            "id": name,
            "object": "file",
            "purpose": "batch",
            "bytes": len(found[1]),
            "filename": "x",
            "created_at": 1,
            "status": "processed",
        }

    def _create(self, asked: Row) -> Row:
        fate = self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        self.batches.append(
            Batch(
                f"batch_{len(self.batches)}",
                asked["input_file_id"],
                asked["endpoint"],
                asked.get("metadata") or {},
                fate,
            )
        )
        return self.batches[-1].told("validating", 0)

    def _content(self, name: str) -> tuple[int, Any]:
        return (
            (200, self.files[name]) if name in self.files else (404, {"error": {"message": "no such file"}})
        )

    def _look(self, name: str) -> tuple[int, Any]:
        batch = next((batch for batch in self.batches if batch.id == name), None)
        if batch is None:
            return 404, {"error": {"message": "no such batch"}}
        batch.looks += 1
        rows = self.rows(batch)
        if batch.looks <= batch.fate.polls:
            return 200, batch.told("in_progress", len(rows))
        self._finish(batch, rows)
        return 200, batch.told(batch.fate.status, len(rows))

    def _finish(self, batch: Batch, rows: list[Row]) -> None:
        fate = batch.fate
        output = fate.lines(
            [
                answered(row)
                for place, row in enumerate(rows)
                if fate.answered(place) and not fate.failed(place)
            ]
        )
        errors = [refused(row) for place, row in enumerate(rows) if fate.failed(place)]
        if output and fate.refusal is None:
            batch.output_file_id = f"out-{batch.id}"
            self.files[batch.output_file_id] = "\n".join(output) + "\n"
        if errors:
            batch.error_file_id = f"err-{batch.id}"
            self.files[batch.error_file_id] = "\n".join(errors) + "\n"


def answered(row: Row) -> str:
    """A line of the output file."""
    body = row["body"]
    text = body["messages"][-1]["content"] if "messages" in body else body["prompt"].rpartition("\n\n")[2]
    (said,) = EchoLLM().answer(
        [Request("", "", text, Decoding(max_new_tokens=body["max_tokens"], stop=tuple(body.get("stop", ()))))]
    )
    choice: Row = {"index": 0, "finish_reason": said.finish_reason}
    choice |= (
        {"message": {"role": "assistant", "content": said.text}}
        if "messages" in body
        else {"text": said.text}
    )
    reply = {
        "choices": [choice],
        "usage": {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.new_tokens},
    }
    return json.dumps(
        {
            "id": "x",
            "custom_id": row["custom_id"],
            "response": {"status_code": 200, "body": reply},
            "error": None,
        }
    )


def refused(row: Row) -> str:
    """A line of the error file."""
    body = {"error": {"message": "the model is overloaded", "code": "server_error"}}
    return json.dumps(
        {
            "id": "x",
            "custom_id": row["custom_id"],
            "response": {"status_code": 500, "body": body},
            "error": None,
        }
    )
