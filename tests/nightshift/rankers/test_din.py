import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import roc_auc_score

from nightshift.errors import ModelUnavailable, TableError
from nightshift.features.codes import codes_table, fit_codebook, vectors_of
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.proofs import shuffled_future
from nightshift.features.settings import CodesSettings, ExampleSettings
from nightshift.rankers import Ranker
from nightshift.rankers.context import Context
from nightshift.rankers.din.attention import attend
from nightshift.rankers.din.batches import Blocks, gap_of
from nightshift.rankers.din.checkpoint import Checkpoints
from nightshift.rankers.din.dense import Scaler
from nightshift.rankers.din.network import Batch
from nightshift.rankers.din.onnx import OnnxDIN
from nightshift.rankers.din.ranker import DINRanker
from nightshift.rankers.din.saved import FEATURES_FILE, FORM, WEIGHTS_FILE
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.din.stepping import block_vectors
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.testing import RankerConformance

QUICK = DINSettings(epochs=2, batch_rows=256, dimension=8, attention_units=16, units=(32, 16))


class TestDIN(RankerConformance):
    def make_ranker(self) -> Ranker:
        return DINRanker(DINSettings(epochs=6, batch_rows=64, learning_rate=5e-3, id_dropout=0.5))


class World:
    """A small world whose items talk about what they are, two nights of content with codes, and its rows."""

    def __init__(self) -> None:
        world = make_world(SyntheticSettings(n_users=80, n_items=120, days=20))
        first, second = (world.settings.start.date() + timedelta(days=days) for days in (4, 12))
        embeddings, scores = world.embeddings(), world.tag_scores()
        early = world.items["item_id"].head(100).implode()
        snapshots, books = {}, {}
        for night, kept in ((first, pl.col("item_id").is_in(early)), (second, pl.lit(True))):
            views = vectors_of(embeddings.filter(kept), {"tags": scores.filter(kept)})
            for view in views:
                books.setdefault(view.view, fit_codebook(view, str(night), CodesSettings(size=8)))
            codes = pl.concat(codes_table(books[view.view], view) for view in views)  # type: ignore[arg-type]
            snapshots[night] = Snapshot(
                item_tag_scores=scores.filter(kept), item_embeddings=embeddings.filter(kept), item_codes=codes
            )
        self.inputs = ExampleInputs(world.items, world.interactions, snapshots)
        self.examples = build_examples(self.inputs, ExampleSettings())
        self.context = Context.of(self.inputs)
        self.splits = {
            name: self.examples.filter(pl.col("split") == name) for name in ("train", "valid", "test")
        }

    def features(self, *families: str) -> tuple[str, ...]:
        return tuple(
            name for name in self.examples.columns if name.split("__")[0] in families and "__" in name
        )

    def fit(self, settings: DINSettings, *families: str, seed: int = 0, **more: object) -> DINRanker:
        ranker = DINRanker(settings, **more)  # type: ignore[arg-type]
        return ranker.fit(
            self.splits["train"],
            self.splits["valid"],
            self.features(*families),
            seed,
            self.context.seeing(families),
        )


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def fitted(world: World) -> DINRanker:
    return world.fit(QUICK, "base", "llm")


def padded(
    query: torch.Tensor,
    keys: list[torch.Tensor],
    weights: torch.Tensor,
    bias: torch.Tensor,
    out: torch.Tensor,
) -> torch.Tensor:
    """The attention as the paper writes it, row by row: W[q; k; q-k; q*k], and 0.5 as the last layer's
    bias."""
    rows = []
    for q, k in zip(query, keys, strict=True):
        many = q.expand_as(k)
        hidden = torch.cat([many, k, many - k, many * k], 1) @ weights + bias
        rows.append(
            (
                (torch.nn.functional.prelu(hidden, torch.tensor(0.25, dtype=q.dtype)) @ out + 0.5)[:, None]
                * k
            ).sum(0)
        )
    return torch.stack(rows)


