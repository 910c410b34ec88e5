"""FINN hardware nodes as they are put together: streams, parameters, windows, copies."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import helper

from hwsubnet.lower.integer_graph import IntegerGraph, Node, Tensor, datatype
from hwsubnet.lower.onnx_file import annotate, float_initializer
from hwsubnet.lower.stream import Integers

DOMAIN = "finn.custom_op.fpgadataflow"


class DataflowBuilder:
    """Nodes so far. Flattened tensors are the streams they were made from (`alias`)."""

    def __init__(self, graph: IntegerGraph) -> None:
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.datatypes: dict[str, str] = {}
        self.alias: dict[str, str] = {}
        self.order: dict[str, Integers] = {}
        """Of flattened tensors: where in the stream each of the model's features comes."""
        self._declare("input", graph.tensors["input"])

    def _declare(self, name: str, tensor: Tensor) -> None:
        self.shapes[name] = channels_last(tensor.shape)
        self.datatypes[name] = datatype(int(tensor.low.min()), int(tensor.high.max()))

    def input(self, node: Node, index: int = 0) -> str:
        """Return the stream behind input `index` of `node`."""
        name = node.inputs[index]
        return self.alias.get(name, name)

    def stream(self, name: str, shape: tuple[int, ...], kind: str) -> str:
        """Declare an inner stream of a translation."""
        self.shapes[name], self.datatypes[name] = shape, kind
        return name

    def constant(self, name: str, array: NDArray[Any], kind: str) -> str:
        """Store a parameter."""
        self.initializers.append(float_initializer(name, array))
        self.datatypes[name] = kind
        return name

    def add(
        self, op: str, inputs: list[str], outputs: list[str], layer: str, **attributes: Any
    ) -> None:
        """Append a hardware node."""
        node = helper.make_node(
            op, inputs, outputs, domain=DOMAIN, backend="fpgadataflow", **attributes
        )
        self.nodes.append(annotate(node, layer=layer))

    def emit(self, op: str, inputs: list[str], node: Node, **attributes: Any) -> None:
        """Append the hardware node that gives the output of `node`."""
        self._declare(node.output, self.graph.tensors[node.output])
        self.add(op, inputs, [node.output], node.layer, **attributes)

    def windows(self, node: Node, depthwise: bool) -> str:
        """Pad and slide a window, as the node's attributes say; return the stream of windows."""
        name = self.input(node)
        _, height, width, channels = self.shapes[name]
        kind = self.datatypes[name]
        kernel, stride = node.attributes["kernel_shape"], node.attributes["strides"]
        top, left, bottom, right = node.attributes["pads"]
        if any(node.attributes["pads"]):
            padded = (1, height + top + bottom, width + left + right, channels)
            inner = self.stream(f"{node.output}_padded", padded, kind)
            self.add(
                "FMPadding",
                [name],
                [inner],
                node.layer,
                ImgDim=[height, width],
                Padding=[top, left, bottom, right],
                NumChannels=channels,
                inputDataType=kind,
                SIMD=1,
            )
            name = inner
        if kernel == stride == [1, 1]:
            return name
        # FINN's generator cannot skip rows or columns that are no part of a larger window: a
        # window of one pixel takes them out first.
        skips = [s if k == 1 else 1 for k, s in zip(kernel, stride, strict=True)]
        if kernel != [1, 1] and skips != [1, 1]:
            name = self._slide(node, name, f"{node.output}_taken", stride=skips)
            stride = [s // skip for s, skip in zip(stride, skips, strict=True)]
        return self._slide(
            node,
            name,
            f"{node.output}_windows",
            kernel=kernel,
            stride=stride,
            dilation=node.attributes["dilations"],
            depthwise=depthwise,
        )

    def _slide(
        self,
        node: Node,
        name: str,
        output: str,
        *,
        stride: list[int],
        kernel: Sequence[int] = (1, 1),
        dilation: Sequence[int] = (1, 1),
        depthwise: bool = False,
    ) -> str:
        """Slide a window over the stream `name`; return `output`, the stream of windows."""
        _, height, width, channels = self.shapes[name]
        kind = self.datatypes[name]
        rows, columns = (
            (size - d * (k - 1) - 1) // s + 1
            for size, k, s, d in zip((height, width), kernel, stride, dilation, strict=True)
        )
        shape = (1, rows, columns, kernel[0] * kernel[1] * channels)
        self.add(
            "ConvolutionInputGenerator",
            [name],
            [self.stream(output, shape, kind)],
            node.layer,
            ConvKernelDim=list(kernel),
            IFMChannels=channels,
            IFMDim=[height, width],
            OFMDim=[rows, columns],
            SIMD=1,
            Stride=stride,
            Dilation=list(dilation),
            inputDataType=kind,
            outputDataType=kind,
            depthwise=int(depthwise),
            is1D=int(height == 1 or width == 1),
        )
        return output

    def finish(self, output: str) -> list[onnx.NodeProto]:
        """Duplicate streams that are read more than once, and name all nodes."""
        readers = Counter(name for node in self.nodes for name in node.input)
        duplicated: list[onnx.NodeProto] = []
        copies: dict[str, list[str]] = {}

        def duplicate(name: str, layer: str) -> None:
            count = readers[name] + (name == output)
            if count < 2:
                return
            copies[name] = [
                self.stream(f"{name}_copy{i}", self.shapes[name], self.datatypes[name])
                for i in range(count)
            ]
            node = helper.make_node(
                "DuplicateStreams",
                [name],
                list(copies[name]),
                domain=DOMAIN,
                backend="fpgadataflow",
                NumChannels=self.shapes[name][-1],
                PE=1,
                NumOutputStreams=count,
                inputDataType=self.datatypes[name],
                numInputVectors=list(self.shapes[name][:-1]),
                outFIFODepths=[2] * count,
            )
            duplicated.append(annotate(node, layer=layer))

        duplicate("input", "input")
        for node in self.nodes:
            for index, name in enumerate(node.input):
                if name in copies:
                    node.input[index] = copies[name].pop(0)
            duplicated.append(node)
            layer = node.metadata_props[0].value
            for name in list(node.output):
                duplicate(name, layer)
        return duplicated


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Move axis 1 to the end."""
    return (shape[0], *shape[2:], shape[1])
