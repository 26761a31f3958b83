"""How this home was made: two nights of a small world and a training, by the code of version 0.1 before
enrichments were declared.

    python -m tests.homes.before_enrichments.record FOLDER

It stays as the record of what was done. Running it with later code makes another home and proves nothing
about this one.
"""

import json
import platform
import shutil
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from jobs.running import run_job
from nightshift.night.config import load_settings
from nightshift.serving import Ranker
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world, write_sources
from nightshift.storage.ledger import Ledgers
from tests.homes.before_enrichments.arithmetic import fingerprint

WORLD = SyntheticSettings(seed=11, n_users=18, n_items=40, days=30)
NIGHTS, NEXT = (date(2024, 1, 11), date(2024, 1, 25)), date(2024, 1, 31)
"""The nights that are recorded, and the one, with all events, that is left for later code to continue
with."""
ASKED_AT = "2024-01-25T12:00:00+00:00"
REFUSED = "I'm sorry, I can't help with this one"
"""A title that the echo repeats and every parser refuses."""
VOCABULARY = {
    "name": "shop",
    "version": 1,
    "noun": "Item",
    "facets": [{"name": "kind", "tags": ["red", "green", "blue"]}, {"name": "use", "tags": ["home", "work"]}],
    "examples": [
        {"title": "Lamp", "attributes": ["light"], "tags": {"kind": "red", "use": "home"},
         "summary": "A lamp that is red."},
        {"title": "Desk", "attributes": ["wood"], "tags": {"kind": "green", "use": "work"},
         "summary": "A desk that is green."},
    ],
}  # fmt: skip
BLOCKS: dict[str, Any] = {
    "nights": {"first": "2024-01-11", "last": "2024-01-31"},
    "llm": {"backend": "echo"},
    "encoder": {"backend": "hashing"},
    "tags": {"vocabulary": "shop.yaml", "max_input_chars": 300},
    "facts": {"max_summary_words": 30},
    "preferences": {"least_history": 44},
    "codes": {"levels": 2, "size": 4},
    "checks": {"max_reject_share": 0.2},
    "examples": {"features": {"permutations": 1, "codes": True}},
    "lift": {"seeds": 1, "resamples": 100, "report": False, "arms": ["base", "text", "llm"],
             "lightgbm": {"rounds": 8}},
    "home": "home",
}  # fmt: skip


def record(folder: Path) -> None:
    """Write sources, run the nights, train, and keep what a ranker says beside it all."""
    world = make_world(WORLD)
    write_sources(world, folder / "sources")
    (folder / "shop.yaml").write_text(yaml.safe_dump(VOCABULARY, sort_keys=False))
    (folder / "nightshift.yaml").write_text(
        yaml.safe_dump({"sources": mapping(world)} | BLOCKS, sort_keys=False)
    )
    first_items(folder)
    run(folder, "nightly_enrichment", NIGHTS[0])
    later_items(folder)
    run(folder, "nightly_enrichment", NIGHTS[1])
    run(folder, "weekly_training", NIGHTS[1])
    for leftover in ("dagster", "serving", "work", "models/checkpoints", "progress"):
        shutil.rmtree(folder / "home" / leftover, ignore_errors=True)
    forget_place(folder)
    keep_ranking(folder)
    keep_origin(folder)
    keep_continued(folder)


def mapping(world: Any) -> dict[str, Any]:
    """The world's mapping, paths beside nightshift.yaml."""
    sources: dict[str, Any] = world.mapping.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    for name in ("items", "interactions"):
        sources[name]["path"] = f"sources/{sources[name]['path']}"
    return sources


def first_items(folder: Path) -> None:
    """The item with the fewest events, which no group shows, is refused from the first night on and
    carries its group's sentence; another is in no group and gets a template."""
    items = pl.read_parquet(folder / "sources" / "items.parquet")
    events = pl.read_parquet(folder / "sources" / "interactions.parquet")["item_id"].to_list()
    rarest = min(range(items.height), key=lambda place: (events.count(items["item_id"][place]), place))
    titled(items, {3: REFUSED, rarest: REFUSED + " yet"}).write_parquet(folder / "sources" / "items.parquet")
    shutil.copyfile(
        folder / "sources" / "items.parquet", folder / "sources" / "items_of_the_first_night.parquet"
    )


