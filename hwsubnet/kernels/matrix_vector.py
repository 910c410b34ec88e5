"""Matrix-vector unit: fully connected layers, and convolutions over windows."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np

from hwsubnet.errors import ModelError
from hwsubnet.kernels.arithmetic import exact_matmul
from hwsubnet.kernels.base import CppCall, Kernel, RtlModule
from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.dot_product import DotProduct
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, each
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

    @property
    def latency(self) -> int:
        """Of the array, behind the buffer that replays its input."""
        simd = self.inputs[0].parallel
        if self.op == "MVAU_rtl":  # mvu_vvu_axi.sv: core, output queue, and registers around them
            return 11 + simd.bit_length()
        replay = self.outputs[0].parallel < int(self.weights.shape[1])
        return 2 * replay + self.arithmetic.latency(simd)

    def schedule(self) -> Schedule:
        """Take a vector for its first results, replay it for the others."""
        (source,), (target,) = self.inputs, self.outputs
        columns = self.weights.shape[0] // source.parallel
        groups = target.shape[-1] // target.parallel
        words = each(source.words)
        needed = _replayed(words, columns, groups, 0)
        results = columns - 1 + each(target.words, columns)
        if groups == 1:
            return Schedule((needed,), (results,), self.cycles)
        # The ring is a power of two; a word's place is free when it was replayed for the last time.
        ring = 1 << (columns - 1).bit_length()
        free = _replayed(words - ring, columns, groups, groups - 1) + 1
        return Schedule((needed,), (results,), self.cycles, (free,))

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


def _replayed(words: IntArray, columns: int, groups: int, time: int) -> IntArray:
    """Return the steps in which words are read for the `time`-th of `groups` times."""
    vector, word = np.divmod(words, columns)
    return (vector * groups + time) * columns + word
