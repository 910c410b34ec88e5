"""One node of the model, with its inputs already understood."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.lower.integer_graph import IntegerGraph
from hwsubnet.lower.stream import Affine, Constant, Floats, HostValue, Stream, Unsupported, Value


@dataclass(frozen=True)
class Operation:
    """A node as the handlers see it.

    `layer` is the network's layer (module) that the node was exported from, as far as the file
    tells; `output` names the model's tensor that it computes.
    """

    name: str
    op: str
    domain: str
    version: int
    inputs: tuple[Value | None, ...]
    attributes: dict[str, Any]
    output: str
    layer: str
    graph: IntegerGraph

    def get(self, index: int) -> Value | None:
        """Return input `index`, None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> NDArray[Any]:
        """Return input `index`, which must be constant."""
        value = self.get(index)
        if not isinstance(value, Constant):
            raise Unsupported(f"its {what} is computed at run time; it must be constant")
        return value.array

    def number(self, index: int, what: str) -> float:
        """Return input `index`, which must be a constant single number."""
        array = self.constant(index, what)
        if array.size != 1:
            raise Unsupported(f"its {what} has {array.size} entries; it must be one number")
        return float(array.reshape(())[()])

    def stream(self, index: int = 0) -> Stream:
        """Return input `index`, which must be integers inside the accelerator."""
        value = self.get(index)
        if isinstance(value, Stream):
            return value
        if isinstance(value, HostValue) and value.quantizer is not None:
            raise Unsupported(
                f"its input {value.source!r} is computed on the host, "
                f"where its quantizer {value.quantizer!r} stays"
            )
        if isinstance(value, HostValue):
            raise Unsupported(
                f"its input {value.source!r} is not quantized; "
                "put a quantizer (QuantIdentity) in front"
            )
        raise Unsupported("its data input is constant or left out")

    def quantized(self, index: int = 0) -> tuple[Stream, Affine]:
        """Return a stream that is scale and bias of its tensor's integers, and these two."""
        stream = self.stream(index)
        affine = stream.affine()
        if affine is None:
            functions = [step.op for step in stream.steps if not isinstance(step, Affine)]
            raise Unsupported(
                f"its input went through {' and '.join(functions)} and was not quantized; "
                "put a quantizer behind that (QuantReLU for Relu)"
            )
        tensor = self.graph.tensors[stream.tensor]
        scale = affine.scale * tensor.sign
        return stream, Affine(scale, affine.bias - scale * tensor.offset)


Handler = Callable[[Operation], Value]


def per_channel(array: NDArray[Any], shape: tuple[int, ...], what: str) -> Floats:
    """Broadcast a constant against a frame of `shape` and return its entry for each channel.

    Raises
    ------
    Unsupported
        If it varies along another axis than 1.
    """
    rank = len(shape)
    if array.ndim > rank:
        raise Unsupported(f"its {what} has more axes than the data")
    aligned = array.reshape((1,) * (rank - array.ndim) + array.shape).astype(np.float64)
    if any(size != 1 for axis, size in enumerate(aligned.shape) if axis != 1):
        raise Unsupported(f"its {what} varies within a channel; per tensor or per channel would do")
    if aligned.shape[1] not in (1, shape[1]):
        raise Unsupported(f"its {what} has {aligned.shape[1]} entries for {shape[1]} channels")
    return np.broadcast_to(aligned.reshape(-1), (shape[1],)).copy()
