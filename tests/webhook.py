"""A chat's webhook: a real web server on this machine that keeps what it is told."""

import json
import time
from typing import Any

from tests import web_server

SECRET = "T0/B0/very-secret"
"""Path of the address, which nothing may ever print."""


class Handler(web_server.Handler):
    """Keeps what is posted, and answers as its owner is told."""

    owner: "Webhook"

    def do_POST(self) -> None:
        body = json.loads(self.body())
        time.sleep(self.owner.slow)
        status = self.owner.refusals.pop(0) if self.owner.refusals else self.owner.status
        told = body | {"path": self.path, "type": self.headers["Content-Type"]}
        self.owner.tried.append(told | {"status": status})
        if status < 400:
            self.owner.posted.append(told)
        self.send(status, b"")


class Webhook(web_server.WebServer):
    """A server that keeps what is posted to it."""

    handler = Handler
    path = f"/{SECRET}"

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        """What was taken."""
        self.tried: list[dict[str, Any]] = []
        """What was sent, with the status it got."""
        self.refusals: list[int] = []
        """Statuses of the next requests, before `status`."""
        self.status, self.slow = 200, 0.0


listening = Webhook
"""A webhook while the block runs."""
