"""Every published layout becomes source files that read without a complaint."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nightshift.errors import InputError, SourceError
from nightshift.night.config import load_settings
from nightshift.sources import describe, read_interactions, read_items
from nightshift.sources.datasets.published import blocks
from nightshift.sources.datasets.published.convert import Converted, convert
from nightshift.sources.datasets.published.formats import FORMATS, format_of
from nightshift.sources.datasets.published.original import Member
from tests.nightshift.sources.datasets.layouts import LAYOUTS, U_DATA, U_ITEM


def converted(name: str, folder: Path, **chosen: Any) -> Converted:
    (folder / "in").mkdir()
    return convert(FORMATS[name], LAYOUTS[name](folder / "in"), folder / "out", say=lambda _: None, **chosen)


def test_every_format_has_a_layout_under_test() -> None:
    assert set(LAYOUTS) == set(FORMATS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_download_becomes_sources_that_the_written_configuration_reads_whole(
    name: str, tmp_path: Path
) -> None:
    done = converted(name, tmp_path)
    settings = load_settings(done.out / "nightshift.yaml")
    items = read_items(settings.sources.items, settings.root)
    events = read_interactions(
        settings.sources.interactions, settings.root, items.frame, before=None, now=datetime.now(UTC)
    )
    assert events.rows == done.events
    assert (events.dropped, events.duplicates) == ({}, 0)
    assert set(items.dropped) <= {"item_id appears twice: the first row was kept"}
    assert settings.sources == done.mapping
    assert settings.nights.first <= settings.nights.last
    last = events.frame["timestamp"].max()
    assert settings.nights.last == (
        last.date() if name == "steam-libraries" else date.fromordinal(last.toordinal() + 1)
    )
    assert describe(settings.sources, items, events).lines()


ITEMS = {
    "movielens-100k": ("543", "Les Misérables (1995)", None, ["Drama", "Musical"]),
    "movielens-1m": ("73", "Les Misérables (1995)", None, ["Drama", "Musical"]),
    "movielens-10m": ("73", "Les Misérables (1995)", None, ["Drama"]),
    "movielens-csv": ("11", "The American President (1995)", None, ["Comedy", "Drama", "Romance"]),
    "amazon-2014": (
        "7806397051",
        "WAWO 15 Color Professionl Makeup",
        'It\'s the "best" palette',
        ["Beauty", "Makeup", "Face"],
    ),
    "amazon-2018": ("B000FI4S1E", "Oddly kept", "one text, no list", []),
    "amazon-2023": ("B00YQ6X8EO", "Herbivore Coco Rose", "A spray. With roses.", ["Beauty", "Sprays"]),
    "mind": (
        "N55528",
        'The Brands Queen Elizabeth "Swears" By',
        "Shop the notebooks, jackets, and more.",
        ["lifestyle", "lifestyleroyals"],
    ),
    "yelp": (
        "Pns2l4eNsfO8kk83dixA6A",
        "Abby Rappoport, LAC, CMQ",
        "Santa Barbara CA",
        ["Doctors", "Traditional Chinese Medicine"],
    ),
    "steam": ("761140", "Lost Summoner Kitty", "Single-player", ["Action", "Indie"]),
    "steam-libraries": ("772540", "Battle Royale Trainer", None, None),
    "lastfm-hetrec": ("52", 'Sigur "Rós"', None, None),
    "lastfm-1k": ("a7f7df4a-77d8-4f12-8acd-5c60c93f4de8", "坂本龍一", None, None),
    "recbole": ("302", "L.A. Confidential", None, ["Crime", "Film-Noir"]),
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_says_what_its_line_said(name: str, tmp_path: Path) -> None:
    done = converted(name, tmp_path)
    found = read_items(done.mapping.items, done.out).frame.filter(pl.col("item_id") == ITEMS[name][0])
    assert found.select("item_id", "title", "text", "attributes").row(0) == ITEMS[name]


def events(done: Converted) -> list[tuple[Any, ...]]:
    items = read_items(done.mapping.items, done.out).frame
    read = read_interactions(done.mapping.interactions, done.out, items, before=None, now=datetime.now(UTC))
    return read.frame.select("user_id", "item_id", "timestamp", "label", "request_id").rows()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc, unused-ignore]


EVENTS = {
    "movielens-10m": ("1", "73", utc(1996, 8, 2, 11, 24, 6), 1.0, None),
    "movielens-csv": ("1", "11", utc(1999, 12, 3, 19, 43, 48), 0.0, None),
    "amazon-2014": ("A1YJEY40YUW4SE", "7806397051", utc(2014, 1, 30), 0.0, None),
    "amazon-2023": (
        "AE74DYR3QUGVPZJ3P7RFWBGIX7XQ",
        "B097R46CSY",
        utc(2020, 5, 16, 21, 41, 6, 52000),
        0.0,
        None,
    ),
    "mind": ("U91836", "N55528", utc(2019, 11, 12, 18, 11, 30), 0.0, "MINDsmall_train-2"),
    "goodreads": ("8842281e1d1347389f2ab93d60773d4d", "1333909", utc(2017, 11, 11, 16, 5, 51), 0.0, None),
    "yelp": ("mh_-eMZ6K5RLWhZyISBhwA", "Pns2l4eNsfO8kk83dixA6A", utc(2018, 7, 7, 22, 9, 11), 0.0, None),
    "steam": ("⚡ Ariman ⚡", "761140", utc(2017, 8, 2), 1.0, None),
    "steam-libraries": ("76561197970982479", "772540", utc(2000, 12, 30, 12), 1.0, None),
    "lastfm-hetrec": ("2", "51", utc(2009, 4, 30, 22), 1.0, None),
    "lastfm-1k": (
        "user_000001",
        "f1b1cf71-bd35-4e99-8624-24a6e15f133a",
        utc(2009, 5, 4, 23, 8, 57),
        1.0,
        None,
    ),
    "recbole": ("186", "302", utc(1998, 4, 4, 19, 22, 22), 1.0, None),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_its_moment_and_its_label(name: str, tmp_path: Path) -> None:
    assert EVENTS[name] in events(converted(name, tmp_path))


def test_impressions_of_two_parts_are_different_requests_though_their_ids_are_the_same(
    tmp_path: Path,
) -> None:
    requests = {row[4] for row in events(converted("mind", tmp_path))}
    assert requests == {"MINDsmall_train-1", "MINDsmall_train-2", "MINDsmall_dev-1"}


def test_an_article_of_two_parts_is_one_item(tmp_path: Path) -> None:
    assert converted("mind", tmp_path).items == 3


def test_a_book_has_the_names_of_its_authors_where_they_are_known_and_its_genres_by_frequency(
    tmp_path: Path,
) -> None:
    books = pl.read_parquet(converted("goodreads", tmp_path).out / "items.parquet")
    assert books.row(0, named=True)["authors"] == ["Ronald J. Fields", "626222"]
    assert books.row(0, named=True)["genres"] == ["fiction", "history", "biography"]


def test_a_book_that_was_shelved_without_a_rating_is_no_event(tmp_path: Path) -> None:
    assert converted("goodreads", tmp_path).events == 2


@pytest.mark.parametrize("name", ["amazon-2014", "amazon-2018", "amazon-2023", "goodreads", "yelp", "steam"])
def test_what_sums_up_the_future_is_in_no_file(name: str, tmp_path: Path) -> None:
    done = converted(name, tmp_path)
    columns = set(pl.read_parquet_schema(done.out / "items.parquet")) | set(
        pl.read_parquet_schema(done.out / "interactions.parquet")
    )
    future = {
        "average_rating",
        "rating_number",
        "salesRank",
        "rank",
        "also_buy",
        "stars",
        "review_count",
        "is_open",
        "ratings_count",
    }
    assert not columns & (
        future | {"reviewText", "text", "reviewerName", "similar_books", "popular_shelves", "sentiment"}
    )


def test_only_seen_leaves_out_items_without_events(tmp_path: Path) -> None:
    done = converted("amazon-2018", tmp_path, only_seen=True)
    assert pl.read_parquet(done.out / "items.parquet")["item_id"].unique().to_list() == ["B0000530HU"]


def test_a_folder_of_unpacked_files_reads_like_the_archive(tmp_path: Path) -> None:
    done = converted("movielens-100k", tmp_path)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "u.item").write_bytes(U_ITEM.encode("latin-1"))
    (folder / "u.data").write_text(U_DATA)
    other = convert(FORMATS["movielens-100k"], folder, tmp_path / "other", say=lambda _: None)
    for file in ("items.parquet", "interactions.parquet", "nightshift.yaml"):
        assert (other.out / file).read_bytes() == (done.out / file).read_bytes()


def test_blocks_of_any_size_give_the_same_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    text = "a\tb\n" + "".join(f"{n}\t{'é' * n}\n" for n in range(50)) + "last\tline"
    path.write_bytes(gzip.compress(text.encode()))
    for size in (1, 7, 64, 10_000):
        found = list(blocks.blocks(Member(path), size))
        assert b"".join(block for _, block in found).decode() == text + "\n"
        assert [number for number, _ in found] == [
            1 + text[: len(b"".join(b for _, b in found[:i]).decode())].count("\n") for i in range(len(found))
        ]


def test_a_configuration_that_somebody_edited_is_left_alone(tmp_path: Path) -> None:
    done = converted("recbole", tmp_path)
    assert not done.config_kept
    config = done.out / "nightshift.yaml"
    config.write_text(config.read_text().replace("positive_from: 4.0", "positive_from: 8.0"))
    again = convert(FORMATS["recbole"], tmp_path / "in" / "ml-100k", done.out, say=lambda _: None)
    assert again.config_kept
    assert "positive_from: 8.0" in config.read_text()
    assert not list(done.out.glob("*.partial"))


def test_an_unknown_format_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(InputError, match="did you mean movielens-"):
        format_of("movielens")
    with pytest.raises(InputError, match=r"known are movielens-100k, .*--list"):
        format_of("xyzzy")


def broken(name: str, folder: Path, file: str, content: bytes) -> str:
    (folder / "in").mkdir()
    source = LAYOUTS[name](folder / "in")
    next(source.rglob(file)).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    with pytest.raises(SourceError) as refused:
        convert(FORMATS[name], source, folder / "out", say=lambda _: None)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        (
            "movielens-1m",
            "ratings.dat",
            b"1::1::5::978300760\n1::1::978\n",
            "ratings.dat line 2 has 3 fields, expected are 4 (user_id, ",
        ),
        (
            "movielens-1m",
            "ratings.dat",
            b"1::1::5::978300760\n1::1::five::978\n",
            "ratings.dat: rating 'five' is not a number",
        ),
        (
            "movielens-1m",
            "movies.dat",
            b"1::Toy Story (1995)::Comedy\n2|Jumanji\n",
            "movies.dat line 2 has 1 fields",
        ),
        (
            "amazon-2023",
            "All_Beauty.jsonl.gz",
            b'{"user_id": "a"}\n{"user_id": "b"\n',
            "All_Beauty.jsonl.gz line 2 is no JSON object: '{",
        ),
        (
            "amazon-2023",
            "All_Beauty.jsonl.gz",
            b'{"rating": "good"}\n',
            "line 1, rating should be Float64: 'good'",
        ),
        (
            "amazon-2014",
            "meta_Beauty.json.gz",
            b"{'asin': __import__('os').getcwd()}\n",
            "line 1 is no Python dictionary or JSON object",
        ),
        (
            "mind",
            "behaviors.tsv",
            b"1\tU8\t11/15/2019 12:37:50 PM\tN1\tN3 N4\n",
            "impression MINDsmall_dev-1: 'N3' says no click; the test part",
        ),
        (
            "mind",
            "behaviors.tsv",
            b"1\tU8\t2019-11-15\tN1\tN3-1\n",
            "time '2019-11-15' is no time like %m/%d/%Y",
        ),
        (
            "goodreads",
            "goodreads_interactions*.gz",
            b'{"rating": 4, "date_updated": "2015-01-01"}\n',
            "date_updated '2015-01-01' is no time",
        ),
        (
            "recbole",
            "ml-100k.inter",
            b"user_id\titem_id\n1\t2\n",
            "ml-100k.inter line 1 should name user_id:token, item_id:token",
        ),
        ("recbole", "ml-100k.inter", b"user_id:token\titem_id:token\n1\t2\n", "no column timestamp:float"),
        (
            "recbole",
            "ml-100k.inter",
            b"user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3\n1\t\xff\t3\n",
            "ml-100k.inter line 3 is not UTF-8",
        ),
        ("steam", "steam_reviews.json.gz", b"", "no row was found"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_line_and_value(
    name: str, file: str, content: bytes, message: str, tmp_path: Path
) -> None:
    assert message in broken(name, tmp_path, file, content)
    assert not (tmp_path / "out" / "nightshift.yaml").exists()


def test_a_torn_download_says_to_download_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    source = LAYOUTS["amazon-2023"](tmp_path / "in")
    torn = source / "All_Beauty.jsonl.gz"
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"All_Beauty.jsonl.gz cannot be read .* Download it again"):
        convert(FORMATS["amazon-2023"], source, tmp_path / "out", say=lambda _: None)
    page = tmp_path / "ml-1m.zip"
    page.write_text("<html>not found</html>")
    with pytest.raises(SourceError, match=r"ml-1m.zip is no archive"):
        convert(FORMATS["movielens-1m"], page, tmp_path / "out", say=lambda _: None)


def test_a_missing_file_is_named_with_what_is_expected_and_where_it_is_had(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"nowhere is not there; it should be .*ml-1m.zip.* Download it from https://grouplens.org",
    ):
        convert(FORMATS["movielens-1m"], tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    with pytest.raises(
        SourceError, match=r"holds no movies.csv \(it holds ratings.csv\); expected is ml-32m.zip"
    ):
        convert(FORMATS["movielens-csv"], tmp_path, tmp_path / "out")


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    source = LAYOUTS["amazon-2023"](tmp_path)
    (source / "Books.jsonl.gz").write_bytes(b"")
    with pytest.raises(
        SourceError, match=r"holds 2 files .*All_Beauty.jsonl.gz, Books.jsonl.gz.*keep one data set a folder"
    ):
        convert(FORMATS["amazon-2023"], source, tmp_path / "out")
