"""The trees of a LightGBM ranker run by onnxruntime: the same routes through the same trees in about half
the time.

Thresholds are doubles and features are float32, so each threshold is lowered to the next float32: the same
values lie at or below it. Leaves are summed in float32, which moves a probability by less than 1e-6. A
forest is held against LightGBM on rows that lie on and beside its thresholds before it is used; what does
not agree (another objective, categorical splits) is not used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshift.features.history import Floats
from nightshift.rankers.lightgbm import LightGBMRanker

Forest = Callable[[Floats], NDArray[np.float64]]
"""Matrix (rows, features) float32 in, probabilities (rows,) out."""

AGREEMENT = 2e-6
"""Largest difference in probability to LightGBM on the rows of the check."""
CHECKED_ROWS = 512
SMALLEST = 1.1e-35
"""LightGBM reads smaller values as 0; a feature column, rounded to 12 decimals, has none of them."""
LARGEST = float(np.finfo(np.float32).max)


def forest_of(model: LightGBMRanker) -> Forest | None:
    """The ranker's trees on onnxruntime; None where onnx or onnxruntime is not installed, or the two do
    not agree."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return None
    dump = model.booster.dump_model()
    nodes = [_nodes(tree["tree_structure"], number) for number, tree in enumerate(dump["tree_info"])]
    rows = [row for tree in nodes for row in tree]
    if dump.get("average_output") or any(row["mode"] == "" for row in rows):
        return None
    session = _session(onnx, onnxruntime, rows, len(model.features))

    def forest(matrix: Floats) -> NDArray[np.float64]:
        raw = session.run(None, {"rows": matrix})[0][:, 0].astype(np.float64)
        return np.asarray(1.0 / (1.0 + np.exp(-raw)))

    matrix = _on_the_edges(rows, len(model.features))
    gap = np.abs(forest(matrix) - model.predict_matrix(matrix)).max()
    return forest if gap <= AGREEMENT else None


def _nodes(root: dict[str, Any], tree: int) -> list[dict[str, Any]]:
    """The nodes of a tree, parents first; a node's number is its place."""
    found: list[dict[str, Any]] = []
    waiting: list[tuple[dict[str, Any], int, str]] = [(root, -1, "")]
    while waiting:
        node, parent, side = waiting.pop()
        if parent >= 0:
            found[parent][side] = len(found)
        found.append(
            _leaf(node, tree, len(found)) if "leaf_value" in node else _split(node, tree, len(found))
        )
        if "leaf_value" not in node:
            waiting += [
                (node["right_child"], len(found) - 1, "false"),
                (node["left_child"], len(found) - 1, "true"),
            ]
    return found


def _leaf(node: dict[str, Any], tree: int, number: int) -> dict[str, Any]:
    plain = {"feature": 0, "threshold": 0.0, "true": 0, "false": 0, "missing": 0}
    return {"tree": tree, "node": number, "mode": "LEAF", "value": float(node["leaf_value"])} | plain


def _split(node: dict[str, Any], tree: int, number: int) -> dict[str, Any]:
    """A split; its mode is empty when it is of a kind that cannot be taken over."""
    threshold = float(node["threshold"]) if node["decision_type"] == "<=" else 0.0
    known = node["decision_type"] == "<=" and node["missing_type"] in ("None", "NaN")
    left = (
        node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
    )  # without a type, NaN counts as 0
    return {
        "tree": tree,
        "node": number,
        "mode": "BRANCH_LEQ" if known else "",
        "feature": node["split_feature"],
        "threshold": _lowered(threshold),
        "missing": int(left),
    }


def _lowered(threshold: float) -> float:
    """The largest float32 at or below a double."""
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    return float(near) if float(near) <= threshold else float(np.nextafter(near, np.float32(-np.inf)))


def _session(onnx: Any, onnxruntime: Any, rows: list[dict[str, Any]], features: int) -> Any:
    """An inference session of one thread with a single operator, the trees."""
    columns = {
        name: [row[name] for row in rows]
        for name in ("tree", "node", "mode", "feature", "threshold", "true", "false", "missing")
    }
    leaves = [row for row in rows if row["mode"] == "LEAF"]
    trees = onnx.helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["raw"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=columns["tree"],
        nodes_nodeids=columns["node"],
        nodes_modes=columns["mode"],
        nodes_featureids=columns["feature"],
        nodes_values=columns["threshold"],
        nodes_truenodeids=columns["true"],
        nodes_falsenodeids=columns["false"],
        nodes_missing_value_tracks_true=columns["missing"],
        target_treeids=[row["tree"] for row in leaves],
        target_nodeids=[row["node"] for row in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[row["value"] for row in leaves],
    )
    sides = (("rows", features), ("raw", 1))
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, width])
        for name, width in sides
    ]
    graph = onnx.helper.make_graph([trees], "forest", ends[:1], ends[1:])
    versions = [onnx.helper.make_opsetid("ai.onnx.ml", 3), onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=versions, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _on_the_edges(rows: list[dict[str, Any]], features: int) -> Floats:
    """Rows whose values are thresholds, their neighbours and NaN: where two ways of reading a tree would
    part."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(CHECKED_ROWS, features)).astype(np.float32)
    for feature in range(features):
        edges = np.array(
            [row["threshold"] for row in rows if row["mode"] != "LEAF" and row["feature"] == feature],
            np.float32,
        )
        if len(edges):
            drawn = random.choice(edges[np.isfinite(edges)], CHECKED_ROWS)
            toward = np.where(random.random(CHECKED_ROWS) < 0.5, np.float32(-LARGEST), np.float32(LARGEST))
            matrix[:, feature] = np.where(
                random.random(CHECKED_ROWS) < 0.3, drawn, np.nextafter(drawn, toward)
            )
    matrix[np.abs(matrix) <= SMALLEST] = 0.0
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix
