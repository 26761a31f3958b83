"""What features of a table of its own are at work: a night's rows as arrays, and the columns they give
candidates.

One class a shape: values of an item or a user, numbers of pairs, lists that are met with lists. Each is
made from frames, dealt by a placebo, kept as arrays and opened from them again; training rows and serving
call the same `columns`. Arrays of items and users have one row more than there are: nobody's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, cast

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from nightshift.errors import SourceError
from nightshift.features.content_spec import Feature
from nightshift.features.history import Floats, Ints, encode
from nightshift.features.rows import Columns, float32
from nightshift.features.specs import Number, OneHot, Overlap, PairScore

Arrays = dict[str, NDArray[Any]]
Names = pl.Series | Sequence[str]
"""Users by id: one for each candidate, or one that all share."""


class Users(Protocol):
    """Numbers of users; `len` of it for one it does not know."""

    def __len__(self) -> int: ...

    def of(self, ids: Any) -> Ints:
        """Number of each."""
        ...


@dataclass(frozen=True)
class Named:
    """Users of a frame."""

    ids: pl.Series

    def __len__(self) -> int:
        return self.ids.len()

    def of(self, ids: Names) -> Ints:
        """Number of each."""
        return encode(pl.Series(ids, dtype=pl.String), self.ids)


@dataclass(frozen=True)
class Dealing:
    """A placebo: whose answers everybody gets."""

    items: Ints
    """(items,) item i gets those of items[i]."""
    users: Mapping[str, tuple[pl.Series, Ints]]
    """By table the users that any night so far wrote about, sorted, and (users,) whose row each gets."""
    seed: tuple[int, int]
    """Seed and number of the dealing, for pairs."""

    @property
    def key(self) -> bytes:
        """Equal for equal dealings."""
        return b"".join([self.items.tobytes(), *(givers.tobytes() for _, givers in self.users.values())])

    def givers_of(self, table: str, users: Users) -> Ints:
        """(users + 1,) number of the giver among a night's users of a table; nobody's for one that the night
        lacks."""
        (known, givers), mine = self.users[table], cast(Named, users).ids
        return np.append(encode(known.gather(givers[encode(mine, known)]), mine), len(mine))

    @property
    def items_and_nobody(self) -> Ints:
        """(items + 1,) the items' givers, the unknown item its own."""
        return np.append(self.items, len(self.items))


class Part(Protocol):
    """One feature of one night."""

    def columns(self, users: Names, item: Ints) -> Columns:
        """Columns (rows,), or (1,) where all rows share the value."""
        ...

    def dealt(self, dealing: Dealing, one: Feature) -> "Part":
        """The same with answers that speak of somebody else."""
        ...

    def arrays(self) -> Arrays:
        """What is kept for serving, beside the users' ids."""
        ...

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """(items,) items it speaks of; None where it speaks of none in particular."""
        ...

    @property
    def users(self) -> Users | None:
        """Users it speaks of; None where it speaks of items only."""
        ...


@dataclass(frozen=True)
class Values:
    """Numbers of items or of users: a number, or ones and zeros of a choice."""

    names: tuple[str, ...]
    """Of the columns; the last says whether they are missing."""
    users: Users | None
    values: Floats
    """(owners + 1, columns) NaN where missing."""

    def columns(self, users: Names, item: Ints) -> Columns:
        """The numbers, and whether they are missing."""
        found = self.values[item if self.users is None else self.users.of(users)]
        named: dict[str, Any] = {name: found[:, place] for place, name in enumerate(self.names[:-1])}
        return named | float32({self.names[-1]: np.isnan(found[:, 0])})

    def dealt(self, dealing: Dealing, one: Feature) -> Self:
        """The numbers of somebody else."""
        giver = (
            dealing.items_and_nobody if self.users is None else dealing.givers_of(one.users_table, self.users)
        )
        return replace(self, values=self.values[giver])

    def arrays(self) -> Arrays:
        """The numbers."""
        return {"values": self.values}

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """(items,) items that have a number."""
        return ~np.isnan(self.values[:-1, 0]) if self.users is None else None


NO_PAIR = np.iinfo(np.int64).max
"""No pair has this key; the last of all keys, so that a search always ends at one."""