def later_items(folder: Path) -> None:
    """A renamed item that is refused now and carries its old sentence, and one that is asked again."""
    items = pl.read_parquet(folder / "sources" / "items.parquet")
    titled(items, {5: REFUSED + " either", 6: "A New Title"}).write_parquet(
        folder / "sources" / "items.parquet"
    )


def titled(items: pl.DataFrame, titles: dict[int, str]) -> pl.DataFrame:
    """The items with the titles at these places replaced; one that will be refused is in no group, whose
    sentence would hold its title."""
    given = [titles.get(place, title) for place, title in enumerate(items["title"])]
    alone = pl.col("title").str.starts_with(REFUSED) & ~pl.col("title").str.ends_with("yet")
    named = items.with_columns(title=pl.Series(given, dtype=pl.String))
    return named.with_columns(shelves=pl.when(alone).then([]).otherwise("shelves"))


def run(folder: Path, job: str, as_of: date) -> None:
    """One job of one night."""
    config = folder / "nightshift.yaml"
    run_job(config, None, load_settings(config), job, as_of)


def forget_place(folder: Path) -> None:
    """Manifests tell the folder of the models in their numbers, which are part of no digest: it is written
    relative."""
    for manifest in (folder / "home").rglob("_manifest.json"):
        manifest.write_text(manifest.read_text().replace(f"{folder.resolve()}/", ""))


def keep_ranking(folder: Path) -> None:
    """A fixed request and what the saved ranker says to it, from a copy, so that nothing mapped stays in
    the home."""
    copy = folder / "copy"
    shutil.copytree(folder / "home", copy)
    items = pl.read_parquet(folder / "sources" / "items.parquet")["item_id"].cast(pl.String).to_list()
    request = {"arm": "llm", "user": "u00002", "candidates": items[:30], "now": ASKED_AT}
    ranked = Ranker.load(copy).rank(request["user"], request["candidates"], datetime.fromisoformat(ASKED_AT))
    answer = {"items": list(ranked.items), "probabilities": ranked.probabilities.tolist()}
    (folder / "ranked.json").write_text(json.dumps(request | answer, indent=1) + "\n")
    shutil.rmtree(copy)


def keep_origin(folder: Path) -> None:
    """What the bytes of Parquet and the last bits of decompositions depend on, and how many calls were
    paid."""
    ledgers = Ledgers(folder / "home")
    made = {
        "polars": pl.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "arithmetic": fingerprint(),
        "answers": ledgers.answers.scan().collect().height,
        "rejects": ledgers.rejects.scan().collect().height,
    }
    (folder / "made_with.json").write_text(json.dumps(made, indent=1) + "\n")


def keep_continued(folder: Path) -> None:
    """What the next night of a copy asks: only users and groups that events since then changed."""
    copy = folder.with_name(folder.name + "-continued")
    shutil.copytree(folder, copy)
    run(copy, "nightly_enrichment", NEXT)
    (folder / "continued.json").write_text(json.dumps(asked(copy / "home", NEXT), indent=1) + "\n")
    shutil.rmtree(copy)


def asked(home: Path, as_of: date) -> dict[str, list[str]]:
    """Rows that a night asked about, answered or rejected, by table."""
    ledgers = Ledgers(home)
    both = [
        ledger.scan().filter(as_of=as_of).select("table", "row_id").collect()
        for ledger in (ledgers.answers, ledgers.rejects)
    ]
    rows = (
        pl.concat(both).unique().sort("table", "row_id").group_by("table", maintain_order=True).agg("row_id")
    )
    return dict(rows.iter_rows())


if __name__ == "__main__":
    record(Path(sys.argv[1]))
