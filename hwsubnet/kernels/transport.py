"""What carries a stream on without changing its elements: width converters and FIFOs."""

from dataclasses import dataclass
from typing import ClassVar, Self

from hwsubnet.errors import FoldingError
from hwsubnet.kernels.base import CppCall, Kernel
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class WidthConverter(Kernel):
    """FINN's ``StreamingDataWidthConverter``: another number of elements per word."""

    header: ClassVar[str] = "width_converter.hpp"
    transparent: ClassVar[bool] = True

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        datatype = node.datatype("dataType")
        streams = []
        for tensor, side in ((node.inputs[0], "in"), (node.outputs[0], "out")):
            bits = node.integer(f"{side}Width")
            if bits % datatype.bits:
                raise FoldingError(
                    f"{side}Width = {bits} is no multiple of {datatype.name}'s {datatype.bits}",
                    where=node.name,
                )
            shape = node.frame(node.integers(f"{side}Shape"))
            streams.append(Stream(tensor, datatype, shape, bits // datatype.bits))
        return cls(node.name, node.op, (streams[0],), (streams[1],))

    def schedule(self) -> Schedule:
        """Move the narrow side in every step, the wide one when its word is complete."""
        (source,), (target,) = self.inputs, self.outputs
        interval = self.cycles // target.words
        given = interval - 1 + each(target.words, interval)
        return Schedule((each(source.words, self.cycles // source.words),), (given,), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Return the elements as they are."""
        return (inputs[0].reshape(-1, *self.outputs[0].shape),)

    def cpp(self) -> CppCall:
        """Call ``width_converter``."""
        (source,), (target,) = self.inputs, self.outputs
        return convert(source.datatype, source.elements, source.parallel, target.parallel)


@dataclass(frozen=True, eq=False)
class Fifo(Kernel):
    """FINN's ``StreamingFIFO``."""

    header: ClassVar[str] = "types.hpp"
    transparent: ClassVar[bool] = True

    depth: int
    """In words."""

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        datatype = node.datatype("dataType")
        parallel = node.integers("folded_shape")[-1]
        shape = node.frame(node.integers("normal_shape"))
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, shape, parallel),),
            (Stream(node.outputs[0], datatype, shape, parallel),),
            node.integer("depth"),
        )

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Return the elements as they are."""
        return inputs

    def cpp(self) -> None:
        """Every stream of the C++ top is a FIFO already."""
        return


def convert(datatype: DataType, elements: int, narrow: int, wide: int) -> CppCall:
    """Return the call that takes words of `narrow` elements to words of `wide` (or back)."""
    function = f"width_converter<{elements}, {narrow}, {wide}, {datatype.cpp}>"
    return CppCall("width_converter.hpp", function)


def copy(stream: Stream) -> CppCall:
    """Return the call that takes the words of `stream` from one FIFO to another."""
    function = f"duplicate_streams<{stream.words}, {stream.cpp_word}>"
    return CppCall("duplicate_streams.hpp", function)
