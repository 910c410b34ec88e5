"""Which kernel stands for which FINN operator."""

from difflib import get_close_matches

from hwsubnet.errors import ModelError
from hwsubnet.kernels.base import Kernel
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.thresholding import Thresholding

KERNELS: dict[str, type[Kernel]] = {
    "Thresholding": Thresholding,
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
