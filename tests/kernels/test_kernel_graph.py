"""How nodes are read and joined, and what is refused with which words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from hwsubnet.errors import FoldingError, ModelError
from hwsubnet.kernels import DataType, KernelGraph, Node, Stream, make_kernel, read_graph


def node(op: str, inputs: tuple[str, ...], outputs: tuple[str, ...], **attributes: Any) -> Node:
    constants = {"w": np.full((4, 2), 100.0), "t": np.array([[1, 3, 5]])}
    given = {name: value for name, value in constants.items() if name in inputs}
    return Node(f"{op}_0", op, attributes, inputs, outputs, given)


def duplicate(x: str, *outputs: str, **changes: Any) -> Node:
    attributes = {"NumChannels": 4, "PE": 2, "inputDataType": "UINT4", "numInputVectors": (1, 2)}
    return node("DuplicateStreams_hls", (x,), outputs, **(attributes | changes))


def matrix(x: str, y: str, **changes: Any) -> Node:
    attributes = {
        "MW": 4,
        "MH": 2,
        "SIMD": 2,
        "PE": 1,
        "inputDataType": "UINT4",
        "weightDataType": "INT8",
        "accDataType": "INT16",
        "outputDataType": "INT16",
        "noActivation": 1,
        "numInputVectors": (1, 2),
    }
    return node("MVAU_rtl", (x, "w"), (y,), **(attributes | changes))


def pool(x: str, y: str, pe: int) -> Node:
    return node(
        "Pool_hls", (x,), (y,), Channels=4, PE=pe, KernelSize=(2, 2), Function="MaxPool",
        OutImgDims=(2, 2), InputDataType="UINT4", OutputDataType="UINT4",
    )  # fmt: skip


def windows(x: str, y: str, simd: int) -> Node:
    return node(
        "ConvolutionInputGenerator_rtl", (x,), (y,), ConvKernelDim=(2, 2), IFMChannels=4,
        IFMDim=(4, 4), Stride=(2, 2), SIMD=simd, inputDataType="UINT4", depthwise=1,
    )  # fmt: skip


def fifo(x: str, y: str) -> Node:
    return node(
        "StreamingFIFO_rtl", (x,), (y,), depth=8, dataType="UINT4", folded_shape=(1, 2, 2, 8, 2),
        normal_shape=(1, 2, 2, 16),
    )  # fmt: skip


def join(*nodes: Node) -> KernelGraph:
    return KernelGraph.of(tuple(make_kernel(n) for n in nodes))


def test_kernels_are_ordered_by_what_feeds_them() -> None:
    graph = join(matrix("a", "y"), duplicate("x", "a", "b"), matrix("b", "z"))
    assert [k.op for k in graph.kernels] == ["DuplicateStreams_hls", "MVAU_rtl", "MVAU_rtl"]
    assert [s.tensor for s in graph.inputs] == ["x"]
    assert [s.tensor for s in graph.outputs] == ["y", "z"]


def test_streams_are_padded_to_bytes() -> None:
    stream = Stream("x", DataType.parse("UINT3"), (2, 6), 3)
    assert (stream.width, stream.axi_width, stream.words) == (9, 16, 4)


def test_windows_pass_through_a_fifo() -> None:
    assert len(join(windows("x", "a", 2), fifo("a", "b"), pool("b", "y", 2)).kernels) == 3


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: join(duplicate("x", "a"), matrix("a", "y"), matrix("a", "z")), ModelError,
         "tensor 'a' has two readers; insert DuplicateStreams"),
        (lambda: join(duplicate("a", "b"), duplicate("b", "a")), ModelError, "has a cycle"),
        (lambda: join(duplicate("x", "a", inputDataType="UINT5"), matrix("a", "y")), ModelError,
         "datatype of tensor 'a': UINT5 written, UINT4 read"),
        (lambda: join(duplicate("x", "a", NumChannels=6), matrix("a", "y")), ModelError,
         "elements per frame of tensor 'a': 12 written, 8 read"),
        (lambda: join(windows("x", "a", 1), pool("a", "y", 2)), ModelError, r"windows \(H, W,"),
        (lambda: join(windows("x", "a", 1), fifo("a", "b"), pool("b", "y", 2)), ModelError,
         r"windows \(H, W,"),
        (lambda: matrix_kernel(SIMD=3), FoldingError,
         "SIMD = 3 does not divide MW = 4; choose one of the divisors 1, 2, 4"),
        (lambda: matrix_kernel(PE=0), FoldingError, "PE = 0 does not divide MH = 2"),
        (lambda: matrix_kernel(weightDataType="INT7"), ModelError,
         "weights 100 to 100 do not fit their type INT7"),
        (lambda: matrix_kernel(numInputVectors=(4,)), ModelError, "batch axis of 1"),
        (lambda: matrix_kernel(MW=8), ModelError, r"\(MW, MH\) = \(8, 2\)"),
        (lambda: make_kernel(node("VVAUX_hls", ("x",), ("y",))), ModelError,
         "operator 'VVAUX_hls' has no kernel; the nearest one is VVAU"),
        (lambda: make_kernel(node("MVAU_rtl", ("x",), ("y",), MW=4)), ModelError,
         "MVAU_rtl has no attribute 'MH'"),
    ],
)  # fmt: skip
def test_refusals(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def matrix_kernel(**changes: Any) -> Any:
    return make_kernel(matrix("x", "y", **changes))


def test_values_that_hardware_would_wrap_are_refused() -> None:
    graph = join(matrix("x", "y", accDataType="INT12", outputDataType="INT12"))
    fits, overflows = np.full((1, 2, 4), 5), np.full((1, 2, 4), 6)
    assert graph.run({"x": fits})["y"].max() == 2000
    with pytest.raises(ModelError, match="sums 2400 to 2400 do not fit the accumulator"):
        graph.run({"x": overflows})
    with pytest.raises(ModelError, match="values 16 to 16 do not fit tensor 'x', declared UINT4"):
        graph.run({"x": np.full((1, 2, 4), 16)})


def test_a_graph_is_read_from_a_file(tmp_path: Path) -> None:
    attributes = {"NumChannels": 4, "PE": 2, "inputDataType": "UINT4", "numInputVectors": [1, 2]}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 2, 4))
        for name in ("x", "b", "a")
    ]
    proto = helper.make_node("DuplicateStreams_hls", ["x"], ["a", "b"], "dup", **attributes)
    graph = helper.make_graph([proto], "graph", values[:1], values[1:])
    save(helper.make_model(graph), tmp_path / "folded.onnx")
    read = read_graph(tmp_path / "folded.onnx")
    assert [s.tensor for s in read.outputs] == ["b", "a"]  # as the file orders them
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="is not a readable ONNX model"):
        read_graph(tmp_path / "broken.onnx")
