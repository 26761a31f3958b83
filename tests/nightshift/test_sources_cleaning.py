import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.sources import ItemsSource, clean_text, read_items


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\x00b\x1b[31mc\x7f\x85d", "abc d".replace("abc", "ab[31mc")),
        ("Cafe\u0301", "Café"),
        ("user\u202egnp.exe \u2066hidden\u2069", "usergnp.exe hidden"),
        ("x\U000e0049\U000e0067nore", "xnore"),
        ("\ufefftitle", "title"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600", "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600"),
        ("שלום עולם", "שלום עולם"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("\u00a0\u3000 ", ""),
    ],
)
def test_what_people_cannot_see_goes_and_what_they_read_stays(raw: str, clean: str) -> None:
    assert clean_text(raw, 100) == clean


def test_a_text_is_cut_at_characters_and_not_at_bytes() -> None:
    assert clean_text("\U0001f600" * 10, 3) == "\U0001f600" * 3
    assert clean_text("ab cd", 3) == "ab"


@given(st.text(st.characters(exclude_categories=())), st.integers(1, 30))
def test_cleaning_is_normal_short_one_line_and_stable(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean) <= limit
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in clean)
    assert clean == " ".join(clean.split())
    assert clean_text(clean, limit) == clean


def test_a_catalogue_is_cleaned_like_a_single_text(tmp_path: Path) -> None:
    texts = ["\u202eabc\x00 \U0001f600", "שלום\n\nעולם", "e\u0301" * 50]
    pl.DataFrame({"id": [1, 2, 3], "t": texts}).write_parquet(tmp_path / "i.parquet")
    source = ItemsSource(path="i.parquet", item_id="id", title="t", text="t", max_text_chars=20)
    assert read_items(source, tmp_path).frame["text"].to_list() == [clean_text(text, 20) for text in texts]


def test_a_lone_surrogate_in_jsonl_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_bytes(b'{"id": "a", "t": "x \\ud83d y \\ud83d\\ude00"}\n')
    assert read_items(ItemsSource(path="i.jsonl", item_id="id", title="t"), tmp_path).frame["title"].to_list() == ["x y \U0001f600"]
