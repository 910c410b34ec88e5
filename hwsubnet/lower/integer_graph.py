"""The integer graph while it is being built: nodes, and the exact range of every tensor.

All tensors hold integers, channels at axis 1 as in ONNX. A range is kept per channel, so that
accumulators get the narrowest type that the weights allow.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.lower.stream import Floats, Integers
from hwsubnet.lower.thresholds import Quantizer


@dataclass
class Tensor:
    """Integers of one frame.

    `low` and `high` bound the values per channel, both ends reached by some input of the
    producer's range. What a stream calls `q` is ``sign * (tensor - offset)``: the offset counts
    the negative weights where equal bits are counted instead of products added (XNOR), and the
    sign is -1 on channels that were negated after streams were made from them.
    """

    shape: tuple[int, ...]
    low: Integers
    high: Integers
    sign: Integers = field(init=False)
    offset: Integers = field(init=False)
    consumed: bool = False

    def __post_init__(self) -> None:
        self.sign = np.ones(self.shape[1], dtype=np.int64)
        self.offset = np.zeros(self.shape[1], dtype=np.int64)

    def q(self, values: Floats) -> Floats:
        """Turn the tensor's integers, of shape (channels, n), into what a stream calls `q`."""
        return self.sign[:, None] * (values - self.offset[:, None])


@dataclass
class Node:
    """One integer operation.

    `op` is an ONNX or QONNX name; `arrays` its constant inputs by role; `source` the tensor of
    the QONNX model that a threshold node's `quantizer` quantizes, `boundary` how far, in steps, the
    model's float32 arithmetic may be from the exact value there.
    """

    op: str
    inputs: list[str]
    output: str
    layer: str
    attributes: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    weight_type: str | None = None
    source: str | None = None
    quantizer: Quantizer | None = None
    boundary: float = 0.0


@dataclass(frozen=True)
class Entry:
    """How the host makes the accelerator's integers from the model's tensor `source`.

    ``integer = clip(round(x / scale + zero_point), low, high)``
    """

    source: str
    scale: float
    zero_point: float
    low: int
    high: int


class IntegerGraph:
    """Nodes in topological order and their tensors."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.producers: dict[str, Node] = {}

    def enter(self, entry: Entry, shape: tuple[int, ...]) -> str:
        """Declare the accelerator's input and return its name."""
        self.entry = entry
        low, high = (np.full(shape[1], end) for end in (entry.low, entry.high))
        self.tensors["input"] = Tensor(shape, low, high)
        return "input"

    def add(self, node: Node, shape: tuple[int, ...], low: Integers, high: Integers) -> str:
        """Append `node`, whose output lies in [low, high] per channel, and return its output."""
        for name in node.inputs:
            self.tensors[name].consumed = True
        self.nodes.append(node)
        self.producers[node.output] = node
        self.tensors[node.output] = Tensor(shape, low.astype(np.int64), high.astype(np.int64))
        return node.output

    def fresh(self, kind: str) -> str:
        """Return an unused tensor name made of safe characters only."""
        return f"{kind}{len(self.nodes)}"

    def negate(self, name: str, channels: NDArray[np.bool_], layer: str) -> str:
        """Return a tensor equal to `name` with `channels` negated.

        Free where a matrix product made the tensor and nothing has read it yet: the weights
        change sign. A multiplication by +-1 otherwise.
        """
        tensor = self.tensors[name]
        producer = self.producers.get(name)
        if producer is not None and producer.op in ("Conv", "Gemm") and not tensor.consumed:
            weight: Integers = producer.arrays["weight"]
            weight[channels] *= -1
            total = np.zeros(len(weight), dtype=np.int64)
            if "bias" in producer.arrays:  # equal bits: all become unequal and the other way round
                total[:] = weight[0].size
                producer.arrays["bias"] = np.where(channels, total - tensor.offset, tensor.offset)
                tensor.offset = producer.arrays["bias"]
            tensor.low, tensor.high = (
                np.where(channels, total - tensor.high, tensor.low),
                np.where(channels, total - tensor.low, tensor.high),
            )
            tensor.sign = np.where(channels, -tensor.sign, tensor.sign)
            return name
        factor = np.where(channels, -1, 1)
        negated = self.multiply(name, factor, layer)
        self.tensors[negated].sign = tensor.sign * factor
        self.tensors[negated].offset = tensor.offset * factor
        return negated

    def multiply(self, name: str, factor: Integers, layer: str) -> str:
        """Return a tensor equal to `name` times an integer per channel."""
        tensor = self.tensors[name]
        if (factor == 1).all():
            return name
        ends = np.stack([tensor.low * factor, tensor.high * factor])
        node = Node("Mul", [name], self.fresh("mul"), layer, arrays={"factor": factor})
        return self.add(node, tensor.shape, ends.min(0), ends.max(0))


def datatype(low: int, high: int) -> str:
    """Return the narrowest QONNX datatype that holds every integer in [low, high]."""
    if low >= 0:
        return f"UINT{max(int(high).bit_length(), 1)}" if high > 1 else "BINARY"
    bits = max(int(-low - 1).bit_length(), int(max(high, 0)).bit_length()) + 1
    return f"INT{max(bits, 2)}"