@dataclass(frozen=True)
class Pairs:
    """A number of pairs of a user and an item."""

    names: tuple[str, ...]
    users: Users
    stride: int
    """Items, and the one nobody knows."""
    keys: Ints
    """(pairs + 1,) user x stride + item, ascending; the last is no pair's."""
    values: Floats
    """(pairs + 1,)"""

    def columns(self, users: Names, item: Ints) -> Columns:
        """The pair's number, and whether it is missing."""
        wanted = self.users.of(users) * self.stride + item
        place = np.searchsorted(self.keys, wanted)
        found = np.where(self.keys[place] == wanted, self.values[place], np.float32(np.nan))
        return {self.names[0]: found} | float32({self.names[1]: np.isnan(found)})

    def dealt(self, dealing: Dealing, one: Feature) -> Self:
        """Every pair has the number of another item of the same user: of the next in an order that only the
        seed and the items decide. Users with one pair exchange theirs."""
        keys, values = self.keys[:-1], self.values[:-1].copy()
        user, item = keys // self.stride, keys % self.stride
        alone = np.bincount(user, minlength=1)[user] == 1
        lists = np.where(alone, -1, user)
        draw = mixed(np.where(alone, user, item), dealing.seed)
        order = np.lexsort((draw, lists))
        values[order] = self.values[:-1][order[_next(lists[order])]]
        return replace(self, values=np.append(values, np.float32(np.nan)))

    def arrays(self) -> Arrays:
        """Keys and numbers."""
        return {"keys": self.keys, "values": self.values, "stride": np.array([self.stride])}

    @property
    def seen(self) -> None:
        """Pairs are dealt within a user's own, not among items."""


def _next(runs: Ints) -> Ints:
    """(n,) position of the next entry of the same run, the first for the last one."""
    if not len(runs):
        return np.zeros(0, np.int64)
    first = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]])
    last = np.r_[first[1:], len(runs)] - 1
    following = np.arange(1, len(runs) + 1)
    following[last] = first
    return following


