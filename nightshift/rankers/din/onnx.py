"""DIN at serving: numpy and ONNX Runtime, no torch.

`OnnxDIN.load(folder)` reads what `DINRanker.save` wrote. `predict` takes rows and a context like every
ranker; a server that keeps item vectors and histories itself calls `vectors` once a night, `keys` once a
user and `score` once a request.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightshift.errors import ModelUnavailable
from nightshift.features.history import Floats, Ints
from nightshift.rankers.base import Rows
from nightshift.rankers.context import Context
from nightshift.rankers.din.batches import Block, Blocks, Slots
from nightshift.rankers.din.saved import GRAPH_FILE, Saved

BATCH = 1024
"""Rows of one run of the graph."""


class OnnxDIN:
    """A saved DIN, loaded for scoring only."""

    name = "din"

    def __init__(self, saved: Saved, session: Any) -> None:
        self.saved, self.inputs, self.features = saved, saved.inputs, saved.inputs.features
        self._session = session

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Self:
        """Read a folder. Raises ModelUnavailable when it holds no DIN, or onnxruntime is not installed."""
        saved, graph = Saved.read(folder), folder / GRAPH_FILE
        if not graph.exists():
            raise ModelUnavailable(f"no DIN ranker in {folder}: {GRAPH_FILE} is missing; train one first")
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelUnavailable(
                "DIN is served with onnxruntime: pip install 'nightshift[serving]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        return cls(
            saved,
            onnxruntime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"]),
        )

    def vectors(self, slots: Slots) -> Floats:
        """(slots, d) item vectors."""
        w = self.saved.weights
        counts = np.diff(slots.begins)
        owner = np.repeat(np.arange(len(slots)), counts)
        named = np.zeros((len(slots), w["ids"].shape[1]), np.float32)
        np.add.at(named, owner, w["attributes"][slots.attributes])
        found = w["ids"][slots.id] + w["heads"][slots.heads].sum(1) + named / np.maximum(counts, 1)[:, None]
        return np.asarray(found + slots.vectors @ w["projection"] if "projection" in w else found, np.float32)

    def keys(self, vectors: Floats, kinds: Ints) -> Floats:
        """Keys of events (..., d) from their items' vectors (..., d) and their kinds (...): 2 x gap bucket
        + liked."""
        return np.asarray(vectors + self.saved.weights["kinds"][kinds], np.float32)

    def score(self, dense: Floats, candidate: Floats, keys: Floats, mask: Floats) -> NDArray[np.float64]:
        """Probabilities (rows,) from scaled columns (rows, width), candidates (rows, d), and keys (h,
        length, d) with mask (h, length).

        h is the number of rows, or 1 where all rows share one history.
        """
        found = self._session.run(
            ["probability"], {"dense": dense, "candidate": candidate, "keys": keys, "mask": mask}
        )
        return np.asarray(found[0], np.float64)

    def predict(self, rows: Rows, context: Context) -> NDArray[np.float64]:
        """Probability of a positive label (rows,), histories and contents from the context."""
        blocks = Blocks(rows, context, self.inputs, self.saved.settings.block_rows)
        parts = [self._block(blocks.read(number)) for number in range(len(blocks))]
        return np.concatenate([*parts, np.zeros(0)])

    def _block(self, block: Block) -> NDArray[np.float64]:
        vectors = self.vectors(block.slots)
        starts = range(0, len(block), BATCH)
        return np.concatenate(
            [self._rows(block, vectors, slice(start, min(start + BATCH, len(block)))) for start in starts]
        )

    def _rows(self, block: Block, vectors: Floats, rows: slice) -> NDArray[np.float64]:
        """Rows of a block, their histories padded to the longest of them."""
        begins, ends = block.begins[:-1][rows], block.begins[1:][rows]
        place = begins[:, None] + np.arange(max(int((ends - begins).max()), 1))  # (rows, length)
        valid = place < ends[:, None]
        place = np.where(valid, place, 0)
        events = block.events[place] if len(block.events) else place
        kinds = block.kinds[place] if len(block.kinds) else place
        keys = self.keys(vectors[events], kinds) * valid[:, :, None]
        return self.score(
            block.dense[rows],
            vectors[block.candidate[rows]],
            keys.astype(np.float32),
            valid.astype(np.float32),
        )
