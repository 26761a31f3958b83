"""Tables for people in a terminal of any width: no number is ever cut, and none is wrapped.

Columns that have no room beside the others stand below them, under the same names of the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

WIDE, NARROW = 3, 2
"""Characters between columns: three, or two where that puts all of them into one table."""
EDGE = 1
"""Characters that a table takes beside its columns."""
WORDS = 40
"""Characters after which a column of words may be folded."""


def stacked(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    title: str | None = None,
    keys: int = 1,
    words: Sequence[str] = (),
) -> Group:
    """A table of names and rows (markup) that fits into a width, where need be as several, one below the
    other.

    The first `keys` columns name a row and stand in each of them. These and the columns `words` may be
    folded; all others are numbers.
    """
    widths = [width_of([name, *(row[place] for row in rows)]) for place, name in enumerate(names)]
    widths = [min(wide, WORDS) if name in words else wide for name, wide in zip(names, widths, strict=True)]
    shown, gap = list[Grid](), NARROW if sum(widths) + len(widths) * WIDE + EDGE > width else WIDE
    for block in blocks_of(widths, width, keys, gap):
        grid = Grid(
            title=None if shown else title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, gap - NARROW)
        )
        for place in block:
            text = place < keys or names[place] in words
            grid.add_column(
                names[place], justify="left" if text else "right", no_wrap=not text, overflow="fold"
            )
        for row in rows:
            grid.add_row(*(row[place] for place in block))
        shown.append(grid)
    return Group(*shown)


def width_of(cells: Iterable[str]) -> int:
    """Characters of the longest line, without markup.

    >>> width_of(["llm -\\nbase", "[bold]+1.2[/bold]"])
    5
    """
    return max((line.cell_len for cell in cells for line in Text.from_markup(cell).split()), default=0)


def blocks_of(widths: Sequence[int], width: int, keys: int = 1, gap: int = NARROW) -> Iterator[list[int]]:
    """Numbers of the columns of each table: the keys, and as many others as fit beside them, at least one.

    >>> list(blocks_of([10, 6, 6, 6], 37)), list(blocks_of([10, 6, 6, 6], 36))
    ([[0, 1, 2, 3]], [[0, 1, 2], [0, 3]])
    """
    room = width - EDGE - sum(widths[:keys]) - keys * gap
    block, left = list[int](), room
    for number, wide in enumerate(widths[keys:], start=keys):
        if block and wide + gap > left:
            yield [*range(keys), *block]
            block, left = [], room
        block.append(number)
        left -= wide + gap
    yield [*range(keys), *block]


def without(widths: Mapping[str, int], width: int, spared: Sequence[str]) -> list[str]:
    """Names of the columns that fit into a width; those in `spared` go first, in their order.

    >>> without({"table": 10, "bar": 12, "rows": 6}, 30, ("bar",))
    ['table', 'rows']
    """
    kept = list(widths)
    for name in spared:
        if sum(widths[each] + WIDE for each in kept) <= width:
            break
        kept.remove(name)
    return kept


def bullets(lines: Iterable[str]) -> Grid:
    """Plain sentences, one a bullet, the further lines of each under its first."""
    grid = Grid.grid(padding=(0, 1, 0, 0))
    for line in lines:
        grid.add_row("•", Text(line))
    return grid
