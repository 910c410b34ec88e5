"""Pooling over depthwise windows: maximum, sum, or the high bits of the sum."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
from hwsubnet.kernels.sliding_window import window_shape
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class Pool(Kernel):
    """FINN's ``Pool_hls`` with MaxPool, AccPool (the sum) and QuantAvgPool (its high bits)."""

    header: ClassVar[str] = "pool.hpp"

    function: str
    positions: int
    """K, of a window."""

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        channels, pe = node.integer("Channels"), node.integer("PE", 1)
        node.divides("PE", pe, "Channels", channels)
        if node.integer("BatchSize", 1) != 1:
            raise ModelError("Pool for more than one frame at a time", where=node.name)
        function = node.string("Function")
        if function not in ("MaxPool", "AccPool", "QuantAvgPool"):
            raise ModelError(
                f"pool function {function!r} is not exact in integers",
                where=node.name,
                fix="sum (AccPool) and let the next thresholds absorb the division, or use "
                "QuantAvgPool",
            )
        source, target = node.datatype("InputDataType"), node.datatype("OutputDataType")
        if source.bipolar and function != "MaxPool":
            raise ModelError("sums of a bipolar input are not supported", where=node.name)
        dim, positions = node.integers("OutImgDims"), prod(node.integers("KernelSize"))
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], source, window_shape(dim, channels, positions, pe), pe),),
            (Stream(node.outputs[0], target, (*dim, channels), pe),),
            function,
            positions,
        )

    @property
    def accumulator(self) -> DataType:
        """The narrowest type that holds the reduction of any window."""
        datatype = self.inputs[0].datatype
        if self.function == "MaxPool":
            return datatype
        terms = self.positions
        return DataType.holding(terms * datatype.min, terms * datatype.max, signed=datatype.signed)

    @property
    def shift(self) -> int:
        """Low bits of the sum that QuantAvgPool drops: as many as leave the output's width."""
        (source,), (target,) = self.inputs, self.outputs
        widest = ((1 << source.datatype.bits) - 1) * self.positions
        return max(0, widest.bit_length() - target.datatype.bits)

    def schedule(self) -> Schedule:
        """Give one word for those of a window."""
        (source,), (target,) = self.inputs, self.outputs
        last = self.positions - 1
        results = last + each(target.words, self.positions)
        return Schedule((each(source.words),), (results,), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Reduce each window."""
        (target,) = self.outputs
        pe = target.parallel
        windows = inputs[0].reshape(len(inputs[0]), *target.shape[:-1], -1, self.positions, pe)
        reduce = np.max if self.function == "MaxPool" else np.sum
        values = reduce(windows, axis=-2).reshape(-1, *target.shape)
        return (values >> self.shift if self.function == "QuantAvgPool" else values,)

    def cpp(self) -> CppCall:
        """Call ``pool``."""
        (target,) = self.outputs
        kinds = {"MaxPool": "largest", "AccPool": "sum"}
        arguments = (
            kinds.get(self.function, f"shifted_sum<{self.shift}>"),
            prod(target.shape[:-1]),
            target.shape[-1],
            self.positions,
            target.parallel,
            self.accumulator.cpp,
        )
        return CppCall(self.header, f"pool<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``pool``."""
        (source,), (target,) = self.inputs, self.outputs
        return RtlModule(
            "pool",
            ("skid_buffer.sv", "wrap_counter.sv", "pool.sv"),
            {
                "POOL": "MAX" if self.function == "MaxPool" else "SUM",
                "K": self.positions,
                "PE": target.parallel,
                "IN_BITS": source.datatype.bits,
                "SIGNED": int(source.datatype.signed),
                "ACC_BITS": self.accumulator.bits,
                "SHIFT": self.shift if self.function == "QuantAvgPool" else 0,
                "OUT_BITS": target.datatype.bits,
            },
        )
