"""Standard output and error that cannot fail whoever prints: no night ends because a console has no check
mark.

Set at the first line of every entry point. A character that the stream's encoding lacks becomes `?`; a
stream that was closed before we began takes everything and keeps nothing. Child processes are told the
same by their environment.
"""

import codecs
import os
import sys
from contextlib import suppress
from pathlib import Path

FORGIVING = ("replace", "backslashreplace", "xmlcharrefreplace", "namereplace", "ignore")
"""Error handlers of a stream that write every character somehow."""
CHILDREN = "PYTHONIOENCODING"
"""What Python reads before it opens its streams: `encoding:handler`."""


def forgive() -> None:
    """Let standard output and error take every character from here on, in this process and in those it
    starts."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if (
            stream is None
        ):  # closed: the next file that is opened would get its number, and what a child prints
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure") and stream.errors not in FORGIVING:
            stream.reconfigure(errors="replace")
    encoding, _, handler = os.environ.get(CHILDREN, "").partition(":")
    os.environ[CHILDREN] = f"{encoding}:{handler if handler in FORGIVING else 'replace'}"


def says_everything() -> bool:
    """Whether standard output has every character. Where it has not, what a program will read is escaped:
    a `?` would be lost."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def let_go() -> None:
    """Write out what is left. A reader that has gone, or a full disk, ends no process with a traceback of
    the interpreter's own."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
