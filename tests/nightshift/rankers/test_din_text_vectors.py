"""Frozen text vectors in DIN's item vectors: who reads them, in which coordinates, and that serving reads
the same."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.features.content import Snapshot, View
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, SimilaritySettings
from nightshift.rankers.context import Context
from nightshift.rankers.din.batches import Blocks
from nightshift.rankers.din.onnx import OnnxDIN
from nightshift.rankers.din.ranker import DINRanker
from nightshift.rankers.din.reference import Reference
from nightshift.rankers.din.settings import DINSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world

PLAIN = DINSettings(
    epochs=1, batch_rows=256, dimension=8, attention_units=16, units=(16,), tiers=0, codes=False
)
READING = PLAIN.model_copy(update={"text_vectors": True})
FEATURES = ("base__item_events",)


class World:
    """Two nights of content, the second with more items, and rows of which only one plain column is read."""

    def __init__(self) -> None:
        world = make_world(SyntheticSettings(n_users=40, n_items=60, days=16))
        first, second = (world.settings.start.date() + timedelta(days=days) for days in (3, 9))
        early = pl.col("item_id").is_in(world.items["item_id"].head(45).implode())
        nights = {first: early, second: pl.lit(True)}
        snapshots = {
            day: Snapshot(
                item_tag_scores=world.tag_scores().filter(kept),
                item_embeddings=world.embeddings().filter(kept),
            )
            for day, kept in nights.items()
        }
        inputs = ExampleInputs(world.items, world.interactions, snapshots)
        self.rows, self.context = build_examples(inputs, ExampleSettings()), Context.of(inputs)
        self.fit = cache(self._fit)

    def split(self, name: str) -> pl.DataFrame:
        return self.rows.filter(pl.col("split") == name)

    def _fit(self, settings: DINSettings, *families: str) -> DINRanker:
        ranker = DINRanker(settings)
        return ranker.fit(
            self.split("train"), self.split("valid"), FEATURES, 0, self.context.seeing(families)
        )

    def scores(self, settings: DINSettings, *families: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return self.fit(settings, *families).predict(self.split("test"), self.context.seeing(families))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def references(ranker: DINRanker) -> dict[str, Reference]:
    assert ranker.inputs is not None
    return {one.name: one for one in ranker.inputs.catalogue.references}


def test_base_is_the_same_to_the_bit_with_the_option_and_llm_is_not(world: World) -> None:
    assert references(world.fit(READING, "base")) == {}
    assert np.array_equal(world.scores(PLAIN, "base"), world.scores(READING, "base"))
    assert np.array_equal(
        world.scores(PLAIN, "base", "llm"), world.scores(PLAIN, "base")
    )  # nothing else of the views is read here
    assert np.abs(world.scores(READING, "base", "llm") - world.scores(PLAIN, "base")).max() > 1e-3


def test_an_arm_reads_its_own_views_and_the_placebo_dealt_ones(world: World) -> None:
    own, dealt = (
        references(world.fit(READING, "base", "llm")),
        references(world.fit(READING, "base", "permuted")),
    )
    assert list(own) == ["llm__hidden", "llm__tags"]
    assert list(dealt) == ["permuted__hidden", "permuted__tags"]
    assert list(references(world.fit(READING, "base", "text"))) == ["text__raw"]
    assert (
        np.abs(world.scores(READING, "base", "llm") - world.scores(READING, "base", "permuted")).max() > 1e-3
    )


def test_a_fitted_network_scores_otherwise_when_its_vectors_are_dealt(world: World) -> None:
    class Dealt(Context):
        def views(self, night: int) -> dict[str, View]:
            found = world.context.seeing(("permuted",)).views(night)
            return {name.replace("permuted", "llm"): view for name, view in found.items()}

    ranker, context = world.fit(READING, "base", "llm"), world.context.seeing(("base", "llm"))
    dealt = Dealt(context.log, context.builder, context.families)
    assert ranker.inputs is not None
    blocks = [Blocks(world.split("test"), one, ranker.inputs, 10**6).read(0) for one in (context, dealt)]
    assert np.array_equal(blocks[0].dense, blocks[1].dense)
    assert not np.array_equal(blocks[0].slots.vectors, blocks[1].slots.vectors)
    assert (
        np.abs(
            ranker.predict(world.split("test"), context) - ranker.predict(world.split("test"), dealt)
        ).max()
        > 1e-3
    )


def test_a_missing_vector_adds_nothing(world: World) -> None:
    ranker, context = world.fit(READING, "base", "llm"), world.context.seeing(("base", "llm"))
    assert ranker.inputs is not None
    block = Blocks(world.split("train"), context, ranker.inputs, 10**6).read(0)
    empty = np.abs(block.slots.vectors).max(1) == 0
    assert 0 < empty.sum() < len(empty)  # the first night lacks a quarter of the items
    assert ranker._network is not None
    projection = ranker._network.projection
    assert projection is not None
    assert not (block.slots.vectors[empty] @ projection.detach().numpy()).any()


def test_another_nights_axes_are_turned_to_those_of_the_reference() -> None:
    random = np.random.default_rng(0)
    raw = (random.normal(size=(400, 6)) @ random.normal(size=(6, 24)) + 3).astype(np.float32)
    items = pl.Series([f"i{number}" for number in range(400)])
    settings = SimilaritySettings(dimensions=6)
    present = np.arange(400) % 7 > 0
    reference = Reference.of(
        "llm__hidden", View.of("hidden", raw[:300], np.ones(300, np.bool_), settings), items[:300]
    )
    spreads = np.linspace(0.6, 1.4, 24, dtype=np.float32)  # other spreads, and with them other axes
    grown = View.of("hidden", raw * spreads * present[:, None], present, settings)
    turned = reference.turned(grown, items)
    both = present[:300]
    before, after = (
        (vectors[:300] * reference.vectors)[both].sum(1).mean() for vectors in (grown.vectors, turned)
    )
    assert after > 0.95 > 0.6 > before
    assert not turned[~present].any()
    assert np.linalg.norm(turned[present], axis=1) == pytest.approx(1, abs=1e-5)


def test_the_same_night_is_read_as_it_is_and_one_without_the_view_as_nothing() -> None:
    raw, items = (
        np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32),
        pl.Series([f"i{number}" for number in range(50)]),
    )
    view = View.of("raw", raw, np.arange(50) > 4, SimilaritySettings())
    reference = Reference.of("text__raw", view, items)
    assert np.array_equal(reference.turned(view, items), view.vectors)
    assert not reference.turned(None, items).any()
    assert not reference.turned(view, items + "-of another shop").any()


def test_onnx_torch_and_a_saved_ranker_agree(world: World, tmp_path: Path) -> None:
    ranker, context = world.fit(READING, "base", "llm"), world.context.seeing(("base", "llm"))
    ranker.save(tmp_path)
    wanted = ranker.predict(world.split("test"), context)
    assert np.array_equal(DINRanker.load(tmp_path).predict(world.split("test"), context), wanted)
    assert np.abs(OnnxDIN.load(tmp_path).predict(world.split("test"), context) - wanted).max() < 1e-5


def test_a_checkpoint_without_the_vectors_is_not_read(world: World, tmp_path: Path) -> None:
    def told(settings: DINSettings, *, stop: bool) -> list[str]:
        words: list[str] = []

        def tell(line: str) -> None:
            words.append(line)
            if stop:
                raise InterruptedError

        ranker = DINRanker(settings.model_copy(update={"checkpoint_steps": 1}), tmp_path / "run.npz", tell)
        ranker.fit(
            world.split("train"), world.split("valid"), FEATURES, 0, world.context.seeing(("base", "llm"))
        )
        return words

    for settings in (PLAIN, READING):
        with pytest.raises(InterruptedError):
            told(settings, stop=True)
        assert (tmp_path / "run.npz").exists()
    assert told(READING, stop=False)[0].startswith("din: going on after")
    with pytest.raises(InterruptedError):
        told(PLAIN, stop=True)
    assert not told(READING, stop=False)[0].startswith("din: going on after")
