"""Random hardware nodes like those that real networks hold, as one dataflow graph each batch.

Sizes are log-uniform and foldings random divisors, so that small and large designs weigh the same.
Constants are random: weights rounded from a normal distribution, thresholds that ascend.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

DOMAIN = "finn.custom_op.fpgadataflow"
RANDOM_MULTIPLIERS, RANDOM_MEMORY = 48, 1 << 16
"""Upper ends of multipliers in a matrix unit and of bits in a memory."""


@dataclass
class Sampler:
    """A graph of unconnected random nodes.

    Parameters
    ----------
    random
        Source of all choices.
    narrow
        Whether weights leave out their most negative value, as DSP48E1 needs.
    """

    random: np.random.Generator
    narrow: bool
    nodes: list[Any] = field(default_factory=list)
    tensors: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    constants: dict[str, tuple[np.ndarray, str]] = field(default_factory=dict)

    def add(self, kind: str) -> None:
        """Append a random node of `kind`, one of `KINDS`."""
        KINDS[kind](self)

    def model(self) -> ModelProto:
        """Return the graph."""
        made = {name for node in self.nodes for name in node.output}

        def info(name: str) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, self.tensors[name][0])

        graph = helper.make_graph(
            self.nodes,
            "samples",
            [info(name) for name in self.tensors if name not in made],
            [info(name) for name in self.tensors if name in made],
            [numpy_helper.from_array(v, name) for name, (v, _) in self.constants.items()],
        )
        wrapper = ModelWrapper(helper.make_model(graph))
        for name, (_, datatype) in (self.tensors | self.constants).items():
            wrapper.set_tensor_datatype(name, DataType[datatype])
        return wrapper.model

    def node(
        self,
        op: str,
        inputs: list[tuple[tuple[int, ...], str]],
        outputs: list[tuple[tuple[int, ...], str]],
        constant: tuple[np.ndarray, str] | None = None,
        **attributes: Any,
    ) -> None:
        """Append a node with streams of these shapes and types."""
        name = f"{op}_{len(self.nodes)}"
        sources = [f"{name}_in{i}" for i in range(len(inputs))]
        targets = [f"{name}_out{i}" for i in range(len(outputs))]
        self.tensors.update(zip(sources + targets, inputs + outputs, strict=True))
        if constant is not None:
            self.constants[f"{name}_constant"] = constant
            sources.append(f"{name}_constant")
        domain = f"{DOMAIN}.{op.rsplit('_', 1)[1]}"
        self.nodes.append(
            helper.make_node(
                op, sources, targets, name=name, domain=domain, backend="fpgadataflow", **attributes
            )
        )

    def size(self, low: float, high: float) -> int:
        """Return a log-uniform integer of [low, high]."""
        return round(math.exp(self.random.uniform(math.log(low), math.log(high))))

    def channels(self, low: int = 2, high: int = 128) -> int:
        """Return a number of channels: mostly a multiple of 2, 4 or 8."""
        step = int(self.random.choice([1, 2, 4, 8]))
        return max(step, round(self.size(low, high) / step) * step)

    def divisor(self, number: int, high: int = 1 << 30) -> int:
        """Return a divisor of `number` that is at most `high`."""
        return int(self.random.choice([d for d in _divisors(number) if d <= high]))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.random.random() < probability)

    def pick(self, *values: Any) -> Any:
        """Return one of `values`."""
        return values[int(self.random.integers(len(values)))]

    def activation(self, low: int = 1) -> str:
        """Return the type of an activation."""
        bits = max(low, int(self.random.choice([1, 2, 3, 4, 4, 4, 5, 6, 8, 8])))
        if bits == 1:
            return "BINARY"
        return f"INT{bits}" if self.chance(0.2) else f"UINT{bits}"

    def weights(self, shape: tuple[int, ...], bits: int) -> np.ndarray:
        """Return signed weights of `bits` bits, normal, the largest in use."""
        limit = 2 ** (bits - 1) - 1
        values = np.rint(self.random.normal(0, limit / 2.5 + 0.3, shape))
        return values.clip(-limit if self.narrow or bits == 2 else -limit - 1, limit)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _sum_type(weights: np.ndarray, source: str, axis: int) -> str:
    """Return the type that holds the dot products along `axis`, as accumulators are minimized."""
    kind = DataType[source]
    high = np.maximum(weights * kind.max(), weights * kind.min()).sum(axis=axis).max()
    low = np.minimum(weights * kind.max(), weights * kind.min()).sum(axis=axis).min()
    return f"INT{max(int(high).bit_length(), int(-low - 1).bit_length()) + 1}"


def _matrix_size(s: Sampler) -> tuple[int, int, int, int]:
    while True:
        rows = s.pick(10, s.channels(4, 128), s.channels(4, 128))
        columns = s.channels(1, 128) * s.pick(1, 4, 9, 9)
        pe, simd = s.divisor(rows), s.divisor(columns)
        if pe * simd <= min(RANDOM_MULTIPLIERS, s.size(1, 2 * RANDOM_MULTIPLIERS)):
            return columns, rows, simd, pe


def matrix_dsp(s: Sampler) -> None:
    """Add FINN's matrix unit on DSPs."""
    columns, rows, simd, pe = _matrix_size(s)
    bits, source = s.pick(2, 3, 4, 4, 4, 5, 6, 8), s.activation(2)
    while columns * rows * bits > RANDOM_MEMORY:
        rows = max(pe, rows // pe // 2 * pe)
        columns = max(simd, columns // simd // 2 * simd)
    values = s.weights((columns, rows), bits)
    total = _sum_type(values, source, 0)
    vectors = [1] if s.chance(0.3) else [1, s.size(2, 32), s.size(2, 32)]
    style = s.pick("auto", "auto", "auto", "block", "distributed")
    s.node(
        "MVAU_rtl",
        [((*vectors, columns), source)],
        [((*vectors, rows), total)],
        (values.astype(np.float32), f"INT{bits}"),
        MW=columns, MH=rows, SIMD=simd, PE=pe,
        inputDataType=source, weightDataType=f"INT{bits}",
        accDataType=total, outputDataType=total,
        noActivation=1, binaryXnorMode=0, numInputVectors=vectors,
        mem_mode="internal_decoupled", ram_style=style,
    )  # fmt: skip


def _lut_operands(
    s: Sampler, shape: tuple[int, ...], axis: int, xnor: bool
) -> tuple[str, str, str, np.ndarray, int]:
    """Return types of input, weight and sum, weights, and binaryXnorMode."""
    if xnor:
        values = s.random.integers(0, 2, shape).astype(np.float64)
        return "BINARY", "BINARY", f"UINT{shape[axis].bit_length()}", values, 1
    source = s.activation()
    if s.chance(0.4):
        values = 2.0 * s.random.integers(0, 2, shape) - 1
        return source, "BIPOLAR", _sum_type(values, source, axis), values, 0
    bits = s.pick(2, 3, 4, 4, 4, 5, 8)
    values = s.weights(shape, bits)
    return source, f"INT{bits}", _sum_type(values, source, axis), values, 0


def matrix_lut(s: Sampler) -> None:
    """Add the matrix unit of ``hls/rtl``, from one bit on."""
    columns, rows, simd, pe = _matrix_size(s)
    xnor = s.chance(0.3)
    if xnor:
        simd = s.divisor(columns, 128)
    source, weight, total, values, mode = _lut_operands(s, (columns, rows), 0, xnor)
    vectors = [1] if s.chance(0.3) else [1, s.size(2, 32), s.size(2, 32)]
    s.node(
        "MVAU_hls",
        [((*vectors, columns), source)],
        [((*vectors, rows), total)],
        (values.astype(np.float32), weight),
        MW=columns, MH=rows, SIMD=simd, PE=pe,
        inputDataType=source, weightDataType=weight, accDataType=total, outputDataType=total,
        noActivation=1, binaryXnorMode=mode, numInputVectors=vectors,
        mem_mode="internal_decoupled",
    )  # fmt: skip


def depthwise(s: Sampler) -> None:
    """Add the vector unit of ``hls/rtl``."""
    channels, side = s.channels(2, 96), s.pick(3, 3, 3, 5)
    pe, simd = s.divisor(channels, 32), 1
    if s.chance(0.25):
        channels = pe = s.size(2, 12)
        simd = s.divisor(side * side)
    source, weight, total, values, _ = _lut_operands(
        s, (channels, 1, side, side), 1, xnor=False
    )  # fmt: skip
    total = _sum_type(values.reshape(channels, -1), source, 1)
    dim = s.size(3, 28)
    s.node(
        "VVAU_hls",
        [((1, dim, dim, side * side * channels), source)],
        [((1, dim, dim, channels), total)],
        (values.astype(np.float32), weight),
        Channels=channels, Kernel=[side, side], Dim=[dim, dim], PE=pe, SIMD=simd,
        inputDataType=source, weightDataType=weight, accDataType=total, outputDataType=total,
        noActivation=1, mem_mode="internal_decoupled",
    )  # fmt: skip


def thresholds(s: Sampler) -> None:
    """Add FINN's thresholding unit."""
    channels, bits = s.channels(2, 192), s.pick(1, 2, 2, 3, 4, 4, 4, 5)
    steps = 2**bits - 1
    if bits > 1 and s.chance(0.35):  # those that no value reaches are left out
        steps = int(s.random.integers(max(1, steps // 2), steps + 1))
    width = int(s.random.integers(max(3, bits + 1), 18))
    signed = s.chance(0.8)
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    spread = (high - low) / s.size(1, 6) / 2
    center = s.random.normal((low + high) / 2, spread / 4, (channels, 1))
    values = np.sort(center + s.random.uniform(-spread, spread, (channels, steps)), axis=1)
    values = np.rint(values).clip(low + 1, high)
    source = f"{'INT' if signed else 'UINT'}{width}"
    kind = _range_type(int(values.min()), int(values.max()))
    bias = -(2 ** (bits - 1)) if bits > 1 and s.chance(0.2) else 0
    if steps < 2**bits - 1:  # lowering leaves out no level of a signed type
        bias = 0
    target = "BINARY" if steps == 1 and not bias else _range_type(bias, bias + steps)
    vectors = [1] if s.chance(0.3) else [1, s.size(2, 32), s.size(2, 32)]
    s.node(
        "Thresholding_rtl",
        [((*vectors, channels), source)],
        [((*vectors, channels), target)],
        (values.astype(np.float32), kind),
        NumChannels=channels, PE=s.divisor(channels, s.size(1, 24)), numSteps=steps, ActVal=bias,
        inputDataType=source, weightDataType=kind, outputDataType=target, numInputVectors=vectors,
    )  # fmt: skip


def _range_type(low: int, high: int) -> str:
    if low < 0:
        return f"INT{max((-low - 1).bit_length(), high.bit_length()) + 1}"
    return f"UINT{max(1, high.bit_length())}"


def windows(s: Sampler) -> None:
    """Add FINN's sliding window, dense or by channel."""
    while True:
        depthwise, side = s.chance(0.4), s.pick(1, 2, 3, 3, 3, 3, 5)
        stride = s.pick(1, 1, 2) if side > 1 else 2
        if side == 2:
            stride = 2
        parallel = int(side > 1 and s.chance(0.25))
        channels, dim = s.channels(1, 128), s.size(max(4, side + 1), 36)
        if side == 2:
            dim = dim // 2 * 2
        simd = s.divisor(channels)
        source = s.activation()
        bits = int(DataType[source].bitwidth())
        if parallel and not depthwise:
            simd = channels
        if simd * bits > 128 or (parallel and simd * bits * side * side > 300):
            continue
        if channels * dim * side * bits <= 60000:
            break
    out = (dim - side) // stride + 1
    s.node(
        "ConvolutionInputGenerator_rtl",
        [((1, dim, dim, channels), source)],
        [((1, out, out, side * side * channels), source)],
        ConvKernelDim=[side, side], IFMChannels=channels, IFMDim=[dim, dim], OFMDim=[out, out],
        SIMD=simd, Stride=[stride, stride], Dilation=[1, 1], depthwise=int(depthwise), is1D=0,
        inputDataType=source, outputDataType=source, parallel_window=parallel,
        ram_style=s.pick("auto", "auto", "auto", "distributed", "block"),
    )  # fmt: skip


def padding(s: Sampler) -> None:
    """Add FINN's padding."""
    channels, height, width, source = s.channels(), s.size(2, 64), s.size(2, 64), s.activation()
    amount = s.pick(1, 1, 2)
    s.node(
        "FMPadding_rtl",
        [((1, height, width, channels), source)],
        [((1, height + 2 * amount, width + 2 * amount, channels), source)],
        ImgDim=[height, width], Padding=[amount] * 4, NumChannels=channels,
        SIMD=s.divisor(channels, 32), inputDataType=source,
    )  # fmt: skip


def pixel_padding(s: Sampler) -> None:
    """Add padding between pixels."""
    channels, dim, source, stride = s.channels(), s.size(2, 32), s.activation(), s.pick(2, 2, 3)
    size = (dim - 1) * stride + 1
    s.node(
        "FMPadding_Pixel_rtl",
        [((1, dim, dim, channels), source)],
        [((1, size, size, channels), source)],
        ImgDim=[dim, dim], Stride=[stride, stride], NumChannels=channels,
        SIMD=s.divisor(channels, 32), inputDataType=source,
    )  # fmt: skip


def pool(s: Sampler) -> None:
    """Add a pooling."""
    channels, side, dim, source = s.channels(), s.pick(2, 2, 3, 4), s.size(1, 32), s.activation()
    function, target = s.pick("MaxPool", "MaxPool", "AccPool"), source
    if function == "AccPool":
        kind = DataType[source]
        target = _range_type(side * side * int(kind.min()), side * side * int(kind.max()))
    s.node(
        "Pool_rtl",
        [((1, dim, dim, side * side * channels), source)],
        [((1, dim, dim, channels), target)],
        Channels=channels, PE=s.divisor(channels, 32), KernelSize=[side, side], Function=function,
        OutImgDims=[dim, dim], InputDataType=source, OutputDataType=target,
        AccumBits=0, BatchSize=1, Size=1,
    )  # fmt: skip


def accumulate(s: Sampler) -> None:
    """Add a sum over all pixels."""
    channels, dim, source = s.channels(), s.size(2, 16), s.activation()
    kind = DataType[source]
    extreme = dim * dim * int(kind.min() if kind.signed() else kind.max())
    s.node(
        "GlobalAccPool_rtl",
        [((1, dim, dim, channels), source)],
        [((1, 1, 1, channels), _range_type(min(0, extreme), max(0, extreme)))],
        NumChannels=channels, PE=s.divisor(channels, 32), inputDataType=source,
        numInputVectors=[1, dim, dim],
    )  # fmt: skip


def elementwise(s: Sampler) -> None:
    """Add an operation on two streams, or on a stream and a constant."""
    channels, dim = s.channels(), s.size(1, 32)
    shape = (1, dim, dim, channels)
    pe = s.divisor(channels, 32)
    left, right = s.activation(2), s.activation(2)
    name = s.pick("Add", "Add", "Add", "Mul")
    fixed = name == "Mul" or s.chance(0.2)
    kinds = [DataType[left], DataType[right]]
    inputs, constant = [(shape, left), (shape, right)], None
    if fixed:
        values = s.random.integers(int(kinds[1].min()), int(kinds[1].max()) + 1, (1, channels))
        inputs, constant = inputs[:1], (values.astype(np.float32), right)
    corners = [
        int(a) * int(b) if name == "Mul" else int(a) + int(b)
        for a in (kinds[0].min(), kinds[0].max())
        for b in (kinds[1].min(), kinds[1].max())
    ]
    target = _range_type(min(0, *corners), max(corners))
    s.node(
        f"Elementwise{name}_hls",
        inputs,
        [(shape, target)],
        constant,
        lhs_dtype=left, rhs_dtype=right, out_dtype=target, lhs_shape=list(shape),
        rhs_shape=[1, channels] if fixed else list(shape), out_shape=list(shape), PE=pe,
        lhs_style="input", rhs_style="const" if fixed else "input",
    )  # fmt: skip


def duplicate(s: Sampler) -> None:
    """Add a fork."""
    channels, dim, copies, source = s.channels(), s.size(1, 32), s.pick(2, 2, 3), s.activation()
    stream = ((1, dim, dim, channels), source)
    s.node(
        "DuplicateStreams_rtl",
        [stream],
        [stream] * copies,
        NumChannels=channels, PE=s.divisor(channels, 32), NumOutputStreams=copies,
        inputDataType=source, numInputVectors=[1, dim, dim], outFIFODepths=[2] * copies,
    )  # fmt: skip


def concat(s: Sampler) -> None:
    """Add a concatenation."""
    simd, dim, count = s.pick(1, 1, 2, 4, 8), s.size(1, 32), s.pick(2, 2, 3)
    widths = [simd * s.size(1, 24) for _ in range(count)]
    sources = [s.activation() for _ in range(count)]
    low = min(0, *(int(DataType[name].min()) for name in sources))
    high = max(int(DataType[name].max()) for name in sources)
    s.node(
        "StreamingConcat_rtl",
        [((1, dim, dim, w), name) for w, name in zip(widths, sources, strict=True)],
        [((1, dim, dim, sum(widths)), _range_type(low, high))],
        ChannelsPerStream=widths, SIMD=simd, inputDataTypes=sources,
        numInputVectors=[1, dim, dim], inFIFODepths=[2] * count,
    )  # fmt: skip


def upsample(s: Sampler) -> None:
    """Add a nearest-neighbour upsampling."""
    channels, dim, source, scale = s.channels(2, 64), s.size(2, 32), s.activation(), s.pick(2, 2, 3)
    s.node(
        "UpsampleNearestNeighbour_rtl",
        [((1, dim, dim, channels), source)],
        [((1, dim * scale, dim * scale, channels), source)],
        HI=dim, WI=dim, HO=dim * scale, WO=dim * scale, NumChannels=channels,
        SIMD=s.divisor(channels, 32), inputDataType=source, batchSize=1,
    )  # fmt: skip


def label_select(s: Sampler) -> None:
    """Add a choice of the largest."""
    labels, count = s.pick(10, 10, s.size(2, 100)), s.pick(1, 1, 1, 2)
    source = f"INT{int(s.random.integers(4, 20))}"
    s.node(
        "LabelSelect_rtl",
        [((1, 1, 1, labels), source)],
        [((1, 1, 1, count), "UINT8")],
        Labels=labels, PE=s.divisor(labels, 10), K=count, inputDataType=source,
        outputDataType="UINT8", numInputVectors=[1, 1, 1],
    )  # fmt: skip


KINDS: dict[str, Callable[[Sampler], None]] = {
    "MVAU_rtl": matrix_dsp,
    "MVAU_hls": matrix_lut,
    "VVAU_hls": depthwise,
    "Thresholding_rtl": thresholds,
    "ConvolutionInputGenerator_rtl": windows,
    "FMPadding_rtl": padding,
    "FMPadding_Pixel_rtl": pixel_padding,
    "Pool_rtl": pool,
    "GlobalAccPool_rtl": accumulate,
    "Elementwise_hls": elementwise,
    "DuplicateStreams_rtl": duplicate,
    "StreamingConcat_rtl": concat,
    "UpsampleNearestNeighbour_rtl": upsample,
    "LabelSelect_rtl": label_select,
}
SHARES = {
    "MVAU_rtl": 26,
    "MVAU_hls": 18,
    "VVAU_hls": 9,
    "Thresholding_rtl": 18,
    "ConvolutionInputGenerator_rtl": 22,
    "FMPadding_rtl": 5,
    "FMPadding_Pixel_rtl": 2,
    "Pool_rtl": 5,
    "GlobalAccPool_rtl": 3,
    "Elementwise_hls": 6,
    "DuplicateStreams_rtl": 3,
    "StreamingConcat_rtl": 3,
    "UpsampleNearestNeighbour_rtl": 4,
    "LabelSelect_rtl": 3,
}
"""How many of each kind are drawn together."""


def edges(random: np.random.Generator) -> Iterator[dict[str, int]]:
    """Yield bits in, bits out and depth of random streams between nodes."""
    s = Sampler(random, narrow=True)
    while True:
        bits = s.pick(1, 2, 3, 4, 4, 8, int(random.integers(9, 18)))
        channels = s.channels(1, 256)
        before, after = s.divisor(channels, 96), s.divisor(channels, 96)
        if s.chance(0.35):
            after = before
        depth = s.pick(2, 2, s.size(2, 40), s.size(2, 2000))
        lcm = math.lcm(before, after) * bits
        if lcm <= 800 and max(before, after) * bits <= 300:
            yield {"in_bits": before * bits, "out_bits": after * bits, "depth": depth}
