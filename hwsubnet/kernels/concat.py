"""Concatenation of feature maps along their channels."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class Concat(Kernel):
    """FINN's ``StreamingConcat_hls``: out[p] = (in_0[p], in_1[p], ...)."""

    header: ClassVar[str] = "concat.hpp"

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, simd = node.integers("ChannelsPerStream"), node.integer("SIMD")
        datatypes = [DataType.parse(name) for name in node.strings("inputDataTypes")]
        if not len(channels) == len(datatypes) == len(node.inputs):
            raise ModelError(
                f"{len(node.inputs)} inputs, {len(channels)} widths and {len(datatypes)} types",
                where=node.name,
            )
        for index, width in enumerate(channels):
            node.divides("SIMD", simd, f"ChannelsPerStream[{index}]", width)
        if any(datatype.bipolar for datatype in datatypes):
            raise ModelError("bipolar inputs are not supported", where=node.name)
        vectors = node.vectors()
        target = DataType.holding(
            min(0, *(datatype.min for datatype in datatypes)),
            max(datatype.max for datatype in datatypes),
        )
        return cls(
            node.name,
            node.op,
            tuple(
                Stream(tensor, datatype, (*vectors, width), simd)
                for tensor, datatype, width in zip(node.inputs, datatypes, channels, strict=True)
            ),
            (Stream(node.outputs[0], target, (*vectors, sum(channels)), simd),),
        )

    def schedule(self) -> Schedule:
        """Take the inputs' words of a pixel in turn."""
        (target,) = self.outputs
        every = each(target.words).reshape(prod(target.shape[:-1]), -1)
        ends = np.cumsum([stream.shape[-1] // stream.parallel for stream in self.inputs])
        taken = tuple(part.reshape(-1) for part in np.split(every, ends[:-1], axis=1))
        return Schedule(taken, (each(target.words),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Concatenate."""
        return (np.concatenate(inputs, axis=-1),)

    def cpp(self) -> CppCall:
        """Call ``concat``."""
        (target,) = self.outputs
        branches = (f"branch<{s.shape[-1] // s.parallel}, {s.datatype.cpp}>" for s in self.inputs)
        arguments = (
            prod(target.shape[:-1]),
            target.parallel,
            target.datatype.cpp,
            *branches,
        )
        return CppCall(self.header, f"concat<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``concat``; numbers per input are packed, 32 bits each."""
        (target,) = self.outputs
        folds = (stream.shape[-1] // stream.parallel for stream in self.inputs)
        return RtlModule(
            "concat",
            ("skid_buffer.sv", "wrap_counter.sv", "concat.sv"),
            {
                "INPUTS": len(self.inputs),
                "SIMD": target.parallel,
                "FOLDS": sum(fold << 32 * i for i, fold in enumerate(folds)),
                "BITS": sum(s.datatype.bits << 32 * i for i, s in enumerate(self.inputs)),
                "SIGNED": sum(s.datatype.signed << i for i, s in enumerate(self.inputs)),
                "IN_WIDTH": sum(stream.width for stream in self.inputs),
                "OUT_BITS": target.datatype.bits,
            },
        )
