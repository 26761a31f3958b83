"""A signal interrupts a command wherever it arrives, and is told by nobody else."""

import subprocess
import sys

import pytest

from jobs.signals import NAMES
from jobs.stopped import INTERRUPTS

BEGIN = "import logging, os, signal, time, weakref; from jobs.signals import interrupt_on_signals; interrupt_on_signals()\n"
DROPPED = """
class Thing: pass
thing = Thing()
seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.{name}))
del thing
"""
WAITS = """
try:
    time.sleep(30)
except KeyboardInterrupt:
    print('interrupted')
"""


def told(script: str) -> tuple[str, str]:
    """What a Python process prints, and what it complains of."""
    done = subprocess.run([sys.executable, "-c", BEGIN + script], capture_output=True, text=True, timeout=20)
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_a_callback_drops_comes_again(name: str) -> None:
    assert told(DROPPED.format(name=name) + WAITS) == ("interrupted", "")


def test_another_error_of_a_callback_is_still_told() -> None:
    _, complaint = told(
        "class Thing:\n    def __del__(self): raise ValueError('not ours')\nthing = Thing(); del thing"
    )
    assert "ValueError: not ours" in complaint


def test_a_library_that_logs_an_interrupt_prints_nothing() -> None:
    logs = "try:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n    {}"
    assert told(logs.format("logging.getLogger('pool').error('closing', exc_info=True)")) == ("", "")
    assert told("logging.getLogger('pool').error('a plain line')") == ("", "a plain line")
    configures = (
        "logging.warning('a library that sets a handler')\n    logging.error('closing', exc_info=True)"
    )
    assert told(logs.format(configures)) == ("", "a library that sets a handler")


def test_the_names_are_those_of_what_a_signal_raises() -> None:
    assert tuple(interrupt.__name__ for interrupt in INTERRUPTS) == NAMES


def test_a_stopped_command_ends_though_a_thread_would_not() -> None:
    forever = "import threading; from jobs import signals\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    told(forever + "signals.PATIENCE = 0.1\nsignals.end_soon(130)")  # `told` waits 20 seconds at most


def test_a_signal_that_comes_while_a_stopped_command_ends_changes_nothing() -> None:
    again = "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1)"
    script = f"from jobs import signals\nsignals.end_soon(130)\n{again}\nprint('ended')"
    assert told(script) == ("ended", "")
