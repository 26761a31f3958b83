"""A small shop whose nights take many batches, and the same nights as they are when nothing happens."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from tests.faults import nights
from tests.faults.forks import Forks
from tests.shop import Shop, open_shop


class Calm:
    """A shop whose nights nothing disturbs, run when they are first asked for."""

    def __init__(self, shop: Shop, forks: Forks) -> None:
        self.shop, self.forks = shop, forks
        self._homes: list[Path] = []

    def home(self, number: int = 0) -> Path:
        """The home after the night of this number and all before it."""
        while len(self._homes) <= number:
            code, printed = self.forks.run(
                self.shop.folder, "run", "--as-of", str(self.shop.nights()[len(self._homes)])
            )
            assert code == 0, printed
            kept = self.shop.folder / f"home-{len(self._homes)}"
            shutil.copytree(self.shop.folder / ".nightshift", kept)
            self._homes.append(kept)
        return self._homes[number]

    def tables(self, number: int = 0) -> dict[str, pl.DataFrame]:
        """The tables of a night."""
        return nights.tables(self.home(number), self.shop.nights()[number])

    def paid(self, number: int = 0) -> pl.DataFrame:
        """Keys of everything that was asked up to a night."""
        return nights.paid(self.home(number))


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Calm:
    return Calm(_small(tmp_path_factory.mktemp("calm")), forks)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Commands in processes that start in milliseconds."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path) -> Shop:
    """The calm shop's twin, before its first night."""
    return _small(tmp_path)


@pytest.fixture
def after(small: Shop, calm: Calm) -> Shop:
    """The twin after its first night."""
    shutil.copytree(calm.home(), small.folder / ".nightshift")
    return small


@pytest.fixture
def first(small: Shop) -> date:
    return small.nights()[0]


def _small(folder: Path) -> Shop:
    world = make_world(SyntheticSettings(seed=7, n_users=12, n_items=24, days=30))
    return open_shop(folder, world, beam={"batch_rows": nights.BATCH_ROWS})
