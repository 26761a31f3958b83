import os
import sys
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from nightshift.errors import IntegrityError, NightshiftError, TableError
from nightshift.storage.downloads import sha256_of
from nightshift.storage.store import Store, digest_of
from nightshift.tables import INTERACTIONS, ITEM_FEATURES, ITEMS, REJECTS

NIGHT = date(2024, 1, 2)
EARLIER = date(2024, 1, 1)


def features(value: float = 1.0, rows: int = 3) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [str(n) for n in range(rows)], "popularity": [value] * rows})


def rejected(reason: str) -> pl.DataFrame:
    row = dict.fromkeys(REJECTS.columns) | {"table": "items", "key": "1", "reason": reason}
    return pl.DataFrame([row], schema=REJECTS.schema)


def bytes_under(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_published_night_is_read_back_and_anyone_can_read_it_without_us(store: Store) -> None:
    manifest = store.publish(
        ITEM_FEATURES,
        NIGHT,
        features(),
        inputs={"items 2024-01-02": "d"},
        fallbacks={"carried": 2, "group": 0},
    )
    assert store.read(ITEM_FEATURES, NIGHT).equals(ITEM_FEATURES.conform(features()))
    assert (
        pl.read_parquet(
            store.root / "item_features" / "as_of=2024-01-02" / "*.parquet", hive_partitioning=False
        ).height
        == 3
    )
    assert (manifest.rows, manifest.inputs, manifest.fallbacks) == (
        3,
        {"items 2024-01-02": "d"},
        {"carried": 2},
    )
    assert store.manifest("item_features", NIGHT) == manifest
    assert [path.name for path in store.root.rglob("*") if path.name.startswith(".")] == []


def test_a_frame_that_does_not_fit_publishes_nothing_and_leaves_the_night_as_it_was(store: Store) -> None:
    with pytest.raises(TableError):
        store.publish(ITEMS, NIGHT, features())
    assert list(store.root.rglob("*")) == []
    store.publish(ITEM_FEATURES, NIGHT, features())
    before = bytes_under(store.root)
    with pytest.raises(TableError, match="not unique"):
        store.publish(ITEM_FEATURES, NIGHT, pl.concat([features(), features()]))
    with pytest.raises(TableError):
        store.publish(ITEM_FEATURES, NIGHT, features(2.0), rejects=features())
    assert bytes_under(store.root) == before


def test_publishing_the_same_content_again_touches_no_file(store: Store) -> None:
    store.publish(
        ITEM_FEATURES, NIGHT, features(), inputs={"a": "1"}, rejects=rejected("x"), metadata={"tokens": 10}
    )
    before = bytes_under(store.root)
    store.publish(
        ITEM_FEATURES, NIGHT, features(), inputs={"a": "1"}, rejects=rejected("x"), metadata={"tokens": 0}
    )
    assert bytes_under(store.root) == before


def test_the_same_content_gives_the_same_bytes_and_digest_in_another_home(tmp_path: Path) -> None:
    manifests = [Store(tmp_path / home).publish(ITEM_FEATURES, NIGHT, features()) for home in ("a", "b")]
    assert manifests[0].files == manifests[1].files
    assert manifests[0].digest == manifests[1].digest
    assert digest_of({"item_features": manifests[0]}) == {"item_features 2024-01-02": manifests[1].digest}


@pytest.mark.parametrize(
    "change",
    [
        {"frame": features(2.0)},
        {"inputs": {"a": "2"}},
        {"rejects": rejected("y")},
        {"fallbacks": {"template": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_content_inputs_rejects_or_fallbacks_take_the_nights_place(
    store: Store, change: dict[str, object]
) -> None:
    plain = {"frame": features(), "inputs": {"a": "1"}, "rejects": rejected("x"), "fallbacks": {}}
    store.publish(ITEM_FEATURES, NIGHT, **plain)  # type: ignore[arg-type]
    manifest = store.publish(ITEM_FEATURES, NIGHT, **plain | change)  # type: ignore[arg-type]
    assert store.manifest(ITEM_FEATURES, NIGHT) == manifest
    wanted = (plain | change)["frame"]
    assert store.read(ITEM_FEATURES, NIGHT).equals(ITEM_FEATURES.conform(wanted))  # type: ignore[arg-type]
    assert [path.name for path in (store.root / "item_features").iterdir()] == ["as_of=2024-01-02"]


def test_fewer_rows_leave_no_old_part_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightshift.storage.store.ROWS_PER_PART", 2)
    assert len(store.publish(ITEM_FEATURES, NIGHT, features(rows=5)).files) == 3
    assert store.read(ITEM_FEATURES, NIGHT)["item_id"].to_list() == ["0", "1", "2", "3", "4"]
    store.publish(ITEM_FEATURES, NIGHT, features(rows=1))
    assert (
        pl.read_parquet(store.folder(ITEM_FEATURES, NIGHT) / "part-*.parquet", hive_partitioning=False).height
        == 1
    )


def test_a_night_without_rows_is_published_with_its_columns(store: Store) -> None:
    store.publish(INTERACTIONS, NIGHT, INTERACTIONS.empty())
    assert store.has(INTERACTIONS, NIGHT)
    assert store.read(INTERACTIONS, NIGHT).schema == INTERACTIONS.schema


def test_rejects_are_kept_beside_the_night_and_out_of_its_rows(store: Store) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(), rejects=rejected("too_long"))
    assert store.rejects(ITEM_FEATURES, NIGHT)["reason"].to_list() == ["too_long"]
    assert store.read(ITEM_FEATURES, NIGHT).height == 3
    store.publish(ITEM_FEATURES, EARLIER, features())
    assert store.rejects(ITEM_FEATURES, EARLIER).is_empty()


def test_nights_are_found_by_day(store: Store) -> None:
    for night in (date(2024, 1, 10), NIGHT, date(2023, 12, 31)):
        store.publish(ITEM_FEATURES, night, features())
    (store.root / "item_features" / "as_of=2024-03-01").mkdir()  # a folder without a manifest is no night
    assert store.nights(ITEM_FEATURES) == [date(2023, 12, 31), NIGHT, date(2024, 1, 10)]
    assert store.newest(ITEM_FEATURES) == date(2024, 1, 10)
    assert store.newest(ITEM_FEATURES, NIGHT) == NIGHT
    assert store.before(ITEM_FEATURES, NIGHT) == date(2023, 12, 31)
    assert store.before(ITEM_FEATURES, date(2023, 12, 31)) is None
    assert store.published() == {"item_features": store.nights(ITEM_FEATURES)}
    assert store.read_or_empty(ITEMS, NIGHT).schema == ITEMS.schema


def test_a_missing_night_is_named_with_the_published_ones(store: Store) -> None:
    with pytest.raises(NightshiftError, match=r"no published night 2024-01-02; published: none"):
        store.read(ITEM_FEATURES, NIGHT)
    store.publish(ITEM_FEATURES, EARLIER, features())
    with pytest.raises(NightshiftError, match=r"no published night 2024-01-02; published: 2024-01-01"):
        store.scan("item_features", NIGHT)


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("name", ["part-00000", "_rejects"])
def test_a_flipped_byte_or_a_lost_file_is_found_and_publishing_again_heals_it(
    store: Store, name: str
) -> None:
    def publish() -> None:
        store.publish(ITEM_FEATURES, NIGHT, features(), rejects=rejected("x"))

    publish()
    store.verify(ITEM_FEATURES, NIGHT)
    (path,) = store.folder(ITEM_FEATURES, NIGHT).glob(f"{name}*")
    flip(path)
    with pytest.raises(IntegrityError, match=f"{name}.*materialize 2024-01-02"):
        store.verify(ITEM_FEATURES, NIGHT)
    publish()
    store.verify(ITEM_FEATURES, NIGHT)
    path.unlink()
    with pytest.raises(IntegrityError, match="no file"):
        store.verify(ITEM_FEATURES, NIGHT)
    publish()
    store.verify(ITEM_FEATURES, NIGHT)


def test_a_night_killed_between_its_two_renames_is_back_at_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(1.0))
    target = store.folder(ITEM_FEATURES, NIGHT)
    target.rename(target.with_name(".as_of=2024-01-02.replaced-0123abcd"))
    assert store.has(ITEM_FEATURES, NIGHT) is False
    again = Store(tmp_path)
    assert again.read(ITEM_FEATURES, NIGHT)["popularity"].to_list() == [1.0] * 3
    assert [path.name for path in target.parent.iterdir()] == ["as_of=2024-01-02"]


def test_an_old_night_that_was_already_replaced_never_comes_back(store: Store, tmp_path: Path) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(1.0))
    target = store.folder(ITEM_FEATURES, NIGHT)
    target.rename(target.with_name(".as_of=2024-01-02.replaced-0123abcd"))
    store.publish(
        ITEM_FEATURES, NIGHT, features(2.0)
    )  # killed after its second rename, before the old night was removed
    assert Store(tmp_path).read(ITEM_FEATURES, NIGHT)["popularity"].to_list() == [2.0] * 3
    assert [path.name for path in target.parent.iterdir()] == ["as_of=2024-01-02"]


def test_what_a_killed_writer_left_is_never_read_and_swept_after_a_day(store: Store, tmp_path: Path) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features())
    left = store.root / "item_features" / ".as_of=2024-01-02.0123abcd"
    left.mkdir()
    features(9.0).write_parquet(left / "part-00000.parquet")
    anyone = pl.read_parquet(store.root / "item_features" / "as_of=*" / "part-*.parquet")
    assert anyone["popularity"].to_list() == [1.0] * 3
    assert Store(tmp_path).nights(ITEM_FEATURES) == [NIGHT]
    assert left.exists()
    os.utime(left, (time.time() - 90_000,) * 2)
    Store(tmp_path)
    assert not left.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot exchange two folders at once")
def test_a_night_that_is_published_again_is_never_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(1.0))
    rename, seen = Path.rename, list[bool]()

    def watched(path: Path, target: Path) -> Path:
        done = rename(path, target)
        seen.append(store.has(ITEM_FEATURES, NIGHT))
        return done

    monkeypatch.setattr(Path, "rename", watched)
    store.publish(ITEM_FEATURES, NIGHT, features(2.0))
    assert store.read(ITEM_FEATURES, NIGHT)["popularity"].to_list() == [2.0] * 3
    assert seen != []
    assert all(seen)
    assert [path.name for path in (store.root / "item_features").iterdir()] == ["as_of=2024-01-02"]


