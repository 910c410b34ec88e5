"""Golden = FINN's own Python execution of the node, for every op whose stream order it shows."""

from importlib import import_module
from typing import Any

import numpy as np
import onnx
import pytest
from support.cosim import graph_of_one, random_inputs

from hwsubnet.finn_adapter.session import initialize
from hwsubnet.kernels import Node

KERNELS = (
    "accumulate_pool",
    "concat",
    "duplicate_streams",
    "elementwise",
    "label_select",
    "matrix_vector",
    "padding",
    "pixel_padding",
    "sliding_window",
    "thresholding",
    "upsample",
    "width_converter",
)
CASES: dict[str, Node] = {
    f"{kernel}_{case}": node
    for kernel in KERNELS
    for case, node in import_module(f"test_{kernel}_cosim").CASES.items()
    # FINN executes depthwise windows in another order than its hardware sends them.
    if not node.attributes.get("depthwise")
    # FINN computes in float32.
    and case not in ("wide_sums", "int33_to_uint8_prime")
}


@pytest.fixture(scope="module", autouse=True)
def finn() -> None:
    initialize()


def execute(node: Node, inputs: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]) -> Any:
    """Run FINN's operator on one frame; returns its tensors."""
    from qonnx.custom_op.registry import getCustomOp

    # The operator without a back end executes in Python.
    op = node.op.removesuffix("_rtl").removesuffix("_hls")
    proto = onnx.helper.make_node(
        op,
        list(node.inputs),
        list(node.outputs),
        domain="finn.custom_op.fpgadataflow",
        backend="fpgadataflow",
        **{k: list(v) if isinstance(v, tuple) else v for k, v in node.attributes.items()},
    )
    operator = getCustomOp(proto)
    if op == "Thresholding":
        operator.set_nodeattr("numSteps", node.constants["t"].shape[1])
        operator.set_nodeattr("weightDataType", "INT64")
    context = dict(inputs)
    context |= {name: values.astype(np.float32) for name, values in node.constants.items()}
    context |= {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    operator.execute_node(context, onnx.GraphProto())
    return context


def test_golden_equals_finn(case: str) -> None:
    node = CASES[case]
    graph = graph_of_one(node)
    inputs = random_inputs(graph)
    golden = graph.run(inputs)
    for frame in range(4):
        single = {name: values[frame : frame + 1] for name, values in inputs.items()}
        floats = {name: values.astype(np.float32) for name, values in single.items()}
        shapes = {stream.tensor: (1, *stream.shape) for stream in graph.outputs}
        context = execute(node, floats, shapes)
        for stream in graph.outputs:
            expected = np.asarray(context[stream.tensor]).reshape(stream.shape)
            assert np.array_equal(golden[stream.tensor][frame], expected)
