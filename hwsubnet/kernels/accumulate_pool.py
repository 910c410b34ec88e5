"""Global accumulate-pool: the sum of every channel over all pixels."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class AccumulatePool(Kernel):
    """FINN's ``GlobalAccPool_hls``: out[c] = sum_p in[p][c]."""

    header: ClassVar[str] = "accumulate_pool.hpp"

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, pe = node.integer("NumChannels"), node.integer("PE")
        node.divides("PE", pe, "NumChannels", channels)
        source = node.datatype("inputDataType")
        if source.bipolar:
            raise ModelError("sums of a bipolar input are not supported", where=node.name)
        vectors = node.vectors()
        if len(vectors) != 2:
            raise ModelError(f"pixels of shape {vectors}, two axes are needed", where=node.name)
        # The type that FINN declares: wide enough for the end of the range farther from 0.
        extreme = prod(vectors) * (source.min if source.signed else source.max)
        target = DataType.holding(min(0, extreme), max(0, extreme))
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], source, (*vectors, channels), pe),),
            (Stream(node.outputs[0], target, (1, 1, channels), pe),),
        )

    def schedule(self) -> Schedule:
        """Give the sums with the last pixel."""
        (source,), (target,) = self.inputs, self.outputs
        last = source.words - target.words
        return Schedule((each(source.words),), (last + each(target.words),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Sum over the pixels."""
        return (inputs[0].sum(axis=(1, 2), keepdims=True),)

    def cpp(self) -> CppCall:
        """Call ``accumulate_pool``."""
        (source,) = self.inputs
        arguments = (prod(source.shape[:-1]), source.shape[-1], source.parallel)
        return CppCall(self.header, f"accumulate_pool<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``accumulate_pool``."""
        (source,), (target,) = self.inputs, self.outputs
        return RtlModule(
            "accumulate_pool",
            ("skid_buffer.sv", "wrap_counter.sv", "accumulate_pool.sv"),
            {
                "PIXELS": prod(source.shape[:-1]),
                "CHANNELS": source.shape[-1],
                "PE": source.parallel,
                "IN_BITS": source.datatype.bits,
                "SIGNED": int(source.datatype.signed),
                "OUT_BITS": target.datatype.bits,
            },
        )
