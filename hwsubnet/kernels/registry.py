"""Which kernel stands for which FINN operator."""

from difflib import get_close_matches

from hwsubnet.errors import ModelError
from hwsubnet.kernels.accumulate_pool import AccumulatePool
from hwsubnet.kernels.base import Kernel
from hwsubnet.kernels.concat import Concat
from hwsubnet.kernels.duplicate_streams import DuplicateStreams
from hwsubnet.kernels.elementwise import Elementwise
from hwsubnet.kernels.label_select import LabelSelect
from hwsubnet.kernels.matrix_vector import MatrixVector
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.padding import Padding, PixelPadding
from hwsubnet.kernels.pool import Pool
from hwsubnet.kernels.sliding_window import SlidingWindow
from hwsubnet.kernels.thresholding import Thresholding
from hwsubnet.kernels.transport import Fifo, WidthConverter
from hwsubnet.kernels.upsample import Upsample
from hwsubnet.kernels.vector_vector import VectorVector

KERNELS: dict[str, type[Kernel]] = {
    "ConvolutionInputGenerator": SlidingWindow,
    "DuplicateStreams": DuplicateStreams,
    "ElementwiseAdd": Elementwise,
    "ElementwiseMax": Elementwise,
    "ElementwiseMul": Elementwise,
    "ElementwiseSub": Elementwise,
    "FMPadding": Padding,
    "FMPadding_Pixel": PixelPadding,
    "GlobalAccPool": AccumulatePool,
    "LabelSelect": LabelSelect,
    "MVAU": MatrixVector,
    "Pool": Pool,
    "StreamingConcat": Concat,
    "StreamingDataWidthConverter": WidthConverter,
    "StreamingFIFO": Fifo,
    "Thresholding": Thresholding,
    "UpsampleNearestNeighbour": Upsample,
    "VVAU": VectorVector,
}
"""By FINN's operator without its back end (``_rtl``, ``_hls``)."""


def make_kernel(node: Node) -> Kernel:
    """Return the kernel that stands for `node`.

    Raises
    ------
    ModelError
        If the operator has no kernel, with the nearest one that has.
    """
    base = node.op.removesuffix("_rtl").removesuffix("_hls")
    if base not in KERNELS:
        near = get_close_matches(base, KERNELS, n=1)
        raise ModelError(
            f"operator {node.op!r} has no kernel",
            where=node.name,
            fix=f"the nearest one is {near[0]}" if near else f"there are {', '.join(KERNELS)}",
        )
    return KERNELS[base].from_node(node)
