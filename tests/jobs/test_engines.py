"""Dagster's databases get an engine each, however many events are stored."""

from pathlib import Path
from types import ModuleType

import dagster._core.storage.event_log.sqlite.sqlite_event_log as event_log
import dagster._core.storage.runs.sqlite.sqlite_run_storage as run_storage
import pytest
import sqlalchemy as db
from sqlalchemy.pool import NullPool

from jobs.engines import MOST, keep_engines
from jobs.running import run_job
from nightshift.night.config import load_settings
from tests.shop import Shop


def test_a_night_makes_an_engine_a_database(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(address: str, **options: object) -> db.Engine:
        made.append(address)
        return db.create_engine(address, **options)  # type: ignore[call-overload,no-any-return]

    storages: tuple[ModuleType, ...] = (event_log, run_storage)
    for storage in storages:
        monkeypatch.setattr(storage, "create_engine", counted)
    run_job(shop.config, None, load_settings(shop.config), "nightly_enrichment", shop.nights()[0])
    assert 2 < len(made) < 12
    assert len(set(made)) > 2


def test_an_engine_is_used_again_until_newer_ones_push_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "create_engine", db.create_engine)
    keep_engines()
    keep_engines()
    kept = event_log.create_engine
    first = kept(f"sqlite:///{tmp_path}/0.db", poolclass=NullPool)
    assert kept(f"sqlite:///{tmp_path}/0.db", poolclass=NullPool) is first
    for number in range(1, MOST + 1):
        kept(f"sqlite:///{tmp_path}/{number}.db", poolclass=NullPool)
    assert kept(f"sqlite:///{tmp_path}/0.db", poolclass=NullPool) is not first
