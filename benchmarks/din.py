"""Training DIN: ours against networks assembled from FuxiCTR's, torch-rechub's and deepctr-torch's layers.

Seconds are medians; AUC is told on the validation rows and on the test rows, which are later, as the mean
difference over seeds with its standard error: one seed moves by 0.0007.

Everybody learns the same rows of MovieLens-100K (label: rating of 4 or more; the `base` columns as of each
row's moment, the newest 50 events with their sign and time gap) in the same batches of 1,024 with the same
sizes: vectors of 16, 64 attention units, layers of 128 and 64, dropout 0.2, Adam at 0.002, two epochs, one
thread. Rows are prepared beforehand for all. The peers get their layers' own form and beginning (Dice in
the attention), our embeddings, and PyTorch's fused AdamW. Ours reads neither attributes nor content here,
and regularizes ids no more than the peers do.

The peers are no dependency of the project: `pip install -c constraints.txt fuxictr==2.3.10
torch-rechub==0.9.0 deepctr-torch==0.3.0`.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import Ints
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.rankers.context import Context
from nightshift.rankers.din.batches import GAPS, Block, Blocks
from nightshift.rankers.din.network import Network
from nightshift.rankers.din.ranker import inputs_of
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.din.stepping import Stepper, score
from nightshift.sources.datasets.movielens import load

SETTINGS = DINSettings(codes=False, attributes=False, tiers=0, epochs=2, id_dropout=0.0, embedding_decay=0.0)
FIRST_NIGHT = date(1997, 10, 8)
PEERS = ("fuxictr", "torch-rechub", "deepctr-torch")
JUDGED = ("valid", "test")


class Rows:
    """Train, validation and test rows of MovieLens-100K, prepared once."""

    def __init__(self, history: int) -> None:
        data = load("ml-100k", DEFAULT_CACHE)
        settings = ExampleSettings(features=FeatureSettings(families=("base",), lists=False))
        inputs = ExampleInputs(data.items, data.interactions, {FIRST_NIGHT: Snapshot()})
        examples = build_examples(inputs, settings)
        context = Context.of(inputs, settings).seeing(("base",))
        features = tuple(name for name in examples.columns if name.startswith("base__"))
        splits = {name: examples.filter(pl.col("split") == name) for name in ("train", *JUDGED)}
        self.inputs = inputs_of(
            splits["train"], features, context, SETTINGS.model_copy(update={"history_length": history})
        )
        self.blocks = {
            name: Blocks(rows, context, self.inputs, 10**7).read(0) for name, rows in splits.items()
        }
        self.labels = {name: rows["label"].cast(pl.Float32).to_numpy() for name, rows in splits.items()}

    def batches(self, seed: int) -> list[Ints]:
        """The same batches for everybody."""
        chosen = []
        for epoch in range(SETTINGS.epochs):
            order = np.random.default_rng([seed, epoch]).permutation(len(self.blocks["train"]))
            chosen += [
                order[start : start + SETTINGS.batch_rows]
                for start in range(0, len(order), SETTINGS.batch_rows)
            ]
        return chosen

    def auc(self, scored: Callable[[str], NDArray[Any]]) -> tuple[float, ...]:
        """AUC of each judged split, in the order of JUDGED."""
        return tuple(float(roc_auc_score(self.labels[name], scored(name))) for name in JUDGED)


class Padded:
    """A block as padded tensors."""

    def __init__(self, block: Block, length: int) -> None:
        counts = np.diff(block.begins)
        place = block.begins[:-1, None] + np.arange(length)
        valid = np.arange(length) < counts[:, None]
        place = np.where(valid, place, 0)
        ids = block.slots.id
        self.mask, self.dense = torch.from_numpy(valid), torch.from_numpy(block.dense)
        self.history, self.kinds = (
            torch.from_numpy(ids[block.events[place]]),
            torch.from_numpy(block.kinds[place]),
        )
        self.candidate = torch.from_numpy(ids[block.candidate])

    def of(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Some rows of it."""
        return self.dense[rows], self.candidate[rows], self.history[rows], self.kinds[rows], self.mask[rows]


