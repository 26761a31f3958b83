"""The network as an ONNX graph, written node by node: what serving runs, readable in any ONNX viewer.

Inputs: `dense` (rows, width), `candidate` (rows, d), `keys` (histories, length, d), `mask` (histories,
length); histories are as many as rows, or one that all rows share. Output: `probability` (rows,). Item
vectors are looked up before the graph, once a night rather than once a request.
"""

from pathlib import Path
from typing import Any

import numpy as np

from nightshift.errors import ModelUnavailable
from nightshift.rankers.din.saved import GRAPH_FILE, Arrays

OPSET, IR_VERSION = 17, 8
"""Of 2022: every ONNX Runtime since 1.12 reads them."""


def write_graph(weights: Arrays, folder: Path) -> None:
    """Write `din.onnx`. Raises ModelUnavailable without the package onnx."""
    try:
        import onnx
    except ImportError as error:
        raise ModelUnavailable("DIN is exported with onnx: pip install 'nightshift[din]'") from error
    graph = Graph(weights)
    graph.build()
    model = onnx.helper.make_model(
        graph.proto(), opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    (folder / GRAPH_FILE).write_bytes(model.SerializeToString())


class Graph:
    """Nodes and constants, in order."""

    def __init__(self, weights: Arrays) -> None:
        self.weights, self.nodes, self.constants = weights, list[Any](), dict[str, Any]()
        self.width = weights["layers.0"].shape[0] - 3 * weights["ids"].shape[1]

    def constant(self, name: str, value: Any) -> str:
        """A named constant; float64 becomes float32."""
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)
        return name

    def weight(self, name: str) -> str:
        """A parameter of the network."""
        return self.constant(name, self.weights[name])

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node; returns its output's name."""
        import onnx

        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def build(self) -> None:
        """The whole network."""
        hidden = self.add("Concat", "dense", "candidate", *self._pooled(), axis=1)
        for number in range(sum(name.startswith("layers.") for name in self.weights)):
            layer, bias = (self.weight(f"{kind}.{number}") for kind in ("layers", "biases"))
            hidden = self._prelu(self.add("Gemm", hidden, layer, bias), f"slopes.{number}")
        last = self.add("MatMul", hidden, self.constant("last", self.weights["last"][:, None]))
        self.add("Add", self.add("Squeeze", last, "middle"), self.weight("offset"), output="logit")
        self.add("Sigmoid", "logit", output="probability")

    def _pooled(self) -> tuple[str, str]:
        """Attention-weighted history (rows, d), and its product with the candidate."""
        d = self.weights["ids"].shape[1]
        wide = self.add("Unsqueeze", "candidate", self.constant("middle", [1]))  # (rows, 1, d)
        share = self.add("Gemm", "candidate", self.weight("query"), self.weight("bias"))
        share = self.add("Unsqueeze", share, "middle")  # (rows, 1, units)
        product = self.add(
            "MatMul", self.add("Mul", wide, "keys"), self.constant("pair_product", self.weights["pair"][:d])
        )
        own = self.add("MatMul", "keys", self.constant("pair_key", self.weights["pair"][d:]))
        hidden = self.add("Add", self.add("Add", product, own), share)
        scores = self.add("Mul", self.add("Squeeze", self._scores(hidden), self.constant("two", [2])), "mask")
        pooled = self.add("MatMul", self.add("Unsqueeze", scores, "middle"), "keys")  # (rows, 1, d)
        events = self.add(
            "Max", self.add("ReduceSum", "mask", "middle", keepdims=1), self.constant("least", [1.0])
        )
        pooled = self.add("Div", self.add("Squeeze", pooled, "middle"), self.add("Sqrt", events))
        return pooled, self.add("Mul", "candidate", pooled)

    def _scores(self, hidden: str) -> str:
        """out . prelu(hidden) + shift (rows, length, 1), as (out slope) . hidden + (out (1 - slope)) .
        relu(hidden) + shift.

        PRelu with a slope a unit took the graph from 2.0 to 7.7 ms (500 candidates, 50 events, ONNX
        Runtime 1.32); Relu is quick.
        """
        out, slope = self.weights["out"], self.weights["slope"]
        flat = self.add("MatMul", hidden, self.constant("out_flat", (out * slope)[:, None]))
        steep = self.add(
            "MatMul", self.add("Relu", hidden), self.constant("out_steep", (out * (1 - slope))[:, None])
        )
        return self.add("Add", self.add("Add", flat, steep), self.weight("shift"))

    def _prelu(self, hidden: str, name: str) -> str:
        """prelu(hidden) (rows, units) as slope hidden + (1 - slope) relu(hidden)."""
        flat = self.add("Mul", hidden, self.weight(name))
        return self.add(
            "Add",
            flat,
            self.add("Mul", self.add("Relu", hidden), self.constant(f"{name}.steep", 1 - self.weights[name])),
        )

    def proto(self) -> Any:
        """The graph as ONNX has it."""
        import onnx

        d = self.weights["ids"].shape[1]
        shapes: dict[str, list[str | int]] = {
            "dense": ["rows", self.width],
            "candidate": ["rows", d],
            "keys": ["histories", "length", d],
            "mask": ["histories", "length"],
        }
        inputs = [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]
        outputs = [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows"])
            for name in ("probability", "logit")
        ]
        constants = [onnx.numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        return onnx.helper.make_graph(self.nodes, "din", inputs, outputs, constants)
