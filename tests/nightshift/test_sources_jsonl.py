"""JSONL as programs write it: numbers that JSON has not, large ids, wide maps, blank lines, torn lines."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import SourceError
from nightshift.sources import EventsRead, InteractionsSource, read_interactions
from nightshift.sources.onboarding.samples import Sample

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROW = {"user": "u0", "sku": "i0", "at": "2026-10-01T06:00:00Z"}


def line(**more: object) -> bytes:
    return json.dumps(ROW | more).encode() + b"\n"


def events(folder: Path, content: bytes, name: str = "events.jsonl", **mapping: object) -> EventsRead:
    (folder / name).write_bytes(content)
    source = {
        "path": name,
        "user_id": "user",
        "item_id": "sku",
        "timestamp": "at",
        "max_rejected_share": 1,
    } | mapping
    items = pl.DataFrame({"item_id": ["i0"]})
    return read_interactions(InteractionsSource.model_validate(source), folder, items, before=None, now=NOW)


@pytest.mark.parametrize("name", ["events.jsonl", "events.ndjson", "events.jsonl.gz", "events [1].ndjson.gz"])
@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "-Infinity", "[1.0, NaN]", '{"d": [NaN, {"x": -Infinity}]}', 'NaN, "b":Infinity'],
)
def test_numbers_that_json_has_not_are_missing_values(tmp_path: Path, name: str, value: str) -> None:
    content = line(user="u1") + line()[:-2] + f', "stars": {value}}}\n'.encode()
    assert events(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name).frame[
        "user_id"
    ].to_list() == ["u0", "u1"]


def test_a_mapped_value_that_is_no_number_is_missing_and_a_reject(tmp_path: Path) -> None:
    content = line(stars=4.0) + line(user="u1", stars=float("nan")) + line(user=float("nan"), stars=5.0)
    found = events(tmp_path, content, feedback="explicit", label="stars", positive_from=3)
    assert found.frame["user_id"].to_list() == ["u0"]
    assert found.dropped == {"label is missing or unreadable": 1, "user_id is missing": 1}


@pytest.mark.parametrize("text", ["NaN", "a NaN, b", '"NaN"', "Infinity", "\\", '\\": NaN, "x', "-Infinity]"])
def test_the_same_words_in_a_text_stay(tmp_path: Path, text: str) -> None:
    content = line(kind=text, stars=float("nan")) + line(user="u1", kind="k", stars=1.5)
    assert events(tmp_path, content, kind="kind").frame["kind"].to_list() == [text, "k"]


def test_the_first_look_reads_them_too(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(line(stars=4.0) + line(stars=float("nan")))
    assert Sample.of("interactions", "events.jsonl", tmp_path, 10).frame["stars"].to_list() == [4.0, None]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"user": "u1", "stars": NaN', "line 2 is not JSON"),
        (b'{"user": "u1", "stars": nan}', "line 2 is not JSON"),
        (b'{"user": "u1", "stars": NaNs}', "line 2 is not JSON"),
        (b"{'user': 'u1'}", "line 2 is not JSON"),
        (
            b'{"user": "u1", "stars": 1e999}',
            "line 2 holds 1e999, which is larger than any number; write null",
        ),
        (b"NaN", "line 2 is not a JSON object"),
        (b"[1, 2]", "line 2 is not a JSON object"),
    ],
)
@pytest.mark.parametrize("last", [b"", b'{"user": "u2", "stars": NaN}\n'])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, bad: bytes, words: str, last: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        events(tmp_path, line() + bad + b"\n" + last)
    assert words in str(caught.value)


def test_blank_lines_crlf_and_a_lost_last_line_end_are_no_rows(tmp_path: Path) -> None:
    content = b"\r\n" + line().replace(b"\n", b"\r\n") + b"\r\n\n  \n" + line(user="u1").strip()
    assert events(tmp_path, content).frame["user_id"].to_list() == ["u0", "u1"]


def test_lone_surrogates_go_and_their_text_stays(tmp_path: Path) -> None:
    content = line(kind="a\ud800b") + line(user="u1", kind="😀")
    assert [kind.replace("\0", "") for kind in events(tmp_path, content, kind="kind").frame["kind"]] == [
        "ab",
        "😀",
    ]


def test_ids_of_23_digits_keep_every_digit(tmp_path: Path) -> None:
    ids = [12345678901234567890123, 12345678901234567890124, 7]
    content = b"".join(line(user=one) for one in ids)
    assert sorted(events(tmp_path, content).frame["user_id"]) == sorted(map(str, ids))


def test_nine_thousand_keys_in_a_map_that_is_not_mapped_do_not_matter(tmp_path: Path) -> None:
    content = b"".join(
        line(user=f"u{row}", seen={f"k{row}-{key}": key for key in range(3000)}) for row in range(3)
    )
    assert events(tmp_path, content).frame.height == 3


def test_a_key_that_comes_twice_or_changes_its_type_is_read(tmp_path: Path) -> None:
    content = (
        b'{"user": "u1", "user": "u1", "sku": "i0", "at": "2026-10-01T06:00:00Z", "x": 1}\n'
        + line(x="a")
        + line(user="u2", x=[1])
    )
    assert events(tmp_path, content).frame["user_id"].to_list() == ["u0", "u1", "u2"]


def test_parts_of_other_types_and_zones_and_without_rows_are_read_together(tmp_path: Path) -> None:
    moment = pl.Series("at", [datetime(2026, 10, 1, 6)]).dt.replace_time_zone("UTC")
    frames = {
        "a": pl.DataFrame({"user": [1], "sku": ["i0"], "at": moment}),
        "b": pl.DataFrame(
            {
                "user": ["2"],
                "sku": ["i0"],
                "at": moment.dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ms"),
            }
        ),
        "c": pl.DataFrame({"user": [3.0], "sku": ["i0"], "at": ["2026-10-01T08:00:00+02:00"]}),
        "d": pl.DataFrame(schema={"user": pl.Null, "sku": pl.Null, "at": pl.Null}),
        "e": pl.DataFrame(schema={"user": pl.Int64, "sku": pl.String, "at": pl.Datetime("ns")}),
    }
    (tmp_path / "events").mkdir()
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / "events" / f"{name}.parquet")
    (tmp_path / "events" / "f.csv").write_bytes(b"")
    (tmp_path / "events" / "g.csv").write_bytes(b"user,sku,at\r\n4,i0,2026-10-01T06:00:00Z\r\n\r\n")
    source = InteractionsSource(
        path="events", user_id="user", item_id="sku", timestamp="at", max_rejected_share=1
    )
    found = read_interactions(source, tmp_path, pl.DataFrame({"item_id": ["i0"]}), before=None, now=NOW)
    assert found.frame["user_id"].to_list() == ["1", "2", "3", "4"]
    assert found.frame["timestamp"].n_unique() == 1
