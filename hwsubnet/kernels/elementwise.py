"""Elementwise operations between two streams, or between a stream and a constant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppArray, CppCall, Kernel
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream

_OPERATIONS: dict[str, tuple[Callable[[IntArray, IntArray], IntArray], str, str]] = {
    "Add": (np.add, "add", "add"),
    "Sub": (np.subtract, "subtract", "subtract_from"),
    "Mul": (np.multiply, "multiply_by", "multiply_by"),
    "Max": (np.maximum, "maximum", "maximum"),
}
"""NumPy's function; the C++ operation; the C++ operation with its operands swapped."""


@dataclass(frozen=True, eq=False)
class Elementwise(Kernel):
    """FINN's ``ElementwiseAdd``, ``Sub``, ``Mul`` and ``Max``, HLS and RTL, on integers."""

    header: ClassVar[str] = "elementwise.hpp"

    operation: str
    """Add, Sub, Mul or Max."""
    constant: IntArray | None
    """Broadcast to one frame, shape of the output; ``None`` if both operands are streams."""
    constant_first: bool = False

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        operation = node.op.removeprefix("Elementwise").partition("_")[0]
        shape, pe = node.frame(node.integers("out_shape")), node.integer("PE", 1)
        node.divides("PE", pe, "the last axis", shape[-1])
        constants = [tensor in node.constants for tensor in node.inputs]
        if all(constants):
            raise ModelError("both operands are constants", where=node.name)
        streams, constant = [], None
        for index, side in enumerate(("lhs", "rhs")):
            if constants[index]:
                constant = _broadcast(node.constant(index), shape, node.name)
                continue
            given = node.frame(node.integers(f"{side}_shape"))
            if given != shape:
                raise ModelError(
                    f"a stream of shape {given} would have to be repeated to {shape}",
                    where=node.name,
                    fix="upsample it, or make it a constant",
                )
            datatype = node.datatype(f"{side}_dtype")
            if datatype.bipolar:
                raise ModelError("bipolar operands are not supported", where=node.name)
            streams.append(Stream(node.inputs[index], datatype, shape, pe))
        target = Stream(node.outputs[0], node.datatype("out_dtype"), shape, pe)
        return cls(node.name, node.op, tuple(streams), (target,), operation, constant, constants[0])

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Apply the operation."""
        function = _OPERATIONS[self.operation][0]
        if self.constant is None:
            return (function(*inputs),)
        operands = (self.constant, inputs[0]) if self.constant_first else (inputs[0], self.constant)
        return (function(*operands),)

    def cpp(self) -> CppCall:
        """Call ``elementwise`` or ``elementwise_constant``."""
        (target,) = self.outputs
        name = _OPERATIONS[self.operation][2 if self.constant_first else 1]
        if self.constant is None:
            return CppCall(self.header, f"elementwise<{name}, {target.words}>")
        words = _period(self.constant).reshape(-1, target.parallel)
        datatype = DataType.holding(int(words.min()), int(words.max()))
        return CppCall(
            self.header,
            f"elementwise_constant<{name}, {target.words}, {target.parallel}, {len(words)}>",
            (CppArray(datatype, words),),
        )


def _broadcast(values: IntArray, shape: tuple[int, ...], where: str) -> IntArray:
    """Broadcast a constant of shape (1, ...) or of lower rank to one frame."""
    try:
        full: NDArray[np.int64] = np.broadcast_to(values, (1, *shape))[0]
    except ValueError as error:
        raise ModelError(
            f"a constant of shape {values.shape} does not broadcast to {shape}", where=where
        ) from error
    return full


def _period(constant: IntArray) -> IntArray:
    """Return one period of `constant` along the stream: one pixel's channels, or all of it."""
    rows = constant.reshape(-1, constant.shape[-1])
    return rows[:1] if (rows == rows[:1]).all() else rows