def test_a_night_that_another_run_replaces_while_it_is_verified_is_published_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(1.0))

    def replaced(path: Path) -> str:
        if path.parent == store.folder(ITEM_FEATURES, NIGHT):
            monkeypatch.setattr("nightshift.storage.store.sha256_of", sha256_of)
            Store(store.home).publish(ITEM_FEATURES, NIGHT, features(2.0))
        return sha256_of(path)

    monkeypatch.setattr("nightshift.storage.store.sha256_of", replaced)
    store.publish(ITEM_FEATURES, NIGHT, features(3.0))
    assert store.read(ITEM_FEATURES, NIGHT)["popularity"].to_list() == [3.0] * 3


def test_rejects_that_are_replaced_while_they_are_read_are_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features(), rejects=rejected("x"))
    read = pl.read_parquet

    def vanished(path: Path, glob: bool) -> pl.DataFrame:
        monkeypatch.setattr(pl, "read_parquet", read)
        raise FileNotFoundError(path)

    monkeypatch.setattr(pl, "read_parquet", vanished)
    assert store.rejects(ITEM_FEATURES, NIGHT)["reason"].to_list() == ["x"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_runs_that_publish_the_same_night_at_once_leave_one_whole_night(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr("nightshift.storage.durable.exchange", lambda one, other: False)
    failures: list[BaseException] = []

    def publish(value: float) -> None:
        try:
            for _ in range(10):
                Store(tmp_path).publish(ITEM_FEATURES, NIGHT, features(value))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(value,)) for value in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = Store(tmp_path)
    store.verify(ITEM_FEATURES, NIGHT)
    assert store.read(ITEM_FEATURES, NIGHT)["popularity"].n_unique() == 1
    assert [path.name for path in (store.root / "item_features").iterdir()] == ["as_of=2024-01-02"]


def test_a_reader_of_a_night_of_many_parts_never_mixes_two_versions_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightshift.storage.store.ROWS_PER_PART", 1)
    store, failures = Store(tmp_path), []
    store.publish(ITEM_FEATURES, NIGHT, features(0.0, rows=12))
    stop = threading.Event()

    def publish() -> None:
        try:
            for value in range(1, 40):
                store.publish(ITEM_FEATURES, NIGHT, features(float(value), rows=12 - value % 3))
        except BaseException as error:
            failures.append(error)
        stop.set()

    publisher = threading.Thread(target=publish)
    publisher.start()
    seen = set()
    while not stop.is_set():
        night = store.read(ITEM_FEATURES, NIGHT)
        (value,) = night["popularity"].unique()
        assert night.height == 12 - int(value) % 3
        seen.add(value)
    publisher.join()
    assert failures == []
    assert len(seen) > 1, "nothing was replaced while it was read"


def test_a_manifest_is_waited_for_while_its_night_is_being_replaced(store: Store) -> None:
    store.publish(ITEM_FEATURES, NIGHT, features())
    target = store.folder(ITEM_FEATURES, NIGHT)
    aside = target.with_name(f".{target.name}.replaced-0123abcd")
    target.rename(aside)
    back = threading.Timer(0.1, lambda: aside.rename(target))
    back.start()
    assert store.read(ITEM_FEATURES, NIGHT).height == 3
    back.join()


def test_a_night_that_lacks_a_part_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightshift.storage.store.READS", 3)
    store.publish(ITEM_FEATURES, NIGHT, features())
    next(store.folder(ITEM_FEATURES, NIGHT).glob("part-*")).unlink()
    with pytest.raises(IntegrityError, match="lacks files its manifest lists; materialize 2024-01-02"):
        store.read(ITEM_FEATURES, NIGHT)


def test_moments_and_lists_survive_the_round_trip(store: Store) -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["1", "2"],
            "title": ["Amélie 🎬", "طفل"],
            "text": ["a\nb", None],
            "attributes": [["x", "y"], []],
            "created_at": [datetime(2024, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC), None],
        }
    )
    store.publish(ITEMS, NIGHT, frame)
    assert store.read(ITEMS, NIGHT).equals(ITEMS.conform(frame))


@pytest.mark.parametrize("home", ["home [v2]", "home [!a]", "a*b?c", "{x}"])
def test_a_home_whose_name_looks_like_a_pattern_is_a_home(tmp_path: Path, home: str) -> None:
    store = Store(tmp_path / home)
    store.publish(ITEM_FEATURES, NIGHT, features(), rejects=rejected("x"))
    assert store.read(ITEM_FEATURES, NIGHT).equals(ITEM_FEATURES.conform(features()))
    assert store.rejects(ITEM_FEATURES, NIGHT)["reason"].to_list() == ["x"]
    assert store.nights(ITEM_FEATURES) == [NIGHT]
