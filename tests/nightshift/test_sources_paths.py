"""From the path of a mapping to its files: brackets, folders in depth, and the keys that folders hold."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.sources import InteractionsSource, ItemsSource, read_interactions, read_items, source_digest
from nightshift.sources.files import find_files
from nightshift.sources.onboarding.samples import Sample

CSV = b"sku,name\ni1,Lamp\n"
FORMATS = {
    "csv": CSV,
    "tsv": b"sku\tname\ni1\tLamp\n",
    "jsonl": b'{"sku": "i1", "name": "Lamp"}\n',
    "ndjson": b'{"sku": "i1", "name": "Lamp", "stars": NaN}\n',
}


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            pl.DataFrame({"sku": ["i1"], "name": ["Lamp"]}).write_parquet(root / name)
        else:
            (root / name).write_bytes(FORMATS.get(name.rpartition(".")[2], CSV))


def places(root: Path, pattern: str) -> list[str]:
    return [file.place for file in find_files("items", pattern, root)]


def titles(root: Path, pattern: str) -> list[str]:
    return read_items(ItemsSource(path=pattern, item_id="sku", title="name"), root).frame["title"].to_list()


@pytest.mark.parametrize("folder", ["shop [v2]", "shop [!a]", "[", "a*b?c", "{x}", "shop [v2]/in [1]"])
@pytest.mark.parametrize("name", ["items.csv", "items.tsv", "items.jsonl", "items.ndjson", "items.parquet"])
def test_the_projects_folder_is_never_a_pattern(tmp_path: Path, folder: str, name: str) -> None:
    root = tmp_path / folder
    put(root, name)
    for pattern in (name, "*", f"*.{name.partition('.')[2]}", "**/*", str(root / name), str(root)):
        assert places(root, pattern) == [name]
        assert titles(root, pattern) == ["Lamp"]


@pytest.mark.parametrize(
    "name", ["items [1].csv", "items [1].parquet", "items*.jsonl", "what?.tsv", "a[b", "[].ndjson"]
)
def test_a_path_that_exists_is_taken_as_it_is_written(tmp_path: Path, name: str) -> None:
    name = name if "." in name else f"{name}/part.csv"
    put(tmp_path, name, "items 1.csv", "items 1.parquet", "itemsX.jsonl", "whatX.tsv")
    assert places(tmp_path, name) == [name]
    assert titles(tmp_path, name) == ["Lamp"]


@pytest.mark.parametrize(
    ("pattern", "there", "found"),
    [
        ("ev [new]", ["ev [new]/a.csv", "ev n/b.csv"], ["ev [new]/a.csv"]),
        ("ev [new]/*.csv", ["ev [new]/a.csv", "ev n/b.csv"], ["ev [new]/a.csv"]),
        ("ev [new]/**/*.csv", ["ev [new]/x/a.csv"], ["ev [new]/x/a.csv"]),
        ("part [1]-*.csv", ["part [1]-a.csv"], ["part [1]-a.csv"]),
        ("part[12].csv", ["part1.csv", "part3.csv"], ["part1.csv"]),
        ("../shop/*.csv", ["a.csv"], ["../shop/a.csv"]),
        ("events/**", ["events/x/a.csv"], ["events/x/a.csv"]),
    ],
)
def test_brackets_are_a_pattern_only_where_no_such_path_exists(
    tmp_path: Path, pattern: str, there: list[str], found: list[str]
) -> None:
    root = tmp_path / "shop"
    put(root, *there)
    assert places(root, pattern) == found


@pytest.mark.parametrize(
    ("pattern", "there", "found"),
    [
        (
            "events",
            ["events/dt=1/a.csv", "events/dt=2/b.csv", "events/_SUCCESS"],
            ["events/dt=1/a.csv", "events/dt=2/b.csv"],
        ),
        (
            "events",
            ["events/dt=1/h=2/a.csv", "events/_temporary/x.csv", "events/.h/x.csv"],
            ["events/dt=1/h=2/a.csv"],
        ),
        ("events", ["events/a.csv", "events/old/b.csv"], ["events/a.csv"]),
        ("events/*", ["events/dt=1/a.csv", "events/dt=2/b.csv"], ["events/dt=1/a.csv", "events/dt=2/b.csv"]),
        ("events/dt=2*", ["events/dt=1/a.csv", "events/dt=2/b.csv"], ["events/dt=2/b.csv"]),
        (
            "*.parquet",
            ["a.parquet/part-0.parquet", "b.parquet/part-0.parquet"],
            ["a.parquet/part-0.parquet", "b.parquet/part-0.parquet"],
        ),
        ("events/**/*.csv", ["events/dt=1/a.csv", "events/b.csv"], ["events/b.csv", "events/dt=1/a.csv"]),
    ],
)
def test_a_folder_of_folders_is_read_in_depth(
    tmp_path: Path, pattern: str, there: list[str], found: list[str]
) -> None:
    put(tmp_path, *there)
    assert places(tmp_path, pattern) == found


def test_a_folder_without_any_file_says_that_no_file_matches(tmp_path: Path) -> None:
    put(tmp_path, "events/_SUCCESS", "events/_temporary/a.csv")
    with pytest.raises(SourceError, match=r"no file matches 'events' in .*set sources.items.path"):
        places(tmp_path, "events")


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv", "jsonl"])
def test_keys_of_folders_are_columns(tmp_path: Path, ending: str) -> None:
    for day in ("2026-10-01", "2026-10-02"):
        put(tmp_path, f"events/dt={day}/user=u%2F{day[-1]}/part-0.{ending}")
    source = InteractionsSource(path="events", user_id="user", item_id="sku", timestamp="dt")
    found = read_interactions(
        source,
        tmp_path,
        pl.DataFrame({"item_id": ["i1"]}),
        before=None,
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert found.frame["user_id"].to_list() == ["u/1", "u/2"]
    assert found.frame["timestamp"].dt.date().to_list() == [date(2026, 10, 1), date(2026, 10, 2)]


def test_a_column_of_the_file_comes_before_the_key_of_its_folder_and_the_null_folder_is_missing(
    tmp_path: Path,
) -> None:
    put(
        tmp_path,
        "items/name=Desk/a.csv",
        "items/cat=__HIVE_DEFAULT_PARTITION__/b.csv",
        "items/cat=Toys/c.csv",
    )
    (tmp_path / "items/cat=Toys/c.csv").write_bytes(b"sku,name\ni2,Rug\n")
    source = ItemsSource(path="items/cat=*", item_id="sku", title="name", attributes="cat")
    assert read_items(source, tmp_path).frame["attributes"].to_list() == [["Toys"], None]
    assert titles(tmp_path, "items/name=Desk") == ["Lamp"]


def test_a_key_that_is_nobodys_is_named_among_the_columns(tmp_path: Path) -> None:
    put(tmp_path, "items/dt=1/a.csv")
    with pytest.raises(
        SourceError, match=r"has no column 'dy', .* did you mean 'dt'\? It has 'sku', 'name', 'dt'"
    ):
        read_items(ItemsSource(path="items", item_id="sku", created_at="dy"), tmp_path)


def test_first_looks_and_digests_know_the_same_files_and_columns(tmp_path: Path) -> None:
    root = tmp_path / "shop [v2]"
    put(root, "items [1]/dt=2026-10-01/a.csv")
    assert list(Sample.of("items", "items [1]", root, 10).columns) == ["sku", "name", "dt"]
    assert len(source_digest(ItemsSource(path="items [1]", item_id="sku"), root)) == 64
