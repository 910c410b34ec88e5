"""Label select: the indices of the largest elements."""

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
class LabelSelect(Kernel):
    """FINN's ``LabelSelect_hls``: the K largest, the largest first, ties by lower index."""

    header: ClassVar[str] = "label_select.hpp"

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        labels, pe, count = node.integer("Labels"), node.integer("PE"), node.integer("K")
        node.divides("PE", pe, "Labels", labels)
        if not 1 <= count <= labels:
            raise ModelError(f"K = {count} of {labels} labels", where=node.name)
        source = node.datatype("inputDataType")
        narrowest = (max(1, (labels - 1).bit_length()) + 7) // 8 * 8
        target = node.datatype("outputDataType", f"UINT{narrowest}")
        vectors = node.vectors()
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], source, (*vectors, labels), pe),),
            (Stream(node.outputs[0], target, (*vectors, count), 1),),
        )

    @property
    def latency(self) -> int:
        """The register of the best, and the output's."""
        return 2

    def schedule(self) -> Schedule:
        """Give the labels one by one after a vector, while the next comes in."""
        (source,), (target,) = self.inputs, self.outputs
        labels, count = source.shape[-1] // source.parallel, target.shape[-1]
        interval = max(labels, count)
        starts = interval * np.arange(source.words // labels)[:, None]
        taken, given = starts + each(labels), starts + labels - 1 + each(count)
        return Schedule((taken.reshape(-1),), (given.reshape(-1),), self.cycles)

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Sort stably, descending."""
        count = self.outputs[0].shape[-1]
        return (np.argsort(-inputs[0], axis=-1, kind="stable")[..., :count],)

    def cpp(self) -> CppCall:
        """Call ``label_select``."""
        (source,), (target,) = self.inputs, self.outputs
        codes = DataType(1, signed=False) if source.datatype.bipolar else source.datatype
        lowest = codes.min - 1
        arguments = (
            prod(source.shape[:-1]),
            source.shape[-1],
            source.parallel,
            target.shape[-1],
            lowest,
            codes.cpp,
            target.datatype.cpp,
            DataType.holding(lowest, codes.max, signed=True).cpp,
        )
        return CppCall(self.header, f"label_select<{', '.join(map(str, arguments))}>")

    def rtl(self) -> RtlModule:
        """Instantiate ``label_select``."""
        (source,), (target,) = self.inputs, self.outputs
        return RtlModule(
            "label_select",
            ("skid_buffer.sv", "wrap_counter.sv", "label_select.sv"),
            {
                "LABELS": source.shape[-1],
                "PE": source.parallel,
                "K": target.shape[-1],
                "IN_BITS": source.datatype.bits,
                "SIGNED": int(source.datatype.signed),
                "OUT_BITS": target.datatype.bits,
            },
        )
