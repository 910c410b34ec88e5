"""Matrix-vector unit: fully connected layers, and convolutions over windows."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

from hwsubnet.errors import ModelError
from hwsubnet.kernels.arithmetic import exact_matmul
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.dot_product import DotProduct
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class MatrixVector(Kernel):
    """FINN's ``MVAU_rtl`` and ``MVAU_hls``: out[r] = activation(sum_c W[c, r] in[c])."""

    header: ClassVar[str] = "matrix_vector.hpp"

    arithmetic: DotProduct
    weights: IntArray
    """Shape (MW, MH): columns (inputs) by rows (outputs), as ONNX multiplies."""

    @classmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node."""
        columns, rows = node.integer("MW"), node.integer("MH")
        simd, pe = node.integer("SIMD"), node.integer("PE")
        node.divides("SIMD", simd, "MW", columns)
        node.divides("PE", pe, "MH", rows)
        arithmetic = DotProduct.read(node, rows)
        weights = arithmetic.weights(node)
        if weights.shape != (columns, rows):
            raise ModelError(
                f"weights of shape {weights.shape}, but (MW, MH) = ({columns}, {rows})",
                where=node.name,
            )
        vectors = node.vectors()
        return cls(
            node.name,
            node.op,
            (Stream(node.inputs[0], arithmetic.input, (*vectors, columns), simd),),
            (Stream(node.outputs[0], arithmetic.output, (*vectors, rows), pe),),
            arithmetic,
            weights,
        )

    @property
    def cycles(self) -> int:
        """The input vectors' words, once for each row fold."""
        (source,), (target,) = self.inputs, self.outputs
        row_folds = target.shape[-1] // target.parallel
        return source.words * row_folds

    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Multiply, then apply the activation."""
        products = exact_matmul(self.arithmetic.operand(inputs[0]), self.weights)
        return (self.arithmetic.finish(products, len(self.weights), self.name),)

    def cpp(self) -> CppCall:
        """Call ``matrix_vector``."""
        (source,), (target,) = self.inputs, self.outputs
        shape = (prod(source.shape[:-1]), *self.weights.shape, source.parallel, target.parallel)
        call = self.arithmetic.cpp("matrix_vector", shape, self._tiles(), target.parallel)
        return CppCall(self.header, *call)

    def rtl(self) -> RtlModule | None:
        """Instantiate ``matrix_vector``, unless the node was made for FINN's DSP array."""
        if self.op == "MVAU_rtl":
            return None
        (source,), (target,) = self.inputs, self.outputs
        columns, rows = self.weights.shape
        shape = {"MW": columns, "MH": rows, "SIMD": source.parallel, "PE": target.parallel}
        sources = ("stream_replay.sv", "matrix_vector.sv")
        return self.arithmetic.rtl("matrix_vector", shape, self._tiles(), sources)

    def _tiles(self) -> IntArray:
        """Return the weights as [MH / PE][MW / SIMD][PE][SIMD]."""
        columns, rows = self.weights.shape
        simd, pe = self.inputs[0].parallel, self.outputs[0].parallel
        return self.weights.T.reshape(rows // pe, pe, columns // simd, simd).swapaxes(1, 2)
