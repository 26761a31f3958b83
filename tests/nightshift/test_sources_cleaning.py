import html
import re
import sys
import time
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.sources import ItemsSource, clean_text, read_items
from nightshift.sources.cleaning import NORMAL, cleaned


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
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
        ),
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


@settings(deadline=None, max_examples=60)
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
    assert read_items(ItemsSource(path="i.jsonl", item_id="id", title="t"), tmp_path).frame[
        "title"
    ].to_list() == ["x y \U0001f600"]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("one<br/>two<BR>three<br />four", "one two three four"),
        ("H<sub>2</sub>O and <b>bold</b>ness", "H2O and boldness"),
        ("<ul><li>red</li><li>blue</li></ul>", "red blue"),
        ("<a href=\"x>y\" title='q'>link</a> <custom-box width=1>z", "link z"),
        ("<td nowrap align=left>x</td >", "x"),
        ("<script type='x'>if (a < b) { f('<b>') }</script>after<style>p { x: y }</style>", "after"),
        ("<!-- hidden -->seen<![CDATA[ data ]]><!DOCTYPE html>", "seen data"),
        ("AT&amp;T &copy; caf&eacute; &#39;q&#39; &#x1F600; 5&nbsp;mm", "AT&T © café 'q' \U0001f600 5 mm"),
        ("&lt;p&gt;escaped once&lt;/p&gt;", "escaped once"),
        ("&amp;lt;b&amp;gt;twice&amp;lt;/b&amp;gt; &amp;amp;amp; more", "twice & more"),
        ("<b<i>>nested &&#35;38;lt;b> &#60;<!-- -->b&#62;", "nested < b>"),
        ("hidden &#8238;direction &#0;&#x80;", "hidden direction \ufffd€"),
        ("<\u202ebr>parted", "parted"),
    ],
)
def test_of_html_stays_what_a_reader_sees(raw: str, clean: str) -> None:
    assert clean_text(raw, 500) == clean
    assert clean_text(clean, 500) == clean


@pytest.mark.parametrize(
    "text",
    [
        "5 < 6 and 7 > 3",
        "if a<b and c>d, x<y",
        "I <3 you, R&D, AT&T, Q&A; a&b;",
        "List<String>, vector<int>, Map<K, V>, #include <stdio>",
        "&foo; &copy 2020 &notanentity; &#99999999;",
        "<unknown> <p <b",
        "https://shop.example/the-best-laptop?b=1&c=2",
        "I want to read more",
        "Read more",
        "Knowing more or less. See morels",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert clean_text(text, 500) == text


@pytest.mark.parametrize("label", ["Read more", "See more »", "Show less...", " Read more Read more"])
def test_the_label_of_a_link_goes_from_the_end_and_only_from_there(label: str) -> None:
    assert clean_text(f"A dark comedy... {label}", 500) == "A dark comedy..."
    assert clean_text(f"A dark comedy. {label} of it in London", 500).startswith(
        f"A dark comedy. {label.strip()}"
    )


MARKUP = (
    "< > & ; &amp; amp; lt; &lt; gt; &gt; &#60; #38; &#35; <b> </b> <br /> <script> </script> <!-- --> "
    "&#8238; &nbsp; &ngE; &#x301; x=1"
)
PIECES = st.sampled_from(
    [*MARKUP.split(" "), " ", "\n", "word", "b", "p", "é", "e\u0301", "\u202e", "\u037e"]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_markup_in_markup_is_undone_and_cleaning_twice_changes_nothing(text: str) -> None:
    clean = clean_text(text, 10_000)
    assert clean_text(clean, 10_000) == clean
    assert not re.search(r"(?i)</?(b|br|p|script)\s*/?>|&(lt|gt|amp|nbsp|#60|#38|#35);", clean)


@settings(deadline=None, max_examples=60)
@given(
    st.text(
        st.characters(exclude_characters="<&", exclude_categories=["Cc", "Cs", "Cf", "Co", "Cn"]), max_size=80
    )
)
def test_text_without_markup_loses_nothing_but_space(text: str) -> None:
    whole = unicodedata.normalize("NFC", text)
    assert clean_text(text + ".", 10_000) == " ".join((whole + ".").split())


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Co", "Cn"]), max_size=40))
def test_escaping_once_or_three_times_is_undone(text: str) -> None:
    once = html.escape(text)
    assert (
        clean_text(once, 10_000)
        == clean_text(text, 10_000)
        == clean_text(html.escape(html.escape(once)), 10_000)
    )


def test_characters_that_are_not_normalised_could_not_be_otherwise() -> None:
    inside = re.compile(f"[{re.sub(r'u{([0-9A-F]+)}', lambda found: 'u' + found[1].rjust(4, '0'), NORMAL)}]")
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        parts = unicodedata.decomposition(letter)
        if inside.match(letter):
            assert unicodedata.is_normalized("NFC", letter)
        if parts and not parts.startswith("<") and " " in parts and unicodedata.is_normalized("NFC", letter):
            assert not inside.match(chr(int(parts.split(" ")[1], 16))), (
                f"{letter} is composed with a character of NORMAL"
            )


@pytest.mark.parametrize(
    "piece", ["<script>", "<b ", "&amp;", "<!--", "<p x='", "&#38;#38;", "<b<i>>", "... Read more "]
)
def test_a_megabyte_of_hostile_markup_takes_no_minute(piece: str) -> None:
    text = pl.DataFrame({"text": [piece * (1_000_000 // len(piece))]})
    started = time.process_time()
    text.select(cleaned(pl.col("text")))
    assert time.process_time() - started < 20


def test_nulls_lists_and_empty_columns_keep_their_places(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"id": [1, 2, 3], "t": ["<b>x</b>", None, "<br>"], "a": [["<i>Red</i> &amp; blue", "<br>"], None, []]}
    )
    rows.write_parquet(tmp_path / "i.parquet")
    read = read_items(
        ItemsSource(path="i.parquet", item_id="id", title="t", text="t", attributes="a"), tmp_path
    ).frame
    assert read["text"].to_list() == ["x", None, None]
    assert read["title"].to_list() == ["x", "2", "3"]
    assert read["attributes"].to_list() == [["Red & blue"], None, []]
    assert pl.DataFrame({"t": []}, schema={"t": pl.String}).select(cleaned(pl.col("t"))).height == 0
