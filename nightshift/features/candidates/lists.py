"""Lists of implicit feedback: at every moment a user chose something, what could have been shown instead.

A list is one user at one moment: the candidates of the stage, label 1 for what the user chose then, 0 for
the rest. A chosen item that no source found is missed. In training and validation a list without a found
item is left out (added by hand, the item would be known by the sources that did not find it), and of the
others a seeded sample is kept; a test list is whole, and its missed items are rows with `retrieved` false:
every metric counts them as ranked infinitely low.

Draws depend on the seed, the user and the moment alone, never on what else is in the log.
"""

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.features.builder import Builder
from nightshift.features.candidates.asked import Asked, asked_at
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.candidates.stage import Stage
from nightshift.features.history import EventLog, Ints, encode, without_duplicates
from nightshift.tables import MOMENT

Mixed = NDArray[np.uint64]


def moments(interactions: pl.DataFrame, repeats: bool) -> pl.DataFrame:
    """What users chose and when, one row a chosen item: user_id, item_id, timestamp, moment (int,
    microseconds), group_id.

    Only positive events; an item that its user had met before is no choice unless repeats count.
    """
    events = without_duplicates(interactions)
    if not repeats:
        events = events.filter(pl.col("timestamp") == pl.col("timestamp").min().over("user_id", "item_id"))
    moment = pl.col("timestamp").cast(MOMENT).to_physical()
    named = events.filter(pl.col("label") > 0.5).with_columns(
        moment=moment, group_id=pl.format("{}|{}", "user_id", moment)
    )
    return named.select("user_id", "item_id", "timestamp", "moment", "group_id")


def lists_of(chosen: pl.DataFrame) -> pl.DataFrame:
    """One row a moment, without the items."""
    return chosen.drop("item_id").unique("group_id", maintain_order=True)


def drawn(group_ids: pl.Series, seed: int) -> Mixed:
    """A number for each list that depends on its name and the seed only."""
    digests = [hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=8).digest() for name in group_ids]
    return np.frombuffer(b"".join(digests), np.uint64)


def chosen_lists(lists: pl.DataFrame, settings: CandidateSettings, seed: int) -> pl.DataFrame:
    """The lists that are built: of each split the ones with the smallest draws."""
    most = {"train": settings.train_lists, "valid": settings.valid_lists, "test": settings.test_lists}
    placed = lists.with_columns(draw=pl.Series(drawn(lists["group_id"], seed)))
    kept = [placed.filter(pl.col("split") == split).sort("draw").head(count) for split, count in most.items()]
    return pl.concat(kept).sort("moment", "user_id")


def listed(
    log: EventLog, lists: pl.DataFrame, targets: pl.DataFrame, builder: Builder, stage: Stage, seed: int
) -> pl.DataFrame:
    """Rows of the lists: user_id, item_id, timestamp, moment, group_id, split, label, retrieved; by
    moment, user, item.

    `lists` has one row a moment, `targets` one a chosen item; events of `log` at or after a moment do not
    touch its list.
    """
    asked = asked_at(log, lists["user_id"], lists["moment"].to_numpy())
    place, item = _union(asked, builder, stage)
    wanted_place = targets.join(
        lists.with_row_index("place").select("group_id", "place"), on="group_id", maintain_order="left"
    )
    wanted = _pair(wanted_place["place"].to_numpy(), encode(wanted_place["item_id"], log.items), log)
    found = _pair(place, item, log)
    label, missed = np.isin(found, wanted), np.setdiff1d(wanted, found)
    training = lists["split"].to_numpy() != "test"
    kept = _kept(place, item, label, training, drawn(lists["group_id"], seed + 1), stage.settings.negatives)
    missed = missed[~training[missed // log.items.len()]]
    pairs = np.concatenate([found[kept], missed])
    rows = lists[pairs // log.items.len()].with_columns(
        item_id=log.items.gather(pairs % log.items.len()),
        label=pl.Series(np.concatenate([label[kept], np.ones(len(missed), np.bool_)]), dtype=pl.Float32),
        retrieved=pl.Series(np.arange(len(pairs)) < int(kept.sum())),
    )
    return rows.sort("moment", "user_id", "item_id")


def _pair(place: Ints, item: Ints, log: EventLog) -> Ints:
    return np.asarray(place, np.int64) * log.items.len() + item


def _union(asked: Asked, builder: Builder, stage: Stage) -> tuple[Ints, Ints]:
    """Place among the asked and item of every candidate, each once."""
    night = builder.night_of(asked.moment)
    pairs = []
    for number in np.unique(night[night >= 0]).tolist():
        index = np.flatnonzero(night == number)
        found = stage.find(asked.part(index), builder.nights[number])
        pairs.append(_pair(index[found.asked], found.item, asked.log))
    union = np.unique(np.concatenate(pairs)) if pairs else np.zeros(0, np.int64)
    return union // asked.log.items.len(), union % asked.log.items.len()


def _kept(
    place: Ints,
    item: Ints,
    label: NDArray[np.bool_],
    training: NDArray[np.bool_],
    draw: Mixed,
    negatives: int,
) -> NDArray[np.bool_]:
    """Which candidates become rows: all of a test list; of another with a found target, its targets and a
    sample of the rest."""
    hit = np.bincount(place, label, len(training)) > 0
    order = np.lexsort(
        (_mix(draw[place] ^ item.astype(np.uint64)), label, place)
    )  # negatives first, in a drawn order
    start = np.searchsorted(place[order], np.arange(len(training)))
    rank = np.empty(len(place), np.int64)
    rank[order] = np.arange(len(place)) - start[place[order]]
    sampled = hit[place] & (label | (rank < negatives))
    return np.where(training[place], sampled, True)


def _mix(values: Mixed) -> Mixed:
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): numbers that look drawn, the same ones every time."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(values ^ (values >> np.uint64(31)))