def test_the_split_attention_is_the_papers() -> None:
    torch.manual_seed(0)
    d, units, slots = 6, 10, 15
    table, kinds, weights = (
        torch.randn(slots, d).double(),
        torch.randn(4, d).double(),
        torch.randn(4 * d, units).double(),
    )
    bias, out, slope = (
        torch.randn(units).double(),
        torch.randn(units).double(),
        torch.full((units,), 0.25).double(),
    )
    candidate, lengths = torch.randint(slots, (5,)), [3, 0, 7, 1, 4]
    event, kind = torch.randint(slots, (15,)), torch.randint(4, (15,))
    row = torch.repeat_interleave(torch.arange(5), torch.tensor(lengths))
    of_q, of_k, of_difference, of_product = weights.split(d)
    query = torch.cat([table[candidate], table[candidate] @ (of_q + of_difference) + bias], 1)
    layer = torch.cat([of_product, of_k - of_difference])
    found = attend(query, table, kinds, layer, out, torch.tensor(0.5).double(), slope, (event, kind, row))
    keys = list((table[event] + kinds[kind]).split(lengths))
    assert found.numpy() == pytest.approx(
        padded(table[candidate], keys, weights, bias, out).numpy(), abs=1e-12
    )


def test_the_hand_written_gradient_is_the_numerical_one() -> None:
    torch.manual_seed(0)
    shapes: list[tuple[int, ...]] = [(5, 4 + 6), (7, 4), (3, 4), (8, 6), (6,), (), (6,)]
    tensors = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    places = (torch.randint(7, (12,)), torch.randint(3, (12,)), torch.sort(torch.randint(5, (12,)))[0])
    assert torch.autograd.gradcheck(lambda *given: attend(*given, places), tensors)


def test_a_batch_without_any_history_is_scored(world: World, fitted: DINRanker) -> None:
    stranger = world.splits["test"].head(3).with_columns(user_id=pl.lit("never seen"))
    assert np.isfinite(fitted.predict(stranger, world.context.seeing(("base", "llm")))).all()


