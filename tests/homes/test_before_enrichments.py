"""A home that the code before declared enrichments wrote: later code reads it, continues it and would
write it again as it is."""

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from jobs.planning import plan_night
from jobs.running import run_job
from nightshift.enrichments.registry import built_in, tables_of
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.serving import Ranker
from nightshift.storage.ledger import Ledgers
from nightshift.storage.store import Manifest, Store
from tests.homes.before_enrichments.arithmetic import fingerprint
from tests.homes.before_enrichments.record import asked

TABLES = tables_of(built_in())

pytestmark = pytest.mark.slow
RECORDED = Path(__file__).parent / "before_enrichments"
NIGHTS, NEXT = (date(2024, 1, 11), date(2024, 1, 25)), date(2024, 1, 31)
STORED = sorted(
    (path.parent.name, date.fromisoformat(path.name[6:]))
    for path in (RECORDED / "home" / "tables").glob("*/as_of=*")
)
"""Every table of every night of the recorded home."""
WITHOUT_TIMES = ["content_key", "table", "row_id", "as_of", "prompt_id", "model_id", "text", "scores"]
MADE_WITH = json.loads((RECORDED / "made_with.json").read_text())
SAME_ROUNDING = MADE_WITH["arithmetic"] == fingerprint()
"""Whether this machine rounds as the one that recorded: inverses and decompositions differ in their last
bits elsewhere."""
ROUNDED = {"item_codes", "item_features", "user_features", "ranking_examples", "ranking_scores", "lift"}
"""Tables with numbers from inverses, decompositions and trees; all others are equal on every machine."""


def copied(folder: Path, *names: str) -> Path:
    """A copy of the recorded folder, or of these parts of it."""
    for name in names:
        source = RECORDED / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copyfile(source, folder / name)
    return folder


def run(folder: Path, job: str, as_of: date) -> None:
    config = folder / "nightshift.yaml"
    run_job(config, None, load_settings(config), job, as_of)


