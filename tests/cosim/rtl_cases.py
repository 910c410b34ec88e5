"""The kernels' parameter sets, as nodes that this project's own RTL serves."""

from dataclasses import replace
from importlib import import_module

from hwsubnet.kernels import Node

KERNELS = (
    "accumulate_pool",
    "concat",
    "duplicate_streams",
    "elementwise",
    "label_select",
    "matrix_vector",
    "pixel_padding",
    "pool",
    "upsample",
    "vector_vector",
)


def own(node: Node) -> Node:
    """Return `node`, but a matrix unit as one that was not made for FINN's DSP array."""
    return replace(node, op="MVAU_hls") if node.op == "MVAU_rtl" else node


CASES: dict[str, Node] = {
    f"{kernel}_{case}": own(node)
    for kernel in KERNELS
    for case, node in import_module(f"test_{kernel}_cosim").CASES.items()
}
