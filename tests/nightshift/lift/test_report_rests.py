"""What the report says that a judgement rests on."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.report.lift_page.provenance import decided_by, nights_read, rests_on, size, versions
from nightshift.tables import ITEM_TAG_SCORES, ITEMS, RANKING_EXAMPLES

NIGHT = date(2024, 1, 5)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    items, events = (
        {"path": "items.parquet", "item_id": "i"},
        {"path": "e.parquet", "user_id": "u", "item_id": "i", "timestamp": "t"},
    )
    users = {"path": "users.csv", "user_id": "u", "groups": ["club"]}
    raw = {
        "sources": {"items": items, "interactions": events, "users": users},
        "nights": {"first": NIGHT},
        "llm": {"backend": "echo"},
    }
    (tmp_path / "nightshift.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "users.csv").write_text("u,club\n1,gold\n")
    found = Night(load_settings(tmp_path / "nightshift.yaml"), NIGHT)
    found.store.publish(
        ITEMS, NIGHT, ITEMS.empty(), metadata={"source digest": "abcdef0123456789", "source rows": 7}
    )
    found.store.publish(
        ITEM_TAG_SCORES, NIGHT, ITEM_TAG_SCORES.empty(), metadata={"model": "m@1", "prompt": "p/v1"}
    )
    return found


def test_files_tables_models_and_prompts_have_digests(night: Night) -> None:
    rows = {row["table"]: row for row in rests_on(night)}
    assert list(rows) == ["files of items", "files of users", "items", "item_tag_scores"]
    assert (rows["files of items"]["rows"], rows["files of items"]["digest"]) == (7, "abcdef012345")
    assert (rows["item_tag_scores"]["model"], rows["item_tag_scores"]["prompt"]) == ("m@1", "p/v1")
    before = rows["files of users"]["digest"]
    (night.settings.root / "users.csv").write_text("u,club\n1,blue\n2,gold\n")
    assert {row["table"]: row for row in rests_on(night)}["files of users"]["digest"] != before


def test_another_night_or_another_setting_has_another_digest(night: Night) -> None:
    one = nights_read(night)
    assert one.startswith("1 (2024-01-05 to 2024-01-05), digest ")
    night.store.publish(ITEM_TAG_SCORES, date(2024, 1, 4), ITEM_TAG_SCORES.empty())
    assert nights_read(night).startswith("2 (2024-01-04 to 2024-01-05)")
    assert nights_read(night)[-12:] != one[-12:]
    told = decided_by(night)
    assert told["language model"].startswith("echo@")
    moved = Night(night.settings.model_copy(update={"home": Path("elsewhere")}), NIGHT)
    assert decided_by(moved)["configuration"] == told["configuration"], "a folder decides no number"
    lift = night.settings.lift.model_copy(update={"seeds": 2})
    assert (
        decided_by(Night(night.settings.model_copy(update={"lift": lift}), NIGHT))["configuration"]
        != told["configuration"]
    )


def test_packages_that_are_installed_are_named_with_their_versions() -> None:
    assert versions()["polars"] == pl.__version__
    assert {"nightshift", "python", "lightgbm", "numpy", "on"} <= set(versions())


def test_rows_and_features_are_counted_by_split_and_family(night: Night) -> None:
    night.store.publish(
        RANKING_EXAMPLES,
        NIGHT,
        RANKING_EXAMPLES.empty(),
        metadata={"rows: test": 5, "features: llm": 0, "proof: x": "ok"},
    )
    scores = pl.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"]})
    told = size(night.store.manifest(RANKING_EXAMPLES, NIGHT), scores)
    assert told == {"rows: test": 5, "users in the test": 1, "items in the test": 2}