def test_a_history_is_strictly_before_the_row_and_newest_events_are_kept(
    world: World, fitted: DINRanker
) -> None:
    assert fitted.inputs is not None
    blocks = Blocks(world.splits["test"], world.context, replace(fitted.inputs, history_length=5), 100)
    block, rows, log = blocks.read(1), world.splits["test"][100:200], world.context.log
    events = pl.DataFrame({"user": log.user, "item": log.item, "time": log.time, "label": log.label})
    for place in range(0, 100, 17):
        row = rows.row(place, named=True)
        user = int(np.flatnonzero(log.users.to_numpy() == row["user_id"])[0])
        past = events.filter(
            (pl.col("user") == user) & (pl.col("time") < int(blocks.moment[100 + place]))
        ).tail(5)
        kinds = block.kinds[block.begins[place] : block.begins[place + 1]]
        assert (kinds % 2).tolist() == past["label"].cast(pl.Int64).to_list()
        assert (kinds // 2).tolist() == gap_of(blocks.moment[100 + place] - past["time"].to_numpy()).tolist()


def test_nothing_after_a_row_changes_what_the_network_reads_of_it(world: World, fitted: DINRanker) -> None:
    moment = world.splits["test"]["timestamp"].min()
    events = shuffled_future(world.inputs.interactions, moment)  # type: ignore[arg-type]
    other = Context.of(replace(world.inputs, interactions=events))
    before = world.examples.filter(pl.col("timestamp") < moment)
    names = ("base", "llm", "permuted")
    assert np.array_equal(
        fitted.predict(before, world.context.seeing(names)), fitted.predict(before, other.seeing(names))
    )


def test_an_arm_reads_the_views_it_may_and_the_placebo_reads_others(world: World) -> None:
    found = {
        families: world.context.seeing(families)
        for families in (("base",), ("base", "text"), ("base", "llm"), ("base", "permuted"))
    }
    assert list(found["base",].views(1)) == []
    assert list(found["base",].codes(1)) == []
    assert list(found["base", "text"].views(1)) == ["text__raw"]
    assert list(found["base", "llm"].views(1)) == ["llm__hidden", "llm__tags"]
    assert list(found["base", "permuted"].codes(1)) == ["permuted__hidden", "permuted__tags"]
    own, dealt = (
        found["base", "llm"].views(1)["llm__hidden"],
        found["base", "permuted"].views(1)["permuted__hidden"],
    )
    assert not np.array_equal(own.vectors, dealt.vectors)


def test_base_sees_no_content_and_llm_finds_more_than_the_placebo(world: World, fitted: DINRanker) -> None:
    def auc(ranker: DINRanker, *families: str) -> float:
        return float(
            roc_auc_score(
                world.splits["test"]["label"],
                ranker.predict(world.splits["test"], world.context.seeing(families)),
            )
        )

    base, dealt = world.fit(QUICK, "base"), world.fit(QUICK, "base", "permuted")
    assert base.inputs is not None
    assert base.inputs.tier_views == ()
    assert base.inputs.catalogue.codes == ()
    assert auc(fitted, "base", "llm") > max(auc(base, "base"), auc(dealt, "base", "permuted")) + 0.01


def test_blocks_change_memory_not_rows(world: World, fitted: DINRanker) -> None:
    assert fitted.inputs is not None
    context = world.context.seeing(("base", "llm"))
    whole = Blocks(world.splits["test"], context, fitted.inputs, 10**6).read(0)
    parts = [Blocks(world.splits["test"], context, fitted.inputs, 500).read(number) for number in range(3)]
    assert np.array_equal(whole.dense[:1500], np.concatenate([part.dense for part in parts]))
    assert fitted._network is not None
    vectors = [block_vectors(fitted._network, block) for block in (whole, parts[1])]
    batches = [Batch.of(whole, np.arange(500, 600)), Batch.of(parts[1], np.arange(100))]
    scores = [
        fitted._network(batch, found[batch.slots]) for batch, found in zip(batches, vectors, strict=True)
    ]
    assert torch.allclose(scores[0], scores[1], atol=1e-6)


def test_many_blocks_train_and_a_lazy_table_is_read_in_place(world: World, tmp_path: Path) -> None:
    small = QUICK.model_copy(update={"block_rows": 700, "epochs": 1})
    world.splits["train"].write_parquet(tmp_path / "train.parquet", row_group_size=500)
    scanned = pl.scan_parquet(tmp_path / "train.parquet")
    context, features = world.context.seeing(("base",)), world.features("base")
    lazy = DINRanker(small).fit(scanned, world.splits["valid"], features, 3, context)
    eager = DINRanker(small).fit(world.splits["train"], world.splits["valid"], features, 3, context)
    assert np.array_equal(
        lazy.predict(world.splits["test"], context), eager.predict(world.splits["test"], context)
    )


def test_onnx_and_torch_agree_to_five_decimals(world: World, fitted: DINRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    served, context = OnnxDIN.load(tmp_path), world.context.seeing(("base", "llm"))
    rows = pl.concat(
        [world.splits["test"], world.splits["test"].head(2).with_columns(user_id=pl.lit("never seen"))]
    )
    assert np.abs(served.predict(rows, context) - fitted.predict(rows, context)).max() < 1e-5


def test_a_file_from_before_the_scores_bias_is_read_as_the_network_it_was(
    world: World, fitted: DINRanker, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    context = world.context.seeing(("base", "llm"))
    with np.load(tmp_path / WEIGHTS_FILE) as file:
        weights = {name: file[name] for name in file.files}
    now = DINRanker.load(tmp_path).predict(world.splits["test"], context)
    assert weights["shift"] != 0
    np.savez(tmp_path / WEIGHTS_FILE, **weights | {"shift": np.zeros((), np.float32)})
    zero = DINRanker.load(tmp_path).predict(world.splits["test"], context)
    assert not np.array_equal(zero, now)
    np.savez(tmp_path / WEIGHTS_FILE, **{name: array for name, array in weights.items() if name != "shift"})
    about = json.loads((tmp_path / FEATURES_FILE).read_text())
    (tmp_path / FEATURES_FILE).write_text(
        json.dumps({name: value for name, value in about.items() if name != "form"})
    )
    assert np.array_equal(DINRanker.load(tmp_path).predict(world.splits["test"], context), zero)


def test_a_file_of_a_later_form_is_refused_not_misread(fitted: DINRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    about = json.loads((tmp_path / FEATURES_FILE).read_text())
    (tmp_path / FEATURES_FILE).write_text(json.dumps(about | {"form": FORM + 1}))
    for load in (DINRanker.load, OnnxDIN.load):
        with pytest.raises(ModelUnavailable, match=r"form 3, this version reads 1 to 2: train again"):
            load(tmp_path)


def test_one_history_is_shared_by_all_candidates(world: World, fitted: DINRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    served = OnnxDIN.load(tmp_path)
    random = np.random.default_rng(0)
    dense = random.normal(size=(40, served.inputs.width)).astype(np.float32)
    candidate, keys = (
        random.normal(size=(40, 8)).astype(np.float32),
        random.normal(size=(1, 12, 8)).astype(np.float32),
    )
    mask = (np.arange(12) < 9).astype(np.float32)[None]
    shared = served.score(dense, candidate, keys, mask)
    assert served.score(dense, candidate, keys.repeat(40, 0), mask.repeat(40, 0)) == pytest.approx(
        shared, abs=1e-6
    )


KILLED = """
import os, signal, sys
from pathlib import Path
from nightshift.rankers.din.ranker import DINRanker
from nightshift.rankers.din.saved import FEATURES_FILE, FORM, WEIGHTS_FILE
from nightshift.rankers.din.settings import DINSettings
from nightshift.testing import RankerConformance

def stop(words):
    if "epoch 2" in words:
        os.kill(os.getpid(), signal.SIGKILL)

rows = RankerConformance()
settings = DINSettings(epochs=3, batch_rows=64, checkpoint_steps=5)
ranker = DINRanker(settings, Path(sys.argv[1]), stop)
ranker.fit(rows._rows(1500, 1), rows._rows(500, 2), rows.features, 0, rows._context())
"""


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    root, file, rows = str(Path(__file__).parents[3]), tmp_path / "run.npz", RankerConformance()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(file)], capture_output=True, env={"PYTHONPATH": root}, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert file.exists()
    words: list[str] = []
    settings = DINSettings(epochs=3, batch_rows=64, checkpoint_steps=5)
    given = (rows._rows(1500, 1), rows._rows(500, 2), rows.features, 0, rows._context())
    resumed = DINRanker(settings, file, words.append).fit(*given)
    assert words[0].startswith("din: going on after")
    assert not file.exists()
    unkilled, scored = DINRanker(settings).fit(*given), rows._rows(300, 3)
    assert np.array_equal(resumed.predict(scored, rows._context()), unkilled.predict(scored, rows._context()))


def test_a_checkpoint_of_another_seed_is_not_read(world: World, tmp_path: Path) -> None:
    def stop(words: str) -> None:
        raise InterruptedError

    settings = QUICK.model_copy(update={"checkpoint_steps": 2})
    with pytest.raises(InterruptedError):
        world.fit(settings, "base", checkpoint=tmp_path / "run.npz", tell=stop)
    words: list[str] = []
    world.fit(settings, "base", seed=1, checkpoint=tmp_path / "run.npz", tell=words.append)
    assert not any("going on" in line for line in words)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "unnamed"])
def test_a_damaged_checkpoint_counts_as_none(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Checkpoints(tmp_path / "run.npz", "rows and settings")
    kept.save({"weights": torch.arange(100.0)})
    assert kept.load()["weights"].tolist() == [*range(100)]
    raw = kept.path.read_bytes() if kept.path else b""
    middle = len(raw) // 2
    flipped = raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]
    (tmp_path / "run.npz").write_bytes(
        {"empty": b"", "cut": raw[:middle], "flipped": flipped}.get(damage, raw)
    )
    if damage == "unnamed":
        np.savez(tmp_path / "run.npz", weights=np.arange(100))
    assert kept.load() == {}
    assert "run.npz is damaged" in caplog.text
    kept.save({"weights": torch.arange(3.0)})
    assert kept.load()["weights"].tolist() == [0, 1, 2]


def test_two_trainings_of_one_night_do_not_damage_each_others_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One name, one run: each writes beside it, whoever reads finds a whole one, and one may end before
    the other."""
    mine, theirs = (Checkpoints(tmp_path / "run.npz", "rows and settings") for _ in range(2))

    def work(kept: Checkpoints) -> set[int]:
        found = set()
        for number in range(60):
            kept.save({"weights": torch.full((4096,), float(number))})
            found |= {len(set(state["weights"].tolist())) for state in [kept.load()] if state}
            if number % 7 == 0:
                kept.remove()
        return found

    with ThreadPoolExecutor(2) as pool:
        assert set().union(*pool.map(work, (mine, theirs))) == {1}, (
            "no state is half of one and half of the other"
        )
    assert "damaged" not in caplog.text
    mine.remove()
    assert (mine.load(), list(tmp_path.iterdir())) == ({}, [])


def test_without_a_context_or_a_graph_the_message_says_what_to_do(
    world: World, fitted: DINRanker, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match=r"Context\.of"):
        fitted.predict(world.splits["test"])
    fitted.save(tmp_path)
    (tmp_path / "din.onnx").unlink()
    with pytest.raises(ModelUnavailable, match=r"din\.onnx is missing"):
        OnnxDIN.load(tmp_path)


def test_codes_of_another_codebook_count_as_none(world: World, fitted: DINRanker) -> None:
    assert fitted.inputs is not None
    catalogue, context = fitted.inputs.catalogue, world.context.seeing(("base", "llm"))
    none = np.repeat(
        np.cumsum([0, *(view.rows for view in catalogue.codes)])[:-1], 2
    )  # each view's own row for no codes
    assert (catalogue.head_rows(context.codes(1), 120) > none).mean() > 0.9
    other = replace(catalogue, codes=tuple(replace(view, codebook="another") for view in catalogue.codes))
    assert (other.head_rows(context.codes(1), 120) == none).all()


def test_the_scaler_standardizes_and_marks_the_missing_once() -> None:
    random = np.random.default_rng(0)
    values = np.exp(random.normal(size=(5000, 3))).astype(np.float32)
    values[:500, 0] = values[:500, 1] = np.nan
    scaler = Scaler.fit([values[:1000], values[1000:]], 3)
    scaled = scaler(values)
    assert scaler.indicators.tolist() == [0]
    assert scaled.shape == (5000, 4)
    assert scaled[500:, :3].mean(0) == pytest.approx(0, abs=0.02)
    assert scaled[500:, :3].std(0) == pytest.approx(1, abs=0.05)
    assert (scaled[:500, :2] == 0).all()
    assert scaled[:, 3].tolist() == [1.0] * 500 + [0.0] * 4500


SERVE = """
import sys
blocked = {"torch", "onnx", "lightgbm", "dagster", "apache_beam", "transformers", "sentence_transformers"}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in blocked else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import numpy as np
from pathlib import Path
from nightshift.rankers.din.onnx import OnnxDIN
served = OnnxDIN.load(Path(sys.argv[1]))
arrays = np.load(Path(sys.argv[1]) / "given.npz")
print(",".join(f"{score:.6f}" for score in served.score(arrays["dense"], arrays["candidate"], arrays["keys"], arrays["mask"])))
"""


def test_serving_needs_no_torch(world: World, fitted: DINRanker, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    random = np.random.default_rng(1)
    shapes = {"dense": (4, fitted.inputs.width), "candidate": (4, 8), "keys": (1, 5, 8), "mask": (1, 5)}  # type: ignore[union-attr]
    given = {name: random.random(shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(tmp_path / "given.npz", **given)  # type: ignore[arg-type]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": root},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = OnnxDIN.load(tmp_path).score(given["dense"], given["candidate"], given["keys"], given["mask"])
    assert done.stdout.strip() == ",".join(f"{score:.6f}" for score in expected)
