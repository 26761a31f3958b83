"""The small shop of the stories: what its catalogue and events go through, and what was asked for them."""

import os
import time
from pathlib import Path

import polars as pl

from nightshift.sources.datasets.synthetic import SyntheticSettings
from nightshift.storage.ledger import Ledgers
from tests.shop import Shop

WORLD = SyntheticSettings(seed=7, n_users=30, n_items=40, days=9)
TWICE = 4
"""Row (from 0) of the item that the bad catalogue repeats at its end."""


def repeat_an_item(shop: Shop) -> str:
    """The catalogue names one item twice. Returns what every message of it says."""
    good = shop.items()
    shop.write_items(pl.concat([good, good[TWICE : TWICE + 1]]))
    return f"sources/items.parquet row {TWICE + 1} and in sources/items.parquet row {good.height + 1}"


def drop_the_repeated(shop: Shop) -> None:
    """The repair of `repeat_an_item`."""
    shop.write_items(shop.items().unique("item_id", keep="first", maintain_order=True))


def items(shop: Shop) -> Path:
    """The catalogue's file."""
    return shop.folder / "sources" / "items.parquet"


def events(shop: Shop) -> Path:
    """The file of the interactions."""
    return shop.folder / "sources" / "interactions.parquet"


def settle(path: Path, seconds: float = 60.0) -> None:
    """The file was written some time ago, and not in the last seconds, when it might still be being
    written."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def answers(shop: Shop) -> dict[str, int]:
    """Rows of the ledger by table: what was ever asked and accepted."""
    counted = Ledgers(shop.folder / ".nightshift").answers.query(lambda rows: rows.group_by("table").len())
    return dict(counted.sort("table").iter_rows())
