"""Nearest-neighbour upsampling by whole factors."""

from dataclasses import dataclass
from typing import ClassVar, Self

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class Upsample(Kernel):
    """FINN's ``UpsampleNearestNeighbour_hls``: out[h, w] = in[h // scale_h, w // scale_w]."""

    header: ClassVar[str] = "upsample.hpp"

    scale: tuple[int, int]

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, simd = node.integer("NumChannels"), node.integer("SIMD")
        node.divides("SIMD", simd, "NumChannels", channels)
        height, width = node.integer("HI"), node.integer("WI")
        tall, wide = node.integer("HO"), node.integer("WO")
        if tall % height or wide % width:
            raise ModelError(
                f"from {height} x {width} to {tall} x {wide} is no whole factor", where=node.name
            )
        datatype = node.datatype("inputDataType")
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], datatype, (height, width, channels), simd),),
            (Stream(node.outputs[0], datatype, (tall, wide, channels), simd),),
            (tall // height, wide // width),
        )

    @property
    def latency(self) -> int:
        """Of the two replays."""
        return 2 * sum(scale > 1 for scale in self.scale)

    def schedule(self) -> Schedule:
        """Take a pixel when it leaves for the first time."""
        (target,) = self.outputs
        every = each(target.words).reshape(*target.shape[:2], -1)
        taken = every[:: self.scale[0], :: self.scale[1]].reshape(-1)
        return Schedule((taken,), (each(target.words),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Repeat rows and columns."""
        return (inputs[0].repeat(self.scale[0], axis=1).repeat(self.scale[1], axis=2),)

    def cpp(self) -> CppCall:
        """Call ``upsample``."""
        (source,) = self.inputs
        height, width, channels = source.shape
        folds = channels // source.parallel
        arguments = (height, width, folds, *self.scale, source.cpp_word)
        return CppCall(self.header, f"upsample<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``upsample``."""
        (source,) = self.inputs
        _, width, channels = source.shape
        return RtlModule(
            "upsample",
            ("wrap_counter.sv", "stream_replay.sv", "upsample.sv"),
            {
                "WIDTH": source.width,
                "COLUMNS": width,
                "FOLDS": channels // source.parallel,
                "SCALE_H": self.scale[0],
                "SCALE_W": self.scale[1],
            },
        )
