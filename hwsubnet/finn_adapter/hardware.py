"""A FINN hardware node, as folding and estimation see it."""

from math import prod
from typing import Any

import onnx

from hwsubnet.artifacts import Resources
from hwsubnet.finn_adapter.session import initialize
from hwsubnet.finn_adapter.specialize import DOMAIN

_MATRIX = frozenset({"BRAM18", "URAM", "DSP"})
_MODELLED: dict[str, frozenset[str]] = {
    "MVAU_rtl": _MATRIX,
    "MVAU_hls": _MATRIX | {"LUT"},
    "VVAU_rtl": _MATRIX,
    "VVAU_hls": _MATRIX | {"LUT"},
    "ConvolutionInputGenerator_rtl": frozenset({"LUT", "BRAM18", "URAM"}),
}
"""Resources for which FINN 1.6.1 has a formula of the whole node. Its other answers are a default
of 0, or count one part of a node only: for ``Thresholding_rtl`` the memories, and these as if the
part were a Versal."""

_NO_MULTIPLIER = frozenset(
    {
        "ConvolutionInputGenerator",
        "DuplicateStreams",
        "ElementwiseAdd",
        "FMPadding",
        "FMPadding_Pixel",
        "GlobalAccPool",
        "LabelSelect",
        "Pool",
        "StreamingConcat",
        "Thresholding",
        "UpsampleNearestNeighbour",
    }
)
"""Kernels that hold no multiplier, so that their DSP count is 0 and not unknown."""

_FORMULAS = {
    "LUT": "lut_estimation",
    "BRAM18": "bram_estimation",
    "URAM": "uram_estimation",
    "DSP": "dsp_estimation",
}


class HardwareNode:
    """One specialized node of a dataflow graph.

    Parameters
    ----------
    proto
        Of domain ``finn.custom_op.fpgadataflow.rtl`` or ``.hls``; folding changes it in place.
    uniform
        Whether all channels have the same constants, so that their memory is as good as one word.
    """

    def __init__(self, proto: onnx.NodeProto, *, uniform: bool = False) -> None:
        initialize()
        from qonnx.custom_op.registry import getCustomOp

        self.proto = proto
        self.uniform = uniform
        self._instance: Any = getCustomOp(proto)

    @property
    def name(self) -> str:
        """Unique in its graph."""
        return str(self.proto.name)

    @property
    def op(self) -> str:
        """FINN's class, such as ``MVAU_rtl``."""
        return str(self.proto.op_type)

    @property
    def kind(self) -> str:
        """The class without its implementation style, such as ``MVAU``."""
        return self.op.removesuffix("_rtl").removesuffix("_hls")

    @property
    def layer(self) -> str:
        """The network's layer that it serves."""
        return next(
            (entry.value for entry in self.proto.metadata_props if entry.key == "layer"), self.name
        )

    def signature(self) -> tuple[object, ...]:
        """Return what cost and speed depend on: equal for nodes that differ in name only."""
        attributes = (attribute.SerializeToString() for attribute in self.proto.attribute)
        counts = len(self.proto.input), len(self.proto.output)
        return self.op, self.uniform, counts, *sorted(attributes)

    def get(self, attribute: str) -> Any:
        """Return an attribute, or its default."""
        return self._instance.get_nodeattr(attribute)

    def set(self, **attributes: Any) -> None:
        """Set attributes."""
        for name, value in attributes.items():
            self._instance.set_nodeattr(name, value)

    def implement(self, op: str) -> None:
        """Serve the node by another of FINN's classes; its name stays."""
        from qonnx.custom_op.registry import getCustomOp

        if op != self.op:
            self.proto.op_type = op
            self.proto.domain = f"{DOMAIN}.{op.rpartition('_')[2]}"
            self._instance = getCustomOp(self.proto)

    def cycles(self) -> int:
        """Return cycles per frame in the steady state, by FINN's formula."""
        return int(self._instance.get_exp_cycles())

    def input_bits(self) -> tuple[int, ...]:
        """Return the width of a word of each data stream into the node."""
        one = self.kind in ("MVAU", "VVAU", "Thresholding", "ElementwiseMul")
        count = 1 if one else len(self.proto.input)  # the others are constants
        return tuple(int(self._instance.get_instream_width(i)) for i in range(count))

    def output_bits(self) -> tuple[int, ...]:
        """Return the width of a word of each stream out of the node."""
        count = len(self.proto.output)
        return tuple(int(self._instance.get_outstream_width(i)) for i in range(count))

    def output_frames(self) -> tuple[int, ...]:
        """Return the bits of a frame on each stream out of the node."""
        return tuple(
            int(prod(self._instance.get_normal_output_shape(i)))
            * int(self._instance.get_output_datatype(i).bitwidth())
            for i in range(len(self.proto.output))
        )

    def bits(self, attribute: str) -> int:
        """Return the width of a datatype that an attribute names."""
        from qonnx.core.datatype import DataType

        return int(DataType[self.get(attribute)].bitwidth())

    def analytical(self, part: str) -> Resources:
        """Return FINN's formulas' answers; ``None`` where FINN has no formula of the node."""
        known: dict[str, float] = {
            resource: float(getattr(self._instance, _FORMULAS[resource])(part))
            for resource in _MODELLED.get(self.op, frozenset())
        }
        if self.kind in _NO_MULTIPLIER:
            known["DSP"] = 0.0
        if part.startswith("xc7"):
            known["URAM"] = 0.0  # 7-series parts have none
        return Resources(**known)


def hardware_nodes(model: onnx.ModelProto) -> list[HardwareNode]:
    """Return the nodes of a dataflow graph, in topological order."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}

    def uniform(node: onnx.NodeProto) -> bool:
        if not node.op_type.startswith("Thresholding") or node.input[1] not in constants:
            return False
        thresholds = onnx.numpy_helper.to_array(constants[node.input[1]])
        return bool((thresholds == thresholds[0]).all())

    return [HardwareNode(node, uniform=uniform(node)) for node in model.graph.node]
