"""A server with OpenAI's interface on 127.0.0.1: kind by default, and as nasty as a test wants it.

`Loopback(reply)` asks `reply(asked)` what to do with each request; `None` is a proper answer by the echo
model. It keeps its own clock and its own count of requests in flight, so that a test measures what a real
server would see.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nightshift.models.llm.base import Decoding, Request
from nightshift.models.llm.echo import EchoLLM
from tests import web_server


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    number: int
    """0 is the first."""
    at: float
    path: str
    payload: dict[str, Any]
    headers: dict[str, str]

    @property
    def text(self) -> str:
        """The row's own text: the user message, or what follows the last blank line of a completion
        prompt."""
        if "messages" in self.payload:
            return str(self.payload["messages"][-1]["content"])
        return str(self.payload["prompt"]).rpartition("\n\n")[2]


Action = Callable[["Handler", Asked], None]
Behaviour = Callable[[Asked], Action | None]


class Handler(web_server.Handler):
    """Does with each request what the server's owner wants."""

    owner: "Loopback"

    def do_POST(self) -> None:
        asked = self.owner.note(
            self.path, json.loads(self.body()), {name.lower(): value for name, value in self.headers.items()}
        )
        try:
            (self.owner.behaviour(asked) or proper())(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.owner.done()

    def send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        """A client that has its reply may ask again before this method returns."""
        self.owner.done()
        super().send(status, body, headers, length)


class Loopback(web_server.WebServer):
    """The server, as a context manager."""

    handler = Handler

    def __init__(self, behaviour: Behaviour = lambda asked: None) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.most_in_flight = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._busy: set[int] = set()

    def close(self) -> None:
        """Whoever hangs is let go first."""
        self.closing.set()
        super().close()

    def note(self, path: str, payload: dict[str, Any], headers: dict[str, str]) -> Asked:
        with self._lock:
            self._busy.add(threading.get_ident())
            self.most_in_flight = max(self.most_in_flight, len(self._busy))
            asked = Asked(len(self.asked), time.monotonic(), path, payload, headers)
            self.asked.append(asked)
            return asked

    def done(self) -> None:
        with self._lock:
            self._busy.discard(threading.get_ident())


def proper(delay: float = 0.0, usage: Any = "honest", finish: str | None = None, **message: Any) -> Action:
    """A well-formed reply: the echo model's answer, or the message's own `content` and `refusal`."""

    def act(handler: Handler, asked: Asked) -> None:
        time.sleep(delay)
        decoding = Decoding(
            max_new_tokens=asked.payload["max_tokens"], stop=tuple(asked.payload.get("stop", ()))
        )
        (said,) = EchoLLM().answer([Request("", "", asked.text, decoding)])
        written = {"role": "assistant", "content": said.text} | message
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish or said.finish_reason}
        choice |= (
            {"text": written["content"]} if asked.path.endswith("/v1/completions") else {"message": written}
        )
        counted = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.new_tokens}
        reply = {"id": "1", "object": "reply", "choices": [choice]} | (
            {"usage": counted if usage == "honest" else usage} if usage else {}
        )
        handler.send(200, reply)

    return act


def status(code: int, body: Any = "no", **headers: str) -> Action:
    """A plain status; `retry_after` becomes the header Retry-After."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return lambda handler, asked: handler.send(code, json.dumps(body), named)


def raw(body: bytes, length: int | None = None) -> Action:
    """200 with this body; a length that is too long is half a body, after which the connection ends."""

    def act(handler: Handler, asked: Asked) -> None:
        handler.send(200, body, length=length)
        handler.close_connection = True

    return act


def hang(handler: Handler, asked: Asked) -> None:
    """No reply until the server is closed."""
    handler.owner.closing.wait(60)
    handler.close_connection = True


def endless_whitespace(handler: Handler, asked: Asked) -> None:
    """A body that goes on for ever, a few blanks at a time: no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.owner.closing.wait(0.02):
        handler.wfile.write(b"4\r\n    \r\n")
    handler.close_connection = True


def reset(handler: Handler, asked: Asked) -> None:
    """The connection ends with a TCP reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def once(first: Action, then: Action | None = None) -> Behaviour:
    """The first request gets `first`, later ones `then`."""
    return lambda asked: first if asked.number == 0 else then
