"""QONNX models built node by node, for what no exporter would write."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class Model:
    """Appends nodes; each method returns the name of the tensor that it adds."""

    def __init__(self, shape: tuple[Any, ...] = (1, 4), seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        self.random = np.random.default_rng(seed)

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def add(
        self, op: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any
    ) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=name, domain=domain, **attributes)
        )
        return output

    def quant(
        self,
        x: str,
        scale: Any = 1 / 16,
        zero_point: float = 0,
        bits: float = 4,
        signed: int = 0,
        narrow: int = 0,
        rounding_mode: str = "ROUND",
    ) -> str:
        return self.add(
            "Quant",
            x,
            self.constant(scale),
            self.constant(zero_point),
            self.constant(bits),
            domain=QONNX,
            signed=signed,
            narrow=narrow,
            rounding_mode=rounding_mode,
        )

    def weights(self, *shape: int, scale: float = 1 / 8) -> str:
        values = self.random.normal(0, 0.3, shape)
        return self.quant(self.constant(values), scale, signed=1, narrow=1)

    def conv(self, x: str, outputs: int, inputs: int, kernel: int = 3, **attributes: Any) -> str:
        group = attributes.get("group", 1)
        weight = self.weights(outputs, inputs // group, kernel, kernel)
        return self.add("Conv", x, weight, **attributes)

    def save(self, path: Path, *outputs: str, opset: int = 13) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "test",
            self.inputs,
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", "any"))
                for name in outputs
            ],
            self.initializers,
        )
        model = helper.make_model(
            graph,
            ir_version=10,
            opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)],
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        return path
