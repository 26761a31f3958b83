"""The reference pages say what the code does, and cannot grow old."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
import yaml
from pydantic import BaseModel

import nightshift.errors
from jobs.reference.checks import by_asset
from jobs.reference.commands import ENDS, PASSED_ON, commands, exit_codes
from jobs.reference.errors import ANSWER_REASONS, ROW_REASONS, family
from jobs.reference.examples import COMPLETE
from jobs.reference.pages import FOLDER, PAGES, write
from jobs.reference.settings import block_of, settings_page
from jobs.reference.tables import readers
from nightshift.enrichments.registry import built_in, by_default, tables_of
from nightshift.errors import NightshiftError, RejectReason
from nightshift.night.config import Settings, load_settings
from nightshift.sources import reads
from nightshift.sources.settings import Feedback, InteractionsSource, ItemsSource
from nightshift.storage.store import Store
from nightshift.tables import REJECTS

TABLES = tables_of(built_in())


def yaml_blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", settings_page(), re.DOTALL)


def every_field(model: type[BaseModel] = Settings, key: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        yield f"{key}{name}", field.description
        inner = block_of(field)
        if inner:
            yield from every_field(inner, f"{key}{name}.")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_on_disk_is_the_one_the_code_writes(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), (
        f"docs/reference/{name} is old: run `make docs`"
    )


def test_writing_again_gives_the_same_bytes_and_no_other_file(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write(tmp_path)}
    assert first == {path.name: path.read_bytes() for path in write(tmp_path)}
    assert {path.name for path in FOLDER.iterdir()} == set(first)


def test_every_setting_has_a_sentence_on_the_page() -> None:
    text = settings_page()
    for key, about in every_field():
        assert about, f"{key} has no sentence"
        assert about.endswith("."), f"{key}: {about!r} is no sentence"
        assert f"`{key}`" in text or key == "root"


def test_every_column_says_what_it_holds() -> None:
    for table in TABLES.values():
        assert table.about
        assert all(column.about for column in table.columns.values()), (
            f"a column of {table.name} has no `about`"
        )


@pytest.mark.parametrize("text", yaml_blocks())
def test_every_example_on_the_page_loads(text: str, tmp_path: Path) -> None:
    (tmp_path / "nightshift.yaml").write_text(text)
    settings = load_settings(tmp_path / "nightshift.yaml")
    assert settings.nights.first == date(2026, 11, 1)
    assert f"feedback: {settings.sources.interactions.feedback}" in text


def test_there_is_a_minimal_and_a_complete_example_for_each_kind_of_feedback() -> None:
    told = [yaml.safe_load(text)["sources"]["interactions"]["feedback"] for text in yaml_blocks()]
    assert sorted(told) == sorted([*get_args(Feedback), *get_args(Feedback)])


@pytest.mark.parametrize("feedback", COMPLETE)
def test_a_complete_example_names_every_key_that_its_feedback_can_use(feedback: Feedback) -> None:
    sources = yaml.safe_load(COMPLETE[feedback])["sources"]
    without_use = {
        "implicit": {"label", "positive_from"},
        "explicit": {"positive_kinds"},
        "impressions": {"positive_from", "positive_kinds"},
    }[feedback]
    assert set(sources["items"]) == set(ItemsSource.model_fields)
    assert set(sources["interactions"]) == set(InteractionsSource.model_fields) - without_use


def test_every_page_tells_of_every_check_command_and_exception() -> None:
    checks, told, errors = (PAGES[name]() for name in ("checks.md", "commands.md", "errors.md"))
    assert {asset for asset, _ in by_asset()} == set(tables_of(by_default()))
    assert all(f"`{spec.name}`" in checks and spec.description for _, specs in by_asset() for spec in specs)
    assert all(f"## nightshift {name}\n" in told for name in commands())
    assert all(f"`{kind.__name__}`" in errors for _, kind in family(NightshiftError))


def test_exit_codes_are_named_for_commands_that_exist() -> None:
    assert {*ENDS, *PASSED_ON} <= set(commands())
    assert set(exit_codes()) == {0, 1, 2, 3, 130}
    assert {kind.exit_code for _, kind in family(NightshiftError)} <= set(exit_codes())


def test_the_tree_drawn_in_errors_is_the_tree_of_classes() -> None:
    drawn = re.findall(r"^([│├└─ ]*)([A-Z]\w+)", nightshift.errors.__doc__.split("\n\n", 1)[1], re.MULTILINE)
    classes = {(depth, kind.__name__) for depth, kind in family(NightshiftError)}
    assert {(len(bars) // 4, name) for bars, name in drawn} == classes


def test_every_reject_reason_has_a_way_out() -> None:
    assert set(ANSWER_REASONS) == set(get_args(RejectReason))
    told = {
        value
        for name, value in vars(reads).items()
        if name.isupper() and isinstance(value, str) and " " in value
    }
    assert set(ROW_REASONS) == told


def test_the_polars_line_reads_a_published_night_without_its_rejects(tmp_path: Path) -> None:
    night = date(2026, 11, 22)
    table = TABLES["items"]
    frame = pl.DataFrame(
        {"item_id": ["a"], "title": ["A"], "text": [None], "attributes": [None], "created_at": [None]},
        schema=table.schema,
    )
    reason = {"table": "items", "key": "row 2", "reason": "item_id is missing"}
    refused = pl.DataFrame([dict.fromkeys(REJECTS.columns) | reason], schema=REJECTS.schema)
    Store(tmp_path).publish(table, night, frame, rejects=refused)
    line = readers(table, str(tmp_path), night.isoformat())["polars"]
    assert eval(line, {"pl": pl}).collect().equals(frame)
    assert pl.read_parquet(tmp_path / "tables" / "items" / f"as_of={night}" / "*.parquet").equals(frame), (
        "any glob of Parquet will do"
    )


def test_the_index_names_every_reference_page() -> None:
    index = (FOLDER.parent / "index.md").read_text("utf-8")
    assert all(f"(reference/{name})" in index for name in PAGES)
