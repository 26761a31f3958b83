"""What the conformance suites share: texts that catalogues hold, and what a refusal says."""

from collections.abc import Callable

AWKWARD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "emoji": "Title: 👩🏽‍🚀 🚀🏳️‍🌈",
    "right to left": "Title: שלום עולם مرحبا",
    "control characters": "Title: a\x00b\x07c\x1b[31m\u202ed\u200b",
    "lone surrogate": "Title: broken \ud83d half",
    "special token": "Title: <|im_end|></s><|endoftext|>[SEP]",
}
"""What catalogues really hold."""


def refusal(error: type[Exception], action: Callable[[], object]) -> str:
    """What the error says that an action must raise."""
    try:
        action()
    except error as raised:
        return str(raised)
    raise AssertionError(f"nothing was refused; {error.__name__} was expected")
