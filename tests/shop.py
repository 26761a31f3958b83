"""A small synthetic shop with its own nightshift.yaml, on the fake model and encoder."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from nightshift.night.config import Settings, load_settings
from nightshift.night.night import Night
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world, write_sources

VOCABULARY = {
    "name": "shop",
    "version": 1,
    "noun": "Item",
    "facets": [{"name": "kind", "tags": ["red", "green", "blue"]}, {"name": "use", "tags": ["home", "work"]}],
    "examples": [
        {
            "title": "Lamp",
            "attributes": ["light"],
            "tags": {"kind": "red", "use": "home"},
            "summary": "A lamp that is red.",
        },
        {
            "title": "Desk",
            "attributes": ["wood"],
            "tags": {"kind": "green", "use": "work"},
            "summary": "A desk that is green.",
        },
    ],
}


@dataclass
class Shop:
    """Files of a shop, and what a test changes in them."""

    folder: Path
    world: World

    @property
    def config(self) -> Path:
        return self.folder / "nightshift.yaml"

    def nights(self) -> list[date]:
        start = self.world.settings.start
        first = start.date() if hasattr(start, "date") else start
        days = self.world.settings.days
        return [
            first + timedelta(days=days // 3),
            first + timedelta(days=2 * days // 3),
            first + timedelta(days=days),
        ]

    def write(self, **changes: Any) -> Settings:
        """Write nightshift.yaml with top-level keys replaced."""
        sources = self.world.mapping.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        for name in ("items", "interactions"):
            sources[name]["path"] = f"sources/{sources[name]['path']}"
        nights = self.nights()
        raw: dict[str, Any] = {
            "sources": sources,
            "nights": {"first": nights[0].isoformat(), "last": nights[-1].isoformat()},
            "llm": {"backend": "echo"},
            "encoder": {"backend": "hashing"},
            "tags": {"vocabulary": "shop.yaml"},
            "lift": {"seeds": 2, "resamples": 200},
        }
        self.config.write_text(yaml.safe_dump(raw | changes))
        return load_settings(self.config)

    def items(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "sources" / "items.parquet")

    def write_items(self, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.folder / "sources" / "items.parquet")

    def night(self, number: int = 0) -> Night:
        return Night(load_settings(self.config), self.nights()[number])


def open_shop(folder: Path, world: World, **changes: Any) -> Shop:
    """Write the world's sources, a vocabulary and a configuration into the folder."""
    write_sources(world, folder / "sources")
    (folder / "shop.yaml").write_text(yaml.safe_dump(VOCABULARY))
    shop = Shop(folder, world)
    shop.write(**changes)
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path, make_world(SyntheticSettings(seed=7, n_users=40, n_items=60, days=30)))
