"""Small dataflow graphs of FINN hardware nodes, built by hand for tests of RTL."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

RTL = "finn.custom_op.fpgadataflow.rtl"
HLS = "finn.custom_op.fpgadataflow.hls"
PART = "xc7z020clg400-1"


@dataclass
class Builder:
    """Appends nodes; each method takes and returns the name of a stream (a tensor)."""

    seed: int = 0
    nodes: list[Any] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    weights: dict[str, tuple[np.ndarray, str]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def input(self, shape: tuple[int, ...], datatype: str = "UINT8") -> str:
        name = f"in{len(self.inputs)}"
        self.inputs.append(name)
        self.shapes[name], self.types[name] = shape, datatype
        return name

    def _add(
        self,
        op: str,
        inputs: list[str],
        shapes: list[tuple[int, ...]],
        datatype: str,
        **attributes: Any,
    ) -> list[str]:
        index = sum(node.op_type == op for node in self.nodes)
        name = f"{op}_{index}"
        outputs = [f"{name}_out{i}" for i in range(len(shapes))]
        domain = RTL if op.endswith("_rtl") else HLS
        attributes = {"backend": "fpgadataflow", **attributes}
        self.nodes.append(
            helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes)
        )
        for output, shape in zip(outputs, shapes, strict=True):
            self.shapes[output], self.types[output] = shape, datatype
        return outputs

    def pad(self, x: str, simd: int = 1, amount: int = 1) -> str:
        n, h, w, c = self.shapes[x]
        return self._add(
            "FMPadding_rtl",
            [x],
            [(n, h + 2 * amount, w + 2 * amount, c)],
            self.types[x],
            ImgDim=[h, w],
            Padding=[amount] * 4,
            NumChannels=c,
            SIMD=simd,
            inputDataType=self.types[x],
        )[0]

    def windows(
        self,
        x: str,
        kernel: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        simd: int = 1,
        *,
        parallel: bool = False,
    ) -> str:
        n, h, w, c = self.shapes[x]
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        sh, sw = (stride, stride) if isinstance(stride, int) else stride
        oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
        return self._add(
            "ConvolutionInputGenerator_rtl",
            [x],
            [(n, oh, ow, kh * kw * c)],
            self.types[x],
            ConvKernelDim=[kh, kw],
            IFMChannels=c,
            IFMDim=[h, w],
            OFMDim=[oh, ow],
            SIMD=simd,
            Stride=[sh, sw],
            Dilation=[1, 1],
            inputDataType=self.types[x],
            outputDataType=self.types[x],
            depthwise=0,
            parallel_window=int(parallel),
        )[0]

    def matrix(self, x: str, rows: int, pe: int = 1, simd: int = 1, bits: int = 4) -> str:
        *vectors, width = self.shapes[x]
        limit = 2 ** (bits - 1) - 1  # narrow range, as DSP48E1 needs
        values = self.random.integers(-limit, limit + 1, (width, rows)).astype(np.float32)
        datatype = DataType[self.types[x]]
        peak = max(abs(datatype.min()), abs(datatype.max()))
        bound = int(np.abs(values).sum(axis=0).max() * peak)
        accumulator = f"INT{max(bound.bit_length() + 1, bits + datatype.bitwidth())}"
        name = f"w{len(self.weights)}"
        self.weights[name] = (values, f"INT{bits}")
        return self._add(
            "MVAU_rtl",
            [x, name],
            [(*vectors, rows)],
            accumulator,
            MW=width,
            MH=rows,
            PE=pe,
            SIMD=simd,
            inputDataType=self.types[x],
            weightDataType=f"INT{bits}",
            outputDataType=accumulator,
            accDataType=accumulator,
            noActivation=1,
            numInputVectors=list(vectors),
            mem_mode="internal_decoupled",
        )[0]

    def threshold(self, x: str, pe: int = 1, bits: int = 4, spread: int | None = None) -> str:
        *vectors, channels = self.shapes[x]
        steps = 2**bits - 1
        datatype = DataType[self.types[x]]
        low, high = int(datatype.min()), int(datatype.max())
        spread = spread or max(2, (high - low) // 8)
        middle = (low + high) // 2
        values = np.sort(
            self.random.integers(middle - spread, middle + spread, (channels, steps)), axis=1
        ).clip(low, high)
        name = f"t{len(self.weights)}"
        self.weights[name] = (values.astype(np.float32), self.types[x])
        return self._add(
            "Thresholding_rtl",
            [x, name],
            [self.shapes[x]],
            f"UINT{bits}",
            PE=pe,
            NumChannels=channels,
            numSteps=steps,
            inputDataType=self.types[x],
            weightDataType=self.types[x],
            outputDataType=f"UINT{bits}",
            numInputVectors=list(vectors),
            ActVal=0,
        )[0]

    def duplicate(self, x: str, copies: int = 2, pe: int = 1) -> list[str]:
        *vectors, channels = self.shapes[x]
        return self._add(
            "DuplicateStreams_rtl",
            [x],
            [self.shapes[x]] * copies,
            self.types[x],
            NumChannels=channels,
            PE=pe,
            NumOutputStreams=copies,
            inputDataType=self.types[x],
            numInputVectors=list(vectors),
            outFIFODepths=[2] * copies,
        )

    def add(self, x: str, y: str, pe: int = 1) -> str:
        shape = list(self.shapes[x])
        a, b = DataType[self.types[x]], DataType[self.types[y]]
        low, high = int(a.min() + b.min()), int(a.max() + b.max())
        signed = low < 0
        bits = max(abs(low) - 1 if signed else 0, high).bit_length() + signed
        datatype = f"{'INT' if signed else 'UINT'}{bits}"
        return self._add(
            "ElementwiseAdd_hls",
            [x, y],
            [tuple(shape)],
            datatype,
            lhs_dtype=a.name,
            rhs_dtype=b.name,
            out_dtype=datatype,
            lhs_shape=shape,
            rhs_shape=shape,
            out_shape=shape,
            PE=pe,
            inFIFODepths=[2, 2],
        )[0]

    def model(self, *outputs: str) -> ModelWrapper:
        def info(name: str) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])

        graph = helper.make_graph(
            nodes=self.nodes,
            name="net",
            inputs=[info(name) for name in self.inputs],
            outputs=[info(name) for name in outputs],
        )
        model = ModelWrapper(qonnx_make_model(graph))
        for name, (values, datatype) in self.weights.items():
            model.set_initializer(name, values)
            model.set_tensor_datatype(name, DataType[datatype])
        for name, datatype in self.types.items():
            if name not in self.inputs and name not in outputs:
                model.set_tensor_shape(name, self.shapes[name])
            model.set_tensor_datatype(name, DataType[datatype])
        return model


def linear_net(seed: int = 0, size: int = 6) -> ModelWrapper:
    """A convolution, then a dense layer, with foldings that need width converters."""
    net = Builder(seed)
    x = net.input((1, size, size, 1))
    x = net.pad(x)
    x = net.windows(x)
    x = net.matrix(x, 6, pe=3, simd=3)
    x = net.threshold(x, pe=2)
    x = net.windows(x, kernel=2, stride=2, simd=3)
    x = net.matrix(x, 4, pe=2, simd=4)
    x = net.threshold(x, pe=1)
    return net.model(x)


def fork_net(seed: int = 0, size: int = 6) -> ModelWrapper:
    """A residual block: a fork, a convolution on one way only, a join."""
    net = Builder(seed)
    x = net.input((1, size, size, 4), "UINT4")
    body, skip = net.duplicate(x)
    body = net.pad(body, simd=2)
    body = net.windows(body, simd=2)
    body = net.matrix(body, 4, pe=2, simd=4)
    body = net.threshold(body, pe=1)
    x = net.add(body, skip, pe=2)
    x = net.matrix(x, 3, pe=3, simd=2)
    return net.model(x)


def reference(model: ModelWrapper, *inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs for a batch of frames as FINN's own Python execution of the abstract nodes gives."""
    from qonnx.core.onnx_exec import execute_onnx

    model = ModelWrapper(model.model.SerializeToString())
    for node in model.graph.node:
        node.op_type, node.domain = node.op_type.rsplit("_", 1)[0], "finn.custom_op.fpgadataflow"
    rows = []
    for frame in zip(*inputs, strict=True):
        feed = {
            info.name: value[np.newaxis].astype(np.float32)
            for info, value in zip(model.graph.input, frame, strict=True)
        }
        result = execute_onnx(model, feed)
        rows.append([result[info.name][0] for info in model.graph.output])
    return [np.stack(column).astype(np.int64) for column in zip(*rows, strict=True)]
