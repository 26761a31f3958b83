"""A chat's webhook: a real web server on this machine that keeps what it is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T0/B0/very-secret"
"""Path of the address, which nothing may ever print."""


class Webhook:
    """A server that keeps what is posted to it, and answers as it is told."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.status, self.slow = 200, 0.0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(hook.slow)
                hook.posted.append(json.loads(body) | {"path": self.path, "type": self.headers["Content-Type"]})
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """From now on nobody listens there."""
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def listening() -> Iterator[Webhook]:
    """A webhook while the block runs."""
    hook = Webhook()
    try:
        yield hook
    finally:
        hook.close()
