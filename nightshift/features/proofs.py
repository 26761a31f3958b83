"""Proofs that no feature knows the future. They run in the tests and as blocking checks of every build.

- recompute: rows are rebuilt from events cut strictly before their moment. Their own event, its ties and
  all that follows are simply not there, so a feature that reads a label, a tie or a whole-table statistic
  cannot come out the same.
- future shuffle: items and labels of all events from a moment on are dealt anew; rows and nightly tables
  before it must not change in a single bit.

- fits: what was learnt until a moment comes out the same when everything from that moment on is dealt anew
  (`fit_differences`), and no night reads a fit that is as young as itself (`fit_birthdays`).

All name the feature, the row and the two values. A build without a difference gives an empty list. For
implicit feedback, `recompute` also finds the candidates of the sampled lists anew, from the same cut
events, and compares item by item.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.builder import Builder
from nightshift.features.examples import ExampleInputs, asked_rows, build_features
from nightshift.features.rows import Columns
from nightshift.features.settings import ExampleSettings
from nightshift.tables import MOMENT

LISTED = 20_000
"""Rows of candidates that the future shuffle rebuilds; lists of shown rows are all rebuilt."""

NightTable = Callable[[pl.DataFrame], pl.DataFrame]
"""Interactions in, a nightly table out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that depends on what it may not know."""

    feature: str
    row: str
    stored: float
    rebuilt: float

    def __str__(self) -> str:
        return (
            f"{self.feature} of {self.row} is {self.stored!r}, but {self.rebuilt!r} without what came later"
        )


def recompute(
    inputs: ExampleInputs,
    settings: ExampleSettings | None,
    examples: pl.DataFrame,
    sample: int = 50,
    seed: int = 0,
    builder: Builder | None = None,
) -> list[Difference]:
    """Rebuild a random sample of `examples` from events strictly before each row's moment; every
    difference, row by row.

    `builder` reuses the nights' content of a build; collaborative fits are reused only for byte-equal events.
    """
    settings = settings or ExampleSettings()
    builder = builder or inputs.builder(settings)
    if not examples.height:
        return []
    drawn = examples.sample(min(sample, examples.height), seed=seed).sort(
        "timestamp", "user_id", "item_id", "group_id"
    )
    features = [name for name in examples.columns if "__" in name]
    asked = asked_again(examples) if inputs.implicit else asked_rows(inputs.interactions)
    found: list[Difference] = []
    for row in drawn.iter_rows(named=True):
        mine = asked.filter(pl.col("group_id") == row["group_id"])
        found += _recompute_list(inputs, builder, mine, row, features)
        found += _recompute_candidates(inputs, builder, mine, settings.seed) if inputs.implicit else []
    return found


def asked_again(examples: pl.DataFrame) -> pl.DataFrame:
    """The rows of lists of candidates as they were asked for, without their features."""
    rows = examples.select("user_id", "item_id", "timestamp", "label", "group_id", "split", "retrieved")
    return rows.with_columns(moment=pl.col("timestamp").cast(MOMENT).to_physical(), real_list=pl.lit(False))


def _recompute_candidates(
    inputs: ExampleInputs, builder: Builder, mine: pl.DataFrame, seed: int
) -> list[Difference]:
    """Candidates of one list that are not those of events before its moment alone; what was chosen is
    known, the rest is not."""
    from nightshift.features.candidates.lists import listed, lists_of

    assert builder.stage is not None
    past = builder.log(inputs.interactions.filter(pl.col("timestamp") < mine["timestamp"].min()))
    chosen = mine.filter(pl.col("label") > 0.5)
    lists = lists_of(mine.select("user_id", "item_id", "timestamp", "moment", "group_id", "split"))
    rebuilt = listed(past, lists, chosen, builder, builder.stage, seed)
    key = ["item_id", "label", "retrieved"]
    both = mine.select(*key, stored=pl.lit(1.0)).join(
        rebuilt.select(*key, rebuilt=pl.lit(1.0)), on=key, how="full", coalesce=True
    )
    wrong = both.filter(pl.col("stored").is_null() | pl.col("rebuilt").is_null()).fill_null(0.0)
    return [
        Difference("candidate", f"{mine['group_id'][0]}, item {item}", was, now)
        for item, _, _, was, now in wrong.iter_rows()
    ]


def _recompute_list(
    inputs: ExampleInputs, builder: Builder, asked: pl.DataFrame, row: dict[str, object], features: list[str]
) -> list[Difference]:
    """The differences of one row, its whole list rebuilt from the past alone; the list is known, its
    labels are not."""
    moment = pl.lit(asked["moment"].min()).cast(MOMENT)
    past = inputs.interactions.filter(pl.col("timestamp") < moment)
    rebuilt = build_features(builder.log(past), asked, builder)
    mine = [pl.col(name) == row[name] for name in ("user_id", "item_id", "timestamp")]
    place = asked.with_row_index("place").filter(mine)["place"].item()
    values = {
        name: rebuilt[name][[place]] if name in rebuilt else np.full(1, np.nan, np.float32)
        for name in features
    }
    stored = {name: np.array([row[name]], np.float32) for name in features}
    return _differences(stored, values, [f"user {row['user_id']}, item {row['item_id']}, {row['timestamp']}"])


def _differences(stored: Columns, rebuilt: Columns, rows: list[str]) -> list[Difference]:
    """Values that are not equal bit for bit, NaN being equal to NaN."""
    found = []
    for name, values in stored.items():
        for place in np.flatnonzero(
            ~((values == rebuilt[name]) | (np.isnan(values) & np.isnan(rebuilt[name])))
        ):
            found.append(Difference(name, rows[place], float(values[place]), float(rebuilt[name][place])))
    return found


def shuffled_future(interactions: pl.DataFrame, moment: datetime, seed: int = 0) -> pl.DataFrame:
    """The same events before a moment; from it on, items and labels dealt to other events and labels
    flipped at random."""
    later = pl.col("timestamp") >= pl.lit(moment).cast(MOMENT)
    before, after = interactions.filter(~later), interactions.filter(later)
    random = np.random.default_rng(seed)
    dealt, flips = random.permutation(after.height), random.random(after.height) < 0.5
    labels = np.where(flips, 1.0 - after["label"].to_numpy(), after["label"].to_numpy())
    changed = after.with_columns(after["item_id"].gather(dealt), pl.Series("label", labels, dtype=pl.Float32))
    return pl.concat([before, changed])


def future_shuffle(
    inputs: ExampleInputs,
    settings: ExampleSettings | None,
    moment: datetime,
    seed: int = 0,
    builder: Builder | None = None,
    examples: pl.DataFrame | None = None,
) -> list[Difference]:
    """Build the rows up to `moment` twice, the second time with everything from `moment` on dealt anew;
    every difference.

    For implicit feedback the rows are those of `examples`, as many whole lists as hold some LISTED rows.
    """
    builder = builder or inputs.builder(settings or ExampleSettings())
    limit = pl.lit(moment).cast(MOMENT).to_physical()
    asked = (
        asked_rows(inputs.interactions) if examples is None or not inputs.implicit else asked_again(examples)
    )
    asked = asked.filter(pl.col("moment") <= limit)
    asked = _some_lists(asked, seed) if inputs.implicit else asked
    asked = asked.filter(pl.Series(builder.night_of(asked["moment"].to_numpy()) >= 0, dtype=pl.Boolean))
    if not asked.height:
        return []
    stored = build_features(builder.log(inputs.interactions), asked, builder)
    rebuilt = build_features(builder.log(shuffled_future(inputs.interactions, moment, seed)), asked, builder)
    rows = [
        f"user {user}, item {item}, {when}"
        for user, item, when in asked.select("user_id", "item_id", "timestamp").iter_rows()
    ]
    return _differences(stored, rebuilt, rows)


def _some_lists(asked: pl.DataFrame, seed: int) -> pl.DataFrame:
    """A random sample of whole lists with about LISTED rows."""
    sizes = (
        asked.group_by("group_id", maintain_order=True).len().sample(fraction=1.0, shuffle=True, seed=seed)
    )
    kept = sizes.filter(pl.col("len").cum_sum() <= max(LISTED, sizes["len"].head(1).sum()))
    return asked.join(kept, on="group_id", how="semi", maintain_order="left")


def night_shuffle(
    table: NightTable, interactions: pl.DataFrame, as_of: date, seed: int = 0
) -> list[Difference]:
    """Build a nightly table twice, the second time with all events from the night's 00:00 UTC on dealt
    anew; every difference."""
    stored = table(interactions)
    rebuilt = table(shuffled_future(interactions, datetime(as_of.year, as_of.month, as_of.day), seed))
    key = stored.columns[0]
    if not stored[key].equals(rebuilt[key]):
        return [Difference(key, "the whole table", float(stored.height), float(rebuilt.height))]
    names = [name for name in stored.columns if name != key]
    return _differences(
        _arrays(stored, names), _arrays(rebuilt, names), [f"{key} {value}" for value in stored[key]]
    )


def _arrays(frame: pl.DataFrame, names: list[str]) -> Columns:
    return {name: frame[name].cast(pl.Float32).to_numpy() for name in names}


@dataclass(frozen=True, slots=True)
class TooYoung(Difference):
    """A fit that a night may not read; its moments are seconds since 1970."""

    def __str__(self) -> str:
        until, night = (datetime.fromtimestamp(value, UTC) for value in (self.stored, self.rebuilt))
        return f"{self.feature} of {self.row} is {until:%Y-%m-%d %H:%M}, not before {night:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class Mixed(Difference):
    """Rows of one night that come from two fits: two versions of a space cannot be compared."""

    def __str__(self) -> str:
        one, other = (datetime.fromtimestamp(value, UTC) for value in (self.stored, self.rebuilt))
        return f"{self.feature} of {self.row} is {one:%Y-%m-%d %H:%M} and {other:%Y-%m-%d %H:%M}: two fits"


def fit_differences(
    name: str, stored: Mapping[str, NDArray[Any]], rebuilt: Mapping[str, NDArray[Any]]
) -> list[Difference]:
    """What a fit has otherwise than the same fit without its future, by the name of its enrichment."""
    found = [Difference(f"{name}: {array}", "the fit", 1.0, 0.0) for array in sorted({*stored} ^ {*rebuilt})]
    for array in sorted({*stored} & {*rebuilt}):
        found += _array_differences(f"{name}: {array}", np.asarray(stored[array]), np.asarray(rebuilt[array]))
    return found


def _array_differences(name: str, stored: NDArray[Any], rebuilt: NDArray[Any]) -> list[Difference]:
    if stored.shape != rebuilt.shape:
        return [Difference(name, "its size", float(stored.size), float(rebuilt.size))]
    same = stored == rebuilt
    if stored.dtype.kind == "f" and rebuilt.dtype.kind == "f":
        same |= np.isnan(stored) & np.isnan(rebuilt)
    numeric = stored.dtype.kind in "biuf" and rebuilt.dtype.kind in "biuf"
    values = (stored, rebuilt) if numeric else (np.ones(stored.shape), np.zeros(stored.shape))
    return [
        Difference(
            name, f"place {', '.join(map(str, place))}", *(float(each[tuple(place)]) for each in values)
        )
        for place in np.argwhere(~same).tolist()
    ]


def fit_shuffle(
    name: str,
    fit: Callable[[pl.DataFrame], Mapping[str, NDArray[Any]]],
    interactions: pl.DataFrame,
    fitted_until: datetime,
    seed: int = 0,
) -> list[Difference]:
    """Fit twice, the second time with all events at or after `fitted_until` dealt anew; every difference."""
    return fit_differences(name, fit(interactions), fit(shuffled_future(interactions, fitted_until, seed)))


def fit_birthdays(
    name: str, tables: Mapping[date, pl.DataFrame], column: str = "fitted_until"
) -> list[Difference]:
    """Nights whose rows of a fitted table come from a fit that is not older than the night, or from two."""
    found: list[Difference] = []
    for night, frame in sorted(tables.items()):
        moments = frame[column].unique().sort().dt.epoch("us").to_list() if frame.height else []
        begins = datetime.combine(night, time(), UTC).timestamp()
        seconds = [moment / 1e6 for moment in moments]
        of, row = f"{name}.{column}", f"the night {night}"
        found += [TooYoung(of, row, until, begins) for until in seconds if until >= begins]
        found += [Mixed(of, row, seconds[0], until) for until in seconds[1:]]
    return found
