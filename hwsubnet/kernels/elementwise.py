"""Elementwise operations between two streams, or between a stream and a constant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppArray, CppCall, Kernel, Memory, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream


class _Operation(NamedTuple):
    """An operation in NumPy, C++ and RTL; and as the latter two call it with swapped operands."""

    numpy: Callable[[IntArray, IntArray], IntArray]
    cpp: str
    cpp_swapped: str
    rtl: str
    rtl_swapped: str


_OPERATIONS = {
    "Add": _Operation(np.add, "add", "add", "ADD", "ADD"),
    "Sub": _Operation(np.subtract, "subtract", "subtract_from", "SUB", "RSB"),
    "Mul": _Operation(np.multiply, "multiply_by", "multiply_by", "MUL", "MUL"),
    "Max": _Operation(np.maximum, "maximum", "maximum", "MAX", "MAX"),
}


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
        function = _OPERATIONS[self.operation].numpy
        if self.constant is None:
            return (function(*inputs),)
        operands = (self.constant, inputs[0]) if self.constant_first else (inputs[0], self.constant)
        return (function(*operands),)

    def cpp(self) -> CppCall:
        """Call ``elementwise`` or ``elementwise_constant``."""
        (target,) = self.outputs
        operation = _OPERATIONS[self.operation]
        name = operation.cpp_swapped if self.constant_first else operation.cpp
        types = [stream.datatype for stream in self.inputs]
        array = None if self.constant is None else _period(self.constant, target.parallel)
        if array is not None:
            types.append(array.datatype)
        if self.operation == "Max":  # its result may be narrower than an operand
            common = DataType.holding(min(t.min for t in types), max(t.max for t in types))
            name = f"{name}<{common.cpp}>"
        if array is None:
            return CppCall(self.header, f"elementwise<{name}, {target.words}>")
        return CppCall(
            self.header,
            f"elementwise_constant<{name}, {target.words}, {target.parallel}, {len(array.codes)}>",
            (array,),
        )

    def rtl(self) -> RtlModule:
        """Instantiate ``elementwise``, its constant in ROM."""
        (target,) = self.outputs
        operation = _OPERATIONS[self.operation]
        parameters: dict[str, int | str] = {
            "OP": operation.rtl_swapped if self.constant_first else operation.rtl,
            "PE": target.parallel,
            "OUT_BITS": target.datatype.bits,
        }
        operands, memories = [stream.datatype for stream in self.inputs], {}
        if self.constant is not None:
            array = _period(self.constant, target.parallel)
            operands.append(array.datatype)
            parameters["PERIOD"] = len(array.codes)
            memories["CONSTANTS"] = Memory.of(array.datatype, array.codes)
        for name, datatype in zip("AB", operands, strict=True):
            parameters[f"{name}_BITS"] = datatype.bits
            parameters[f"{name}_SIGNED"] = int(datatype.signed)
        return RtlModule(
            "elementwise",
            ("skid_buffer.sv", "wrap_counter.sv", "rom.sv", "elementwise.sv"),
            parameters,
            memories,
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


def _period(constant: IntArray, parallel: int) -> CppArray:
    """Return the words of one period of `constant`: those of a pixel, or all of the frame's."""
    rows = constant.reshape(-1, constant.shape[-1])
    once = rows[:1] if (rows == rows[:1]).all() else rows
    datatype = DataType.holding(int(once.min()), int(once.max()))
    return CppArray(datatype, once.reshape(-1, parallel))
