"""Ctrl-C and SIGTERM in a command: both interrupt it, and neither is lost or told as a traceback by a place
that cannot raise.

A signal is raised wherever Python happens to be. In a weak reference's callback or a `__del__` it is printed
and dropped: the night would run on.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

NAMES = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
"""What a signal raises: outside of Dagster's steps, and within."""
SOON = 0.05
"""Seconds until a dropped signal comes again: time for the callback that dropped it to end."""

PATIENCE = 10.0
"""Seconds that threads have to end after a command was stopped."""


def interrupt_on_signals() -> None:
    """From now on SIGTERM does what Ctrl-C does, a signal that was dropped comes again, and no library logs
    one: warnings go through the handler that Python would take last."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Dagster has it within a run
    sys.unraisablehook = _again
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_no_interrupt)
        logging.root.addHandler(logging.lastResort)  # else Beam's first word makes one without the filter


def end_soon(code: int) -> None:
    """End this process with the code, however long a library's threads would go on after an interrupt.
    Further signals change nothing."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    _in_the_background(PATIENCE, os._exit, code)


def _in_the_background(seconds: float, do: Callable[..., object], *arguments: object) -> None:
    """Do it after so many seconds, unless the process has ended by then."""
    timer = threading.Timer(seconds, do, arguments)
    timer.daemon = True
    timer.start()


def _again(dropped: "sys.UnraisableHookArgs") -> None:
    if dropped.exc_type.__name__ in NAMES:
        _in_the_background(SOON, os.kill, os.getpid(), signal.SIGINT)
    else:
        sys.__unraisablehook__(dropped)


def _no_interrupt(record: logging.LogRecord) -> bool:
    """Whether a log line is about something else than an interrupt, which goes on its way and is told at
    the end."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in NAMES