def known(path: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((RECORDED / path).read_text())
    return told


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded home, somewhere else, and one more night. Read only."""
    folder = copied(tmp_path_factory.mktemp("continued"), "home", "sources", "nightshift.yaml", "shop.yaml")
    run(folder, "nightly_enrichment", NEXT)
    return folder


def answered(folder: Path, as_of: date) -> None:
    """Put what the recorded night was answered into the home's ledger, as that night left it."""
    then, now = Ledgers(RECORDED / "home"), Ledgers(folder / "home")
    for name in ("answers", "rejects"):
        rows = getattr(then, name).query(lambda rows: rows.filter(pl.col("as_of") == as_of))
        if rows.height:
            getattr(now, name).append(rows, "recorded")
    states = then.vectors.query(lambda rows: rows.filter(pl.col("view") == "hidden"))
    now.vectors.append(states.filter(~pl.col("content_key").is_in(now.vectors.keys().implode())), "recorded")


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded nights from the same sources, settings and answers, in a home of their own. Read only.

    The answers are given: a group that was asked about keeps the titles it was shown, which a home without
    them cannot.
    """
    folder = copied(tmp_path_factory.mktemp("again"), "sources", "nightshift.yaml", "shop.yaml")
    answered(folder, NIGHTS[0])
    shutil.copyfile(
        RECORDED / "sources" / "items_of_the_first_night.parquet", folder / "sources" / "items.parquet"
    )
    run(folder, "nightly_enrichment", NIGHTS[0])
    shutil.copyfile(RECORDED / "sources" / "items.parquet", folder / "sources" / "items.parquet")
    answered(folder, NIGHTS[1])
    run(folder, "nightly_enrichment", NIGHTS[1])
    run(folder, "weekly_training", NIGHTS[1])
    return folder


def test_its_settings_are_read() -> None:
    settings = load_settings(RECORDED / "nightshift.yaml")
    assert settings.home_folder == RECORDED / "home"
    assert settings.facts.max_summary_words == 30
    assert settings.tags.max_input_chars == 300
    assert settings.preferences.least_history == 44


def test_it_is_whole_and_every_table_is_known() -> None:
    store = Store(RECORDED / "home")
    for table, as_of in STORED:
        store.verify(TABLES[table], as_of)
    assert {table for table, _ in STORED} <= set(TABLES)


def test_it_tells_every_origin() -> None:
    read = Store(RECORDED / "home").read
    assert set(read("item_facts", NIGHTS[1])["origin"]) == {"llm", "group", "carried", "template"}
    assert set(read("user_preferences", NIGHTS[0])["origin"]) == {"llm", "template"}


def test_the_plan_of_its_last_night_is_empty(tmp_path: Path) -> None:
    folder = copied(tmp_path, "home", "sources", "nightshift.yaml", "shop.yaml")
    plan = plan_night(Night(load_settings(folder / "nightshift.yaml"), NIGHTS[1]))
    assert {table.table: table.pending.height for table in plan.tables} == dict.fromkeys(
        ("group_facts", "item_tag_scores", "item_facts", "user_preferences"), 0
    )


def test_its_next_night_asks_only_about_what_changed(continued: Path) -> None:
    now = asked(continued / "home", NEXT)
    assert now == known("continued.json")
    assert not {"item_facts", "item_tag_scores"} & set(now), "no item changed"


def test_its_next_night_keeps_what_was_there(continued: Path) -> None:
    for table, as_of in STORED:
        assert Store(continued / "home").manifest(table, as_of) == Store(RECORDED / "home").manifest(
            table, as_of
        )


@pytest.mark.parametrize(("table", "as_of"), STORED, ids=[f"{table}-{as_of}" for table, as_of in STORED])
def test_its_nights_would_be_written_again_as_they_are(again: Path, table: str, as_of: date) -> None:
    then, now = Store(RECORDED / "home"), Store(again / "home")
    exact = SAME_ROUNDING or table not in ROUNDED
    assert_frame_equal(
        now.read(table, as_of), then.read(table, as_of), check_exact=exact, rel_tol=1e-3, abs_tol=1e-3
    )
    assert_frame_equal(now.rejects(table, as_of), then.rejects(table, as_of))
    if exact:
        assert digests(now.manifest(table, as_of)) == digests(
            as_written_today(then, table, as_of, again.parent)
        )


def digests(manifest: Manifest) -> tuple[str, str | None, dict[str, int]]:
    """What a manifest says of the night's bytes, and its rows by origin."""
    return manifest.digest, manifest.rejects and manifest.rejects.sha256, manifest.fallbacks


def as_written_today(store: Store, table: str, as_of: date, scratch: Path) -> Manifest:
    """The stored manifest; where another version of polars writes other bytes, that of the stored rows
    written by it."""
    stored = store.manifest(table, as_of)
    if MADE_WITH["polars"] == pl.__version__:
        return stored
    rejects = store.rejects(table, as_of) if stored.rejects else None
    return Store(scratch / "rewritten").publish(
        TABLES[table], as_of, store.read(table, as_of), fallbacks=stored.fallbacks, rejects=rejects
    )


def test_every_night_and_table_is_written_again(again: Path) -> None:
    published = Store(again / "home").published()
    assert sorted((table, as_of) for table, nights in published.items() for as_of in nights) == STORED


def test_nothing_is_paid_again_for_what_was_answered(again: Path) -> None:
    then, now = Ledgers(RECORDED / "home"), Ledgers(again / "home")
    for old, new in ((then.answers, now.answers), (then.rejects, now.rejects)):
        columns = [name for name in WITHOUT_TIMES if name in old.schema]
        rows = [ledger.scan().select(columns).collect().sort("content_key", "as_of") for ledger in (old, new)]
        assert_frame_equal(*rows, check_row_order=True)
    assert then.answers.scan().collect().height == MADE_WITH["answers"]
    assert then.rejects.scan().collect().height == MADE_WITH["rejects"]


def test_the_same_rankers_are_trained(again: Path) -> None:
    for model in sorted((RECORDED / "home" / "models").glob("lightgbm-*/*/*")):
        now = again / "home" / model.relative_to(RECORDED / "home")
        if model.name != "model.txt" or SAME_ROUNDING:
            assert now.read_text() == model.read_text(), model.name


def test_its_saved_ranker_ranks_as_it_did(tmp_path: Path) -> None:
    told = known("ranked.json")
    ranker = Ranker.load(copied(tmp_path, "home") / "home", told["arm"])
    ranked = ranker.rank(told["user"], told["candidates"], datetime.fromisoformat(told["now"]))
    assert ranked.items == tuple(told["items"])
    np.testing.assert_allclose(ranked.probabilities, told["probabilities"], rtol=0 if SAME_ROUNDING else 1e-4)


def test_no_path_of_a_machine_is_in_it() -> None:
    texts = [path.read_text() for path in RECORDED.rglob("*") if path.suffix in (".json", ".yaml", ".txt")]
    assert len(texts) > 20
    assert not [text[:80] for text in texts if "/tmp/" in text or "/home/" in text or "/work/" in text]