def mixed(numbers: Ints, seed: tuple[int, int]) -> NDArray[np.uint64]:
    """A number drawn for each number that depends on it and the seed only (SplitMix64, Steele et al.,
    2014)."""
    begin = np.uint64((seed[0] * 1_000_003 + seed[1] + 1) & 0xFFFFFFFF)
    with np.errstate(over="ignore"):
        state = (numbers.astype(np.uint64) + begin * np.uint64(0x632BE59BD9B4E019)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


@dataclass(frozen=True)
class Lists:
    """Lists of users met with lists of items."""

    names: tuple[str, ...]
    users: Users
    mine: sp.csr_array
    """(users + 1, words) 1 where the user's list has the word."""
    theirs: sp.csr_array
    """(items + 1, words)"""
    known: NDArray[np.bool_]
    """(items + 1,) whether the item has a list."""

    def columns(self, users: Names, item: Ints) -> Columns:
        """Share of the user's list that is in the item's; missing where either side has none."""
        user = self.users.of(users)
        size = np.diff(self.mine.indptr)[user].astype(np.float64)
        wanted = self.theirs[item]
        if len(user) == 1:
            common = wanted @ self.mine[user].toarray()[0]
        else:
            common = np.asarray(self.mine[user].multiply(wanted).sum(axis=1)).ravel()
        missing = (size == 0) | ~self.known[item]
        share = np.where(missing, np.nan, common / np.maximum(size, 1.0))
        return float32({self.names[0]: share, self.names[1]: missing})

    def dealt(self, dealing: Dealing, one: Feature) -> Self:
        """Both sides have the list of somebody else."""
        items = dealing.items_and_nobody
        mine = self.mine[dealing.givers_of(one.users_table, self.users)]
        return replace(self, mine=mine, theirs=self.theirs[items], known=self.known[items])

    def arrays(self) -> Arrays:
        """Both sides as sparse rows."""
        sides = {"mine": self.mine, "theirs": self.theirs}
        kept: Arrays = {"known": self.known, "words": np.array([self.mine.shape[1]])}
        for name, side in sides.items():
            kept |= {f"{name}_start": side.indptr.astype(np.int64), f"{name}_word": side.indices}
        return kept

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(items,) items that have a list."""
        return np.asarray(self.known[:-1])


def part_of(one: Feature, frames: Mapping[str, pl.DataFrame], items: pl.Series) -> Part:
    """A feature of a night from its frames; a table that the night lacks has no rows. Raises SourceError
    for a column of the wrong kind."""
    spec = one.spec
    if isinstance(spec, Overlap):
        return _lists(one, spec, frames, items)
    keys = {"item": ["item_id"], "user": ["user_id"], "pair": ["user_id", "item_id"]}[one.entity]
    assert isinstance(spec, Number | OneHot | PairScore)
    frame = _rows(frames, one.table, keys, spec.column)
    if isinstance(spec, PairScore):
        return _pairs(one, frame, items)
    values = _ones(frame["value"], spec.choices) if isinstance(spec, OneHot) else _numbers(one, frame)
    users = None if one.entity == "item" else Named(frame["user_id"].unique().sort())
    place = encode(frame["item_id"], items) if users is None else users.of(frame["user_id"])
    size = items.len() if users is None else len(users)
    whole = np.full((size + 1, values.shape[1]), np.nan, np.float32)
    whole[place[place < size]] = values[place < size]
    return Values(one.columns, users, whole)


def _rows(frames: Mapping[str, pl.DataFrame], table: str, keys: list[str], column: str) -> pl.DataFrame:
    """Keys and `value` of a table's rows."""
    frame = frames.get(table)
    if frame is None or column not in frame.columns:
        return pl.DataFrame(schema={**dict.fromkeys(keys, pl.String), "value": pl.Null})
    return frame.select(*keys, value=column)


def _numbers(one: Feature, frame: pl.DataFrame) -> Floats:
    """(rows, 1) float32, NaN for null."""
    kind = frame["value"].dtype
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        raise SourceError(
            f"feature {one.spec.kind} reads {one.spec.reads(one.table)[0]}, which holds {kind} and no numbers"
        )
    return frame["value"].cast(pl.Float32).fill_null(float("nan")).to_numpy().reshape(-1, 1)


def _ones(values: pl.Series, choices: tuple[str, ...]) -> Floats:
    """(rows, choices) 1 where the value is the choice; NaN for a value that is none of them."""
    text = values.cast(pl.String)
    ones = np.stack([(text == choice).fill_null(False).to_numpy() for choice in choices], axis=1)
    return np.where(ones.any(1, keepdims=True), ones, np.nan).astype(np.float32)


def _pairs(one: Feature, frame: pl.DataFrame, items: pl.Series) -> Pairs:
    users = Named(frame["user_id"].unique().sort())
    item, values = encode(frame["item_id"], items), _numbers(one, frame)[:, 0]
    known = (item < items.len()) & ~np.isnan(values)
    keys = users.of(frame["user_id"])[known] * (items.len() + 1) + item[known]
    order = np.argsort(keys, kind="stable")
    ends = np.append(keys[order], NO_PAIR), np.append(values[known][order], np.float32(np.nan))
    return Pairs(one.columns, users, items.len() + 1, *ends)


def _lists(one: Feature, spec: Overlap, frames: Mapping[str, pl.DataFrame], items: pl.Series) -> Lists:
    own, other = (one.table, spec.column), (spec.other_table, spec.other_column)
    (user_table, user_column), (item_table, item_column) = (
        (own, other) if one.entity == "user" else (other, own)
    )
    mine = _rows(frames, user_table, ["user_id"], user_column)
    theirs = _rows(frames, item_table, ["item_id"], item_column)
    users = Named(mine["user_id"].unique().sort())
    pairs, others = _words(mine, "user_id"), _words(theirs, "item_id")
    words = pairs["word"].unique().sort()
    item = encode(theirs["item_id"], items)
    known = np.zeros(items.len() + 1, np.bool_)
    known[item[theirs["value"].is_not_null().to_numpy() & (item < items.len())]] = True
    return Lists(
        one.columns,
        users,
        _marks(users.of(pairs["user_id"]), encode(pairs["word"], words), len(users), words.len()),
        _marks(encode(others["item_id"], items), encode(others["word"], words), items.len(), words.len()),
        known,
    )


def _words(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Key and `word`, one row a word of a list."""
    if frame["value"].dtype == pl.Null:
        return pl.DataFrame(schema={key: pl.String, "word": pl.String})
    exploded = frame.select(key, word="value").explode("word").drop_nulls("word")
    return exploded.with_columns(pl.col("word").cast(pl.String)).unique(maintain_order=True)


def _marks(owner: Ints, word: Ints, owners: int, words: int) -> sp.csr_array:
    """(owners + 1, words) 1 where an owner's list has a word; owners and words beyond are left out."""
    known = (owner < owners) & (word < words)
    shape = (owners + 1, max(words, 1))
    marks = sp.csr_array((np.ones(int(known.sum())), (owner[known], word[known])), shape=shape)
    marks.sort_indices()
    return marks


def opened_part(one: Feature, arrays: Mapping[str, NDArray[Any]], users: Users | None) -> Part:
    """A feature back from what `arrays` kept; `users` its users."""
    if isinstance(one.spec, Overlap):
        assert users is not None
        words = int(arrays["words"][0])
        mine, theirs = (_opened_marks(arrays, side, words) for side in ("mine", "theirs"))
        return Lists(one.columns, users, mine, theirs, arrays["known"])
    if isinstance(one.spec, PairScore):
        assert users is not None
        stride = int(arrays["stride"][0])
        return Pairs(one.columns, users, stride, arrays["keys"], arrays["values"])
    return Values(one.columns, users if one.entity == "user" else None, arrays["values"])


def _opened_marks(arrays: Mapping[str, NDArray[Any]], side: str, words: int) -> sp.csr_array:
    start, word = arrays[f"{side}_start"], arrays[f"{side}_word"]
    return sp.csr_array((np.ones(len(word)), word, start), shape=(len(start) - 1, words), copy=False)
