"""From ids to numbers, on arrays that can be memory-mapped: a sorted array of names and the number of
each."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import ArgumentError
from nightshift.features.history import Ints

REMEMBERED = 200_000
"""Looked-up ids kept in a dictionary (about 40 MB); when it is full it starts anew."""


def listed(candidates: Iterable[Hashable]) -> tuple[Hashable, ...]:
    """Candidates as a tuple: a list, an array or a series of ids. Raises ArgumentError for one text, whose
    letters are no ids, and for tables."""
    if isinstance(candidates, str | bytes | bytearray) or len(getattr(candidates, "shape", (1,))) != 1:
        what = f"{candidates!r:.60}" if isinstance(candidates, str | bytes) else type(candidates).__name__
        raise ArgumentError(
            f"candidates are a list of item ids, found {what}; for one item write [item], for a table "
            f"name its column"
        )
    try:
        return tuple(candidates)
    except TypeError as error:
        raise ArgumentError(
            f"candidates are a list of item ids, found {type(candidates).__name__}; for one item write [item]"
        ) from error


class _Seen(dict[Hashable, int]):
    def __missing__(self, name: Hashable) -> int:
        return -1


class Ids:
    """Numbers of ids: `names` (n,) sorted UTF-8 bytes of one width, `numbers` (n,) int32."""

    def __init__(self, names: NDArray[np.bytes_], numbers: NDArray[np.int32]) -> None:
        self.names, self.numbers = names, numbers
        self._seen = _Seen()

    @staticmethod
    def arrays(ids: pl.Series) -> dict[str, NDArray[np.generic]]:
        """What an `Ids` is made of."""
        names = np.array([name.encode() for name in ids.to_list()], dtype=bytes)
        order = np.argsort(names, kind="stable")
        return {"names": names[order], "numbers": order.astype(np.int32)}

    def __len__(self) -> int:
        return len(self.names)

    def of(self, ids: Sequence[Hashable]) -> Ints:
        """Number of each id (n,); `len(self)` for an id that is not known."""
        numbers = np.fromiter(map(self._seen.__getitem__, ids), np.int64, len(ids))
        absent = np.flatnonzero(numbers < 0)
        if len(absent):
            numbers[absent] = self._search([ids[place] for place in absent.tolist()])
        return numbers

    def _search(self, ids: list[Hashable]) -> Ints:
        width = self.names.dtype.itemsize
        raw = [str(name).encode("utf-8", "surrogatepass") for name in ids]
        wanted = np.array([name if len(name) <= width else b"" for name in raw], self.names.dtype)
        place = np.minimum(np.searchsorted(self.names, wanted), max(len(self.names) - 1, 0))
        numbers = np.full(len(ids), len(self), np.int64)
        if len(self):
            found = np.array([a == b for a, b in zip(self.names[place].tolist(), raw, strict=True)], np.bool_)
            numbers[found] = self.numbers[place[found]]
        self._remember(ids, numbers)
        return numbers

    def _remember(self, ids: list[Hashable], numbers: Ints) -> None:
        """Keep what was found; unknown ids are searched again, so that made-up ids cannot fill the memory."""
        if len(self._seen) > REMEMBERED:
            self._seen = _Seen()
        self._seen.update(
            (name, number) for name, number in zip(ids, numbers.tolist(), strict=True) if number < len(self)
        )
