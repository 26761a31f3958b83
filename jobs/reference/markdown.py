"""The little Markdown that the reference pages need."""

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by `make docs` from the code; change the sentence there, not here. -->"


def page(title: str, *parts: str) -> str:
    """A whole page: title, notice, and the parts with one empty line between them."""
    return "\n\n".join([f"# {title}", NOTICE, *(part.strip() for part in parts)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line ends inside a cell are taken care of."""
    lines = [_row(head), "|" + " --- |" * len(head), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"


def code(value: str) -> str:
    """Inline code."""
    return f"`{value}`"


def anchor(heading: str) -> str:
    """The link to a heading of the same page, as GitHub forms it."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in "_- ")
    return "#" + "".join(kept).replace(" ", "-")


def listed(words: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
