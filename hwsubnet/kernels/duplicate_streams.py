"""Duplicate streams: the same words to several readers."""

from dataclasses import dataclass
from typing import ClassVar, Self

from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class DuplicateStreams(Kernel):
    """FINN's ``DuplicateStreams_hls``: every output is the input."""

    header: ClassVar[str] = "duplicate_streams.hpp"

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, pe = node.integer("NumChannels"), node.integer("PE")
        node.divides("PE", pe, "NumChannels", channels)
        datatype, shape = node.datatype("inputDataType"), (*node.vectors(), channels)
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, shape, pe),),
            tuple(Stream(tensor, datatype, shape, pe) for tensor in node.outputs),
        )

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Return the input once per output."""
        return inputs * len(self.outputs)

    def cpp(self) -> CppCall:
        """Call ``duplicate_streams``."""
        (source,) = self.inputs
        return CppCall(self.header, f"duplicate_streams<{source.words}, {source.cpp_word}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``duplicate_streams``."""
        return RtlModule(
            "duplicate_streams",
            ("skid_buffer.sv", "duplicate_streams.sv"),
            {"WIDTH": self.inputs[0].width, "OUTPUTS": len(self.outputs)},
        )
