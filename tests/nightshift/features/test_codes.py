import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nightshift.enrichments.item_tag_scores.calibration import freeze_centres
from nightshift.errors import VectorMismatch
from nightshift.features.code_quality import collisions, entropy, stability
from nightshift.features.codebooks import Codebooks, Coded
from nightshift.features.codes import Codebook, Vectors, codes_table, fit_codebook, size_of, vectors_of
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.proofs import future_shuffle, recompute
from nightshift.features.settings import CodesSettings, ExampleSettings, FeatureSettings
from nightshift.night.night import Night
from nightshift.sources.datasets.synthetic import World
from nightshift.tables import ITEM_CODES
from tests.shop import Shop

SMALL = CodesSettings(levels=3, size=8)


def clusters(items: int = 400, seed: int = 0) -> Vectors:
    """Vectors around eight centres."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(8, 24)) * 4
    raw = centres[np.arange(items) % 8] + random.normal(size=(items, 24))
    return Vectors("raw", "e@1", pl.Series([f"i{n}" for n in range(items)]), raw.astype(np.float32))


def fitted(vectors: Vectors, settings: CodesSettings = SMALL, seed: int = 0) -> Codebook:
    codebook = fit_codebook(vectors, "2024-01-05", settings, seed)
    assert codebook is not None
    return codebook


def views_of(snapshot: Snapshot) -> list[Vectors]:
    return vectors_of(snapshot["item_embeddings"], {"tags": snapshot["item_tag_scores"]})


def code_items(night: Night, sources: list[Vectors], items: int) -> Coded:
    settings = night.settings
    return Codebooks(settings.home_folder, night.as_of, settings.codes, night.run_id).code(sources, items)


def coded(inputs: ExampleInputs) -> ExampleInputs:
    """The inputs with a codebook fitted on the first night and codes on every night."""
    first = inputs.snapshots[min(inputs.snapshots)]
    books = {v.view: fitted(v) for v in views_of(first)}
    snapshots = {}
    for night, snapshot in inputs.snapshots.items():
        found = views_of(snapshot)
        tables = pl.concat(codes_table(books[v.view], v) for v in found)
        snapshots[night] = Snapshot(snapshot, item_codes=tables)
    return replace(inputs, snapshots=snapshots)


def test_the_first_code_tells_planted_clusters_apart() -> None:
    vectors = clusters()
    codes = fitted(vectors).encode(vectors)
    assert codes.shape == (400, 3)
    assert stability(codes, np.stack([np.arange(400) % 8] * 3, axis=1).astype(np.int32)) > 0.95


def test_every_level_brings_the_reconstruction_nearer() -> None:
    vectors = clusters()
    codebook = fitted(vectors)
    left = codebook.whitening(vectors.raw).astype(np.float64)
    spans = [np.square(left).sum()]
    for level, code in enumerate(codebook.encode(vectors).T):
        left = left - codebook.centroids[level][code]
        spans.append(np.square(left).sum())
    assert spans == sorted(spans, reverse=True)
    assert spans[-1] < 0.7 * spans[0]


def test_fitting_twice_gives_the_same_version_and_another_seed_does_not() -> None:
    vectors = clusters()
    assert fitted(vectors).version == fitted(vectors).version
    assert fitted(vectors, seed=1).version != fitted(vectors).version


def test_a_codebook_survives_its_file_and_refuses_another_encoder(tmp_path: Path) -> None:
    vectors = clusters()
    codebook = fitted(vectors)
    codebook.save(tmp_path / "book.npz")
    loaded = Codebook.load(tmp_path / "book.npz")
    assert (loaded.version, loaded.fitted_on) == (codebook.version, "2024-01-05")
    assert np.array_equal(loaded.encode(vectors), codebook.encode(vectors))
    with pytest.raises(VectorMismatch, match="reads e@1, not e@2"):
        loaded.encode(replace(vectors, encoder_id="e@2"))


def test_codes_of_an_item_do_not_depend_on_its_neighbours() -> None:
    vectors = clusters()
    codebook = fitted(vectors)
    alone = replace(vectors, item_ids=vectors.item_ids[7:8], raw=vectors.raw[7:8])
    assert np.array_equal(codebook.encode(alone), codebook.encode(vectors)[7:8])


@pytest.mark.parametrize(
    ("items", "size"), [(1, 1), (3, 2), (20, 16), (1682, 32), (9000, 64), (50_000, 128), (10**6, 256)]
)
def test_small_catalogues_get_few_codes(items: int, size: int) -> None:
    assert size_of(items, CodesSettings()) == size


def test_fewer_than_two_vectors_have_no_codebook() -> None:
    assert fit_codebook(clusters(1), "2024-01-05") is None
    same = replace(clusters(50), raw=np.ones((50, 24), np.float32))
    assert fit_codebook(same, "2024-01-05") is None


def test_quality_is_what_it_says() -> None:
    codes = np.array([[0, 1], [0, 1], [1, 0], [1, 1]], np.int32)
    assert collisions(codes) == 0.5
    assert entropy(codes) == 1.0
    assert entropy(np.zeros((5, 1), np.int32)) == 0.0
    assert stability(codes, 1 - codes) == 1.0
    assert stability(codes, np.array([[0, 0], [1, 0], [1, 0], [1, 0]], np.int32)) == 0.75


def test_views_of_a_night_are_quantized_apart_and_mixed_encoders_refused(world: World) -> None:
    found = vectors_of(world.embeddings(), {"tags": world.tag_scores()})
    assert [vectors.view for vectors in found] == ["hidden", "raw", "tags"]
    assert found[2].raw.shape == (120, 8)
    mixed = world.embeddings().with_columns(encoder_id=pl.col("item_id"))
    with pytest.raises(VectorMismatch, match="mixes encoders"):
        vectors_of(mixed, {"tags": world.tag_scores()})


def test_prefix_columns_pass_both_proofs_and_the_placebo_has_the_same(inputs: ExampleInputs) -> None:
    with_codes = coded(inputs)
    settings = ExampleSettings(features=FeatureSettings(codes=True, lists=False))
    rows = build_examples(with_codes, settings)
    names = [name for name in rows.columns if "_code" in name]
    assert {name.split("__")[0] for name in names} == {"text", "llm", "permuted", "permuted2", "permuted3"}
    of = {
        family: [n.removeprefix(f"{family}__") for n in names if n.startswith(f"{family}__")]
        for family in ("llm", "permuted", "permuted2")
    }
    assert of["llm"] == of["permuted"] == of["permuted2"]
    assert not rows["llm__hidden_code1_rate"].equals(rows["permuted__hidden_code1_rate"])
    assert recompute(with_codes, settings, rows, sample=15) == []
    moment = rows.filter(pl.col("split") != "train")["timestamp"].min()
    assert future_shuffle(with_codes, settings, moment) == []


def test_an_item_without_codes_is_nan_with_an_indicator(inputs: ExampleInputs) -> None:
    rows = build_examples(
        coded(inputs), ExampleSettings(features=FeatureSettings(codes=True, families=("text",), lists=False))
    )
    unwritten = rows.filter(pl.col("item_id").is_in(inputs.items["item_id"][101:].implode()))
    assert unwritten["text__raw_codes_missing"].min() == 1.0
    assert unwritten["text__raw_code1_rate"].is_nan().all()
    assert rows["text__raw_code12_liking"].is_not_nan().any()


def test_the_rate_of_a_prefix_is_that_of_its_items_before_the_row(inputs: ExampleInputs) -> None:
    with_codes = coded(inputs)
    settings = ExampleSettings(features=FeatureSettings(codes=True, families=("text",), lists=False))
    row = (
        build_examples(with_codes, settings)
        .filter(pl.col("text__raw_codes_missing") == 0)
        .row(-1, named=True)
    )
    codes = (
        with_codes.snapshots[row["as_of"]]["item_codes"]
        .filter(pl.col("view") == "raw")
        .with_columns(pl.col("codes").list.first())
    )
    own = codes.filter(pl.col("item_id") == row["item_id"])["codes"].item()
    near = codes.filter(pl.col("codes") == own)["item_id"].implode()
    first = inputs.interactions.filter(
        (pl.col("request_id") == row["group_id"]) & (pl.col("user_id") == row["user_id"])
    )["timestamp"].min()
    past = inputs.interactions.filter(pl.col("timestamp") < first)
    same = past.filter(pl.col("item_id").is_in(near))
    overall = (past["label"].sum() + 1) / (past.height + 2)
    assert row["text__raw_code1_events"] == same.height
    assert row["text__raw_code1_rate"] == pytest.approx(
        (same["label"].sum() + 10 * overall) / (same.height + 10), abs=1e-6
    )


def test_a_night_freezes_its_codebook_and_the_next_one_uses_it(shop: Shop) -> None:
    shop.write(codes={"size": 4})
    first, later = clusters(60), replace(clusters(60, seed=3), item_ids=clusters(60).item_ids)
    begun, next_night = code_items(shop.night(0), [first], 60), code_items(shop.night(1), [later], 60)
    assert begun.table["codebook"].unique().to_list() == next_night.table["codebook"].unique().to_list()
    assert ITEM_CODES.conform(begun.table).height == 60
    assert 0 <= begun.numbers["raw: items with a shared id"] <= 1
    assert 0 < begun.numbers["raw: first code kept by a refit"] <= 1


def test_too_few_vectors_or_switched_off_is_an_empty_table(shop: Shop) -> None:
    assert code_items(shop.night(0), [clusters(60)], 121).table.is_empty()
    shop.write(codes={"enabled": False})
    assert code_items(shop.night(0), [clusters(60)], 60).table.is_empty()


def test_the_default_asks_trees_to_read_no_codes(inputs: ExampleInputs, examples: pl.DataFrame) -> None:
    assert not [name for name in examples.columns if "_code" in name]
    assert min(inputs.snapshots) == date(2024, 1, 5)


@pytest.mark.parametrize("kind", ["item_codes", "tag_centres"])
def test_what_is_fitted_once_is_on_the_disk_before_and_with_its_name(shop: Shop, kind: str) -> None:
    """A frozen file that a power cut left empty would stop every later night."""
    night, seen, watching = shop.night(0), list[tuple[str, str]](), [True]

    def watch(event: str, words: tuple[Any, ...]) -> None:
        if watching and event in ("open", "os.rename") and kind in str(words[0]):
            seen.append(("sync" if event == "open" and words[1] is None else event, Path(str(words[0])).name))

    sys.addaudithook(watch)
    if kind == "item_codes":
        code_items(night, [clusters(60)], 60)
    else:
        freeze_centres(night.context("item_tag_scores"), np.zeros(3), 60, 60)
    watching.clear()
    (hidden,) = [name for event, name in seen if event == "os.rename"]
    order = [step for step in seen if step in (("sync", hidden), ("os.rename", hidden), ("sync", kind))]
    assert order == [("sync", hidden), ("os.rename", hidden), ("sync", kind)]
