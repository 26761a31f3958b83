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

NAMES = ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
"""What a signal raises: outside of Dagster's steps, and within."""
SOON = 0.05
"""Seconds until a dropped signal comes again: time for the callback that dropped it to end."""


def interrupt_on_signals() -> None:
    """From now on SIGTERM does what Ctrl-C does, a signal that was dropped comes again, and no library logs
    one: warnings go through the handler that Python would take last."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Dagster has it within a run
    sys.unraisablehook = _again
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_no_interrupt)
        logging.root.addHandler(logging.lastResort)  # else Beam's first word makes one without the filter


def _again(dropped: "sys.UnraisableHookArgs") -> None:
    if dropped.exc_type.__name__ in NAMES:
        again = threading.Timer(SOON, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True  # a command that ends meanwhile does not wait for it
        again.start()
    else:
        sys.__unraisablehook__(dropped)


def _no_interrupt(record: logging.LogRecord) -> bool:
    """Whether a log line is about something else than an interrupt, which goes on its way and is told at
    the end."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in NAMES
