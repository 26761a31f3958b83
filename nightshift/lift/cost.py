"""What an arm's features cost: tokens, seconds and money of all nights so far, and what a thousandth of
the metric costs.

The ledger knows every call ever paid. Encoder seconds are those the manifests tell (texts embedded by
texts a second), shared out by the texts of each view.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from nightshift.features.content_spec import SOURCE, TEMPLATE, ContentSpec, first_spec
from nightshift.lift.memorization import PROBES
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Store
from nightshift.tables import ITEM_EMBEDDINGS, USER_EMBEDDINGS

THOUSANDTH = 0.001
SPENT = ("prompt_tokens", "new_tokens", "seconds", "cost_usd")
PAYING = ("text", "llm", "both")
"""Arms that pay for something beside base: the encoder of their texts, the language model, or both."""


@dataclass(frozen=True)
class Cost:
    """What an arm cost beside base, and what it gained by it."""

    arm: str
    rows: int
    """Rows that a model was asked about, or texts that an encoder read."""
    prompt_tokens: int
    new_tokens: int
    seconds: float
    usd: float | None
    """None where a call had no known price."""
    gain: float | None
    """Difference to base in the main metric."""

    @property
    def seconds_a_thousandth(self) -> float | None:
        """Seconds for each +0.001 of the metric; None without a gain."""
        return self.seconds * THOUSANDTH / self.gain if self.gain and self.gain > 0 else None

    @property
    def usd_a_thousandth(self) -> float | None:
        """Dollars for each +0.001 of the metric; None without a gain or a price."""
        return (
            self.usd * THOUSANDTH / self.gain
            if self.usd is not None and self.gain and self.gain > 0
            else None
        )

    @property
    def gain_a_thousand_rows(self) -> float | None:
        """Gain by thousands of rows; None where nothing was asked."""
        return self.gain / (self.rows / 1000) if self.gain is not None and self.rows else None


def calls(ledgers: Ledgers, as_of: date) -> pl.DataFrame:
    """`table, calls, prompt_tokens, new_tokens, seconds, cost_usd, unpriced` of all nights up to this one,
    rejected answers included."""
    bought = (pl.col("as_of") <= as_of) & ~pl.col("table").is_in(PROBES)
    rows = ledgers.calls(lambda calls: calls.filter(bought).select("table", *SPENT))
    summed = [pl.col(name).sum() for name in SPENT]
    return (
        rows.group_by("table")
        .agg(*summed, calls=pl.len(), unpriced=pl.col("cost_usd").null_count())
        .sort("table")
    )


def encoder_seconds(store: Store, as_of: date, spec: ContentSpec) -> dict[str, tuple[int, float]]:
    """View that an encoder made -> (texts, seconds) of all nights up to this one, the template's
    aside."""
    others = [TEMPLATE, *(view.name for view in spec.views if view.kind != "text")]
    spent: dict[str, tuple[int, float]] = {}
    for table in (ITEM_EMBEDDINGS, USER_EMBEDDINGS):
        for night in store.nights(table):
            numbers = store.manifest(table, night).metadata
            speed, embedded = float(numbers.get("texts/s") or 0), int(numbers.get("embedded") or 0)
            if night > as_of or not embedded or not speed:
                continue
            views = (
                store.scan(table, night)
                .filter(~pl.col("view").is_in(others))
                .group_by("view")
                .len()
                .collect()
            )
            for view, rows in views.iter_rows():
                texts = embedded * rows / views["len"].sum()
                old = spent.get(view, (0, 0.0))
                spent[view] = old[0] + round(texts), old[1] + texts / speed
    return spent


def costs(
    store: Store,
    ledgers: Ledgers,
    as_of: date,
    gains: dict[str, float | None],
    spec: ContentSpec | None = None,
) -> list[Cost]:
    """One row for each of the arms `text`, `llm` and `both` that has a gain (or null) in `gains`."""
    spec = spec or first_spec()
    asked, encoded = calls(ledgers, as_of), encoder_seconds(store, as_of, spec)
    return [
        _cost(arm, asked.clear() if arm == "text" else asked, _paid(arm, encoded, spec), gains[arm])
        for arm in PAYING
        if arm in gains
    ]


def _paid(arm: str, encoded: dict[str, tuple[int, float]], spec: ContentSpec) -> list[tuple[int, float]]:
    """Texts and seconds of the views that an arm pays for."""
    cheap = {SOURCE, *(view.name for view in spec.views if view.family == "text")}
    return [spent for view, spent in encoded.items() if arm == "both" or (view in cheap) == (arm == "text")]


def _cost(arm: str, asked: pl.DataFrame, encoded: list[tuple[int, float]], gain: float | None) -> Cost:
    texts, seconds = (sum(spent[part] for spent in encoded) for part in (0, 1))
    usd = None if asked["unpriced"].sum() else float(asked["cost_usd"].sum())
    return Cost(
        arm=arm,
        rows=int(texts) if arm == "text" else int(asked["calls"].sum()),
        prompt_tokens=int(asked["prompt_tokens"].sum()),
        new_tokens=int(asked["new_tokens"].sum()),
        seconds=float(asked["seconds"].sum()) + seconds,
        usd=usd,
        gain=gain,
    )
