"""A real web server on 127.0.0.1, in a thread of the test: what every loopback server of the tests is made
of."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1, keeps connections open and prints nothing."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def body(self) -> bytes:
        """What came with the request."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        """A whole reply, unless `length` lies. What is neither bytes nor text is sent as JSON."""
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        raw = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        for name, value in (
            {"Content-Type": "application/json", "Content-Length": str(length or len(raw))} | (headers or {})
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class _Threads(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or was killed is what many tests are about."""


class WebServer:
    """Listens while its block runs; `handler` answers and finds this object as its `owner`."""

    handler: ClassVar[type[Handler]]
    path = "/v1"
    """What follows host and port in the address."""

    def __enter__(self) -> Self:
        self._http = _Threads(("127.0.0.1", 0), type("Owned", (self.handler,), {"owner": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """From now on nobody listens there. Closing twice is fine."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}{self.path}"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
