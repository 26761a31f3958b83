"""Text files that are not UTF-8 text of their format are told what they are, and how to save them."""

import codecs
import gzip
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.sources import ItemsSource, read_items
from nightshift.sources.onboarding.samples import Sample

TABLES = {
    ".csv": "sku,name\r\ni1,Lämpchen\r\n",
    ".tsv": "sku\tname\r\ni1\tLämpchen\r\n",
    ".jsonl": '{"sku": "i1", "name": "Lämpchen"}\n',
}


def titles(root: Path, name: str, content: bytes) -> list[str]:
    (root / name).write_bytes(content)
    return read_items(ItemsSource(path=name, item_id="sku", title="name"), root).frame["title"].to_list()


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize(
    ("encoding", "mark", "said"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "UTF-16;"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "UTF-16;"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "UTF-32;"),
        ("utf-32-be", codecs.BOM_UTF32_BE, "UTF-32;"),
        ("utf-16-le", b"", "UTF-16LE;"),
        ("utf-16-be", b"", "UTF-16BE;"),
        ("utf-32-le", b"", "UTF-32LE;"),
        ("utf-32-be", b"", "UTF-32BE;"),
        ("gb18030", b"\x84\x31\x95\x33", "GB18030;"),
    ],
)
def test_another_encoding_is_named_with_the_way_out(
    tmp_path: Path, ending: str, encoding: str, mark: bytes, said: str
) -> None:
    content = mark + TABLES[ending.removesuffix(".gz")].encode(encoding)
    name = f"items{ending}"
    with pytest.raises(SourceError) as caught:
        titles(tmp_path, name, gzip.compress(content) if ending.endswith(".gz") else content)
    assert f"{name} is {said} save it as UTF-8" in str(caught.value)
    with pytest.raises(SourceError, match="save it as UTF-8"):
        Sample.of("items", name, tmp_path, 10)


def test_utf_16_of_another_script_without_its_mark_is_told_by_its_header(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"items.csv is UTF-16 without its mark, or no text; save it as UTF-8 .*iconv -f UTF-16 ",
    ):
        titles(tmp_path, "items.csv", "名前と番号の表,番号,説明\n商品一覧,一,二\n".encode("utf-16-le"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_mark_of_utf_8_is_no_part_of_the_first_column(tmp_path: Path, ending: str, zipped: bool) -> None:
    content = TABLES[ending].encode("utf-8-sig")
    assert titles(tmp_path, f"items{ending}", gzip.compress(content) if zipped else content) == ["Lämpchen"]


@pytest.mark.parametrize("header", ['"sku","name"', '"sku",name', "sku,name"])
def test_a_mark_before_a_quoted_header_is_no_part_of_it(tmp_path: Path, header: str) -> None:
    assert titles(tmp_path, "items.csv", f"\ufeff{header}\r\ni1,Lamp\r\n".encode()) == ["Lamp"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_bytes_that_are_no_utf_8_are_named_with_their_line(
    tmp_path: Path, ending: str, encoding: str
) -> None:
    line = 1 if ending == ".jsonl" else 2
    with pytest.raises(SourceError, match=rf"line {line} is not UTF-8"):
        titles(tmp_path, f"items{ending}", TABLES[ending].encode(encoding))


@pytest.mark.parametrize("first", ["sep=,", "sep=;", '"sep=,"', "SEP=,", "\ufeffsep=,", "sep=\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_excels_line_about_separators_is_told(tmp_path: Path, first: str, end: str, ending: str) -> None:
    with pytest.raises(
        SourceError,
        match=r"(?i)begins with .*sep=.*a line by which Excel knows the separator.*remove the first line",
    ):
        titles(tmp_path, f"items{ending}", (first + end + TABLES[ending]).encode())


def test_a_column_may_be_called_sep(tmp_path: Path) -> None:
    assert titles(tmp_path, "items.csv", b"sep=,sku,name\n1,i1,Lamp\n") == ["Lamp"]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"PK\x03\x04", "a zip archive or an Excel workbook, not csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"PAR1", "a Parquet file"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"SQLite format 3\0", "an SQLite database"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, head: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=rf"items.csv is {said}.*export it as Parquet, or as text in UTF-8"):
        titles(tmp_path, "items.csv", head + b"x" * 60)


def test_lines_that_end_with_cr_alone_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"items.csv ends its lines with CR alone.*save it with LF"):
        titles(tmp_path, "items.csv", b"sku,name\ri1,Lamp\ri2,Rug\r")


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz", "items.tsv", "items.jsonl", "items.jsonl.gz"])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_gzipped_text_is_read_whole_whatever_its_name_says(tmp_path: Path, name: str, members: int) -> None:
    ending = name.removeprefix("items").removesuffix(".gz")
    lines = TABLES[ending].encode().replace(b"\r", b"").splitlines(keepends=True)
    header, row = (b"", lines[0]) if ending == ".jsonl" else lines
    parts = [row.replace(b"i1", b"i%d" % number) for number in range(members)]
    content = b"".join(gzip.compress(part, mtime=0) for part in (header + parts[0], *parts[1:]))
    assert titles(tmp_path, name, content) == ["Lämpchen"] * members


def test_a_gzipped_file_without_gz_in_its_name_that_is_torn_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"line 3 has 3 fields, the header has 2"):
        titles(tmp_path, "items.csv", gzip.compress(b"sku,name\n1,a\n2,b,c\n"))


def test_a_parquet_file_is_asked_for_no_encoding(tmp_path: Path) -> None:
    pl.DataFrame({"sku": ["i1"], "name": ["Lamp"]}).write_parquet(tmp_path / "items.parquet")
    assert titles(tmp_path, "items.parquet", (tmp_path / "items.parquet").read_bytes()) == ["Lamp"]
