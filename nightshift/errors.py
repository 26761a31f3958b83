"""Every exception Nightshift raises on purpose, and the exit code a command ends with.

NightshiftError                   1
├── InputError                    2   what the user gave us is wrong: the message names the place and the fix
│   ├── ConfigError                   nightshift.yaml, an override, an option
│   ├── SourceError                   a file, column, row or value of the sources
│   └── ArgumentError                 what a function of the library was given (a TypeError as well)
├── TableError                    1   a frame that does not fit its table's schema (a bug, or a foreign file)
├── IntegrityError                1   bytes that are not what their sha256 says
├── ModelUnavailable              1   weights, a server or an optional package that is not there
├── VectorMismatch                1   vectors of two encoders, revisions or dimensions met
├── RejectedAnswer                -   one bad answer; becomes a row of `rejects`, never ends a night by itself
├── NightFailed                   1   a blocking check failed or too many rows were rejected
└── NightStopped                130   somebody stopped the run: Ctrl-C, or a signal
"""

import difflib
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

RejectReason = Literal[
    "refusal",
    "empty",
    "not_json",
    "schema",
    "unknown_tag",
    "too_long",
    "ungrounded",
    "repetition",
    "repeated",
    "server",
    "waiting",
]


class NightshiftError(Exception):
    """Root of every exception raised on purpose."""

    exit_code = 1


class InputError(NightshiftError):
    """The configuration or the data given to us is wrong."""

    exit_code = 2


class ConfigError(InputError):
    """nightshift.yaml, an environment override or a command option is wrong."""


class SourceError(InputError):
    """A source file, column, row or value is wrong."""


class ArgumentError(InputError, TypeError):
    """A function of the library was given something of another kind than it takes."""


class TableError(NightshiftError):
    """A frame does not fit the schema of its table."""


class IntegrityError(NightshiftError):
    """Bytes differ from what their sha256 promised."""


class ModelUnavailable(NightshiftError):
    """Weights, a server or an optional package cannot be had; the message says how to get it."""

    kept: Sequence[Any] = ()
    """Answers that were had, and paid, before it stopped: they are stored all the same."""


class VectorMismatch(NightshiftError):
    """Vectors of different encoders, revisions or dimensions were about to be mixed."""


class NightFailed(NightshiftError):
    """A blocking check failed, or more rows were rejected than the settings allow."""


class NightStopped(NightshiftError):
    """Somebody stopped the run, by Ctrl-C or a signal; the message says what is stored and how to go on."""

    exit_code = 130


class RejectedAnswer(NightshiftError):
    """A model's answer that is not accepted, with the reason that goes into `rejects`."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, whatever the case; None where none is near.

    >>> nearest("PLN", ["plan", "run"]), nearest("xyz", ["plan", "run"])
    ('plan', None)
    """
    written = {one.lower(): one for one in known}
    near = difflib.get_close_matches(word.lower(), written, n=1)
    return written[near[0]] if near else None


def meant(word: str, known: Collection[str], listed: str = "there are") -> str:
    """The end of a message about a wrong word: the nearest known one, else all of them.

    >>> meant("pln", ["plan", "run"]), meant("xyz", ["plan", "run"])
    ("did you mean 'plan'?", 'there are plan, run')
    """
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else f"{listed} {', '.join(known)}"


def meant_of_all(word: str, known: Collection[str]) -> str:
    """`meant`, and all known ones in any case.

    >>> meant_of_all("pln", ["plan", "run"])
    "did you mean 'plan'? there are plan, run"
    """
    near = nearest(word, known)
    listed = f"there are {', '.join(known)}"
    return f"did you mean {near!r}? {listed}" if near else listed
