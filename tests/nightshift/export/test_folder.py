"""An export is a whole folder: fresh, switched into place, and never in the place of something else."""

import json
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import ConfigError, InputError, NightshiftError, VectorMismatch
from nightshift.export import DESTINATIONS, export
from nightshift.export.base import vectors
from nightshift.export.folder import fresh_folder
from nightshift.storage.store import Store
from nightshift.tables import RANKING_EXAMPLES
from tests.served import NIGHTS, Served


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("to", sorted(DESTINATIONS))
def test_every_export_has_a_readme_a_card_and_says_each_file(home: Served, tmp_path: Path, to: str) -> None:
    said: list[str] = []
    done = export(home.store, to, tmp_path / "new" / "out", say=said.append)
    readme, card = (done.out / "README.md").read_text(), json.loads((done.out / "export.json").read_text())
    assert done.as_of == NIGHTS[-1]
    assert card["nightshift_export"] == to
    assert set(card["tables"]) == {f"{name} {done.as_of}" for name in home.store.published()}
    assert set(contents(done.out)) == set(done.files)
    assert [line.split()[0] for line in said] == list(done.files)
    assert all(f"`{name}`" in readme for name in set(done.files) - {"README.md", "export.json"})
    assert "know events strictly before 2024-01-21" in readme
    assert not list((tmp_path / "new").glob(".*"))


@pytest.mark.parametrize("to", sorted(DESTINATIONS))
def test_no_placebo_leaves_the_house(home: Served, tmp_path: Path, to: str) -> None:
    assert any(
        name.startswith("permuted__") for name in home.store.read(RANKING_EXAMPLES, NIGHTS[-1]).columns
    )
    out = export(home.store, to, tmp_path / "out").out
    for path in out.rglob("*.parquet"):
        assert not [name for name in pl.read_parquet_schema(path) if name.startswith("permuted")], path
    for name, raw in contents(out).items():
        assert name.endswith(".parquet") or b"permuted__" not in raw, name


@pytest.mark.parametrize("to", ["duckdb", "feast", "fuxictr", "gorse", "metarank", "rectools"])
def test_exporting_again_gives_the_same_bytes(home: Served, tmp_path: Path, to: str) -> None:
    first = contents(export(home.store, to, tmp_path / "out").out)
    (tmp_path / "out" / "made_by_the_tool.db").write_text("registry")
    assert contents(export(home.store, to, tmp_path / "out").out) == first


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot exchange two folders at once")
def test_an_export_that_takes_the_place_of_another_is_never_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(version: str) -> None:
        with fresh_folder(tmp_path / "out", lambda said: None) as folder:
            folder.text("export.json", version)

    write("1")
    rename, seen = Path.rename, list[bool]()

    def watched(path: Path, target: Path) -> Path:
        done = rename(path, target)
        seen.append((tmp_path / "out" / "export.json").exists())
        return done

    monkeypatch.setattr(Path, "rename", watched)
    write("2")
    assert contents(tmp_path) == {"out/export.json": b"2"}
    assert all(seen)


def test_a_folder_that_no_export_wrote_is_left_alone(home: Served, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds files that no export wrote"):
        export(home.store, "duckdb", tmp_path)
    with pytest.raises(ConfigError, match="is a file"):
        export(home.store, "duckdb", tmp_path / "mine.txt")
    assert contents(tmp_path) == {"mine.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    export(home.store, "duckdb", tmp_path / "empty")


def test_an_export_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "out", print) as folder:
        folder.text("export.json", "{}")
    before = contents(tmp_path / "out")

    def half() -> None:
        with fresh_folder(tmp_path / "out", print) as folder:
            folder.text("half.txt", "half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half()
    assert contents(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_earlier_night_is_exported_as_it_was(home: Served, tmp_path: Path) -> None:
    done = export(home.store, "rectools", tmp_path / "out", date(2024, 1, 16))
    assert done.as_of == NIGHTS[1]
    newest = pl.read_parquet(done.out / "interactions.parquet")["datetime"].max()
    assert newest is not None
    assert newest.date() < NIGHTS[1]


def test_what_is_missing_is_said_with_the_command_that_makes_it(home: Served, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--to excel is unknown; destinations: duckdb, feast, .*rectools"):
        export(home.store, "excel", tmp_path / "out")
    with pytest.raises(
        InputError, match=r"no night at or before 2024-01-10 .* has ranking_examples .*nightshift train"
    ):
        export(home.store, "lightgbm", tmp_path / "out", date(2024, 1, 10))
    with pytest.raises(InputError, match=r"item_features: none.*nightshift run"):
        export(Store(tmp_path / "nothing"), "feast", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert issubclass(InputError, NightshiftError)
    assert InputError.exit_code == 2


def test_vectors_of_two_encoders_are_refused() -> None:
    rows = {
        "item_id": ["a", "b"],
        "view": ["facts"] * 2,
        "encoder_id": ["e@1", "e@2"],
        "vector": [[1.0, 0.0], [0.0, 1.0]],
    }
    with pytest.raises(VectorMismatch, match=r"view facts mixes vectors of \['e@1', 'e@2'\]"):
        vectors(pl.LazyFrame(rows), "item_id")