class Peer(nn.Module):
    """Our embeddings and inputs around a library's attention and layers."""

    def __init__(
        self, ids: int, width: int, attention: Callable[..., Tensor], layers: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        d = SETTINGS.dimension
        self.ids, self.kinds = nn.Embedding(ids, d), nn.Embedding(2 * GAPS, d)
        nn.init.normal_(self.ids.weight, std=0.05)
        nn.init.normal_(self.kinds.weight, std=0.05)
        self.attention, self.layers = attention, layers(width + 3 * d)

    def forward(
        self, dense: Tensor, candidate: Tensor, history: Tensor, kinds: Tensor, mask: Tensor
    ) -> Tensor:
        """(rows,) logits."""
        query, keys = self.ids(candidate), (self.ids(history) + self.kinds(kinds)) * mask[:, :, None]
        pooled = self.attention(query, keys, mask) / mask.sum(1, keepdim=True).clamp(min=1).sqrt()
        out: Tensor = self.layers(torch.cat([dense, query, pooled, query * pooled], 1))
        return out.squeeze(-1)


def peer(name: str, rows: Rows) -> Peer:
    """A library's DIN in our sizes."""
    made = {"fuxictr": _fuxictr, "torch-rechub": _rechub, "deepctr-torch": _deepctr}[name]()
    return Peer(rows.inputs.catalogue.ids.len() + 1, rows.inputs.width, *made)


def _fuxictr() -> tuple[Any, Any]:
    from fuxictr.pytorch.layers import DIN_Attention, MLP_Block

    attention = DIN_Attention(
        SETTINGS.dimension, attention_units=[SETTINGS.attention_units], hidden_activations="Dice"
    )
    units = list(SETTINGS.units)
    return attention, lambda width: MLP_Block(
        width, hidden_units=units, output_dim=1, dropout_rates=SETTINGS.dropout
    )


def _rechub() -> tuple[Any, Any]:
    from torch_rechub.basic.layers import MLP
    from torch_rechub.models.ranking.din import ActivationUnit

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unit = ActivationUnit(SETTINGS.dimension, dims=[SETTINGS.attention_units], activation="dice")

        def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
            return self.unit(keys, query)  # type: ignore[no-any-return]

    return Attention(), lambda width: MLP(
        width, dims=list(SETTINGS.units), activation="relu", dropout=SETTINGS.dropout
    )


def _deepctr() -> tuple[Any, Any]:
    from deepctr_torch.layers import DNN
    from deepctr_torch.layers.sequence import AttentionSequencePoolingLayer

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = {"att_hidden_units": (SETTINGS.attention_units,), "embedding_dim": SETTINGS.dimension}
            self.unit = AttentionSequencePoolingLayer(**sizes, att_activation="Dice", supports_masking=True)

        def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
            return self.unit(query[:, None], keys, None, mask=mask).squeeze(1)  # type: ignore[no-any-return]

    return Attention(), lambda width: nn.Sequential(
        DNN(width, SETTINGS.units, dropout_rate=SETTINGS.dropout), nn.Linear(SETTINGS.units[-1], 1)
    )


def ours(rows: Rows, seed: int) -> tuple[float, ...]:
    """CPU seconds of training, then the AUC of each judged split."""
    network = Network(rows.inputs, SETTINGS, torch.Generator().manual_seed(seed))
    stepper, batches = Stepper.of(network, SETTINGS, seed), rows.batches(seed)
    began = time.process_time()
    for chosen in batches:
        stepper.step(rows.blocks["train"], chosen, torch.from_numpy(rows.labels["train"][chosen]))
    return time.process_time() - began, *rows.auc(lambda split: score(network, rows.blocks[split]))


def theirs(name: str, rows: Rows, padded: dict[str, Padded], seed: int) -> tuple[float, ...]:
    """The same of a peer."""
    torch.manual_seed(seed)
    network, batches = peer(name, rows), rows.batches(seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=SETTINGS.learning_rate, weight_decay=SETTINGS.decay, fused=True
    )
    label = torch.from_numpy(rows.labels["train"])
    network.train()
    began = time.process_time()
    for chosen in map(torch.from_numpy, batches):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(*padded["train"].of(chosen)), label[chosen]
        )
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    seconds = time.process_time() - began
    network.eval()
    return seconds, *rows.auc(lambda split: _scored(network, padded[split], len(rows.labels[split])))


@torch.no_grad()
def _scored(network: Peer, rows: Padded, count: int) -> NDArray[Any]:
    parts = [network(*rows.of(part)) for part in torch.split(torch.arange(count), 4096)]
    return torch.cat(parts).numpy()


def main() -> None:
    """Parse the options, measure, print a line a peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=50, help="events a row attends to")
    parser.add_argument("--runs", type=int, default=3, help="seeds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    rows = Rows(options.history)
    padded = {name: Padded(block, options.history) for name, block in rows.blocks.items()}
    train = rows.blocks["train"]
    count = len(train) * SETTINGS.epochs / 10_000
    full = float(np.diff(train.begins).mean()) / options.history
    print(
        f"{len(train):,} rows, histories {full:.0%} full, {SETTINGS.epochs} epochs, {options.threads} "
        f"thread(s)",
        flush=True,
    )
    contestants: dict[str, Callable[[int], tuple[float, ...]]] = {"ours": lambda seed: ours(rows, seed)}
    contestants |= {
        name: (lambda seed, name=name: theirs(name, rows, padded, seed)) for name in options.peers
    }
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in contestants}
    for run in range(options.runs):
        for name in list(contestants) if run % 2 == 0 else list(contestants)[::-1]:
            seconds, valid, test = contestants[name](run)
            found[name].append((seconds / count, valid, test))
            said = (
                f"{seconds / count:.3f} CPU s for 10,000 rows, AUC {valid:.4f} (validation), {test:.4f} "
                f"(test)"
            )
            print(f"run {run + 1}/{options.runs}: {name} {said}", flush=True)
    _summary(found, options.runs)


def _summary(found: dict[str, list[tuple[float, ...]]], runs: int) -> None:
    own = np.array(found["ours"])
    for name in [name for name in found if name != "ours"][::-1]:
        peer = np.array(found[name])
        for place, split in enumerate(JUDGED, 1):
            one, other = own[:, place], peer[:, place]
            print(f"AUC ({split}): ours {one.mean():.4f}, {name} {other.mean():.4f}, {_paired(one - other)}")
        quick, slow = float(np.median(own[:, 0])), float(np.median(peer[:, 0]))
        what = (
            f"ours {quick:.3f}, peer {slow:.3f}, CPU s for 10,000 rows of training against {name}, median "
            f"of {runs} runs"
        )
        print(f"din: ratio {slow / quick:.2f} ({what})")


def _paired(difference: NDArray[Any]) -> str:
    error = difference.std(ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else float("nan")
    return f"difference {difference.mean():+.4f}, standard error {error:.4f}"


if __name__ == "__main__":
    main()
