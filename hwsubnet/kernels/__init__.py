"""Hardware kernels: each an integer golden model, a C++ call, an RTL instance and its cycles."""

from hwsubnet.kernels.base import CppArray, CppCall, Kernel, Memory, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.graph import KernelGraph, graph_of, node_of, read_graph
from hwsubnet.kernels.host_units import host_units
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.registry import KERNELS, make_kernel
from hwsubnet.kernels.stream import Stream
from hwsubnet.kernels.timing import Timing, converter_cycles, pipeline

__all__ = [
    "KERNELS",
    "CppArray",
    "CppCall",
    "DataType",
    "IntArray",
    "Kernel",
    "KernelGraph",
    "Memory",
    "Node",
    "RtlModule",
    "Stream",
    "Timing",
    "converter_cycles",
    "graph_of",
    "host_units",
    "make_kernel",
    "node_of",
    "pipeline",
    "read_graph",
]
