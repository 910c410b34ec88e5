"""What the matrix-vector and the vector-vector unit share: operands, accumulator, activation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from hwsubnet.errors import ModelError
from hwsubnet.kernels.arithmetic import check_accumulator
from hwsubnet.kernels.base import CppArray, Memory, RtlModule
from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.thresholding import Steps

RTL_SOURCES = (
    "skid_buffer.sv",
    "wrap_counter.sv",
    "pipeline_delay.sv",
    "rom.sv",
    "product.sv",
    "adder_tree.sv",
    "staircase.sv",
    "mac_array.sv",
)
"""Files in ``hls/rtl`` that both units need."""

_BIPOLAR = DataType(1, signed=False, bipolar=True)


@dataclass(frozen=True, eq=False)
class DotProduct:
    """Types of a unit that sums products and may end in a staircase.

    Where both operands are bipolar the hardware counts matches (XNOR, popcount): the sum is then
    p = (dot product + K) / 2 for K terms, and the thresholds are given in terms of p. FINN also
    has binary operands (0, 1) that stand for bipolar ones, ``binaryXnorMode``: the same bits.
    """

    input: DataType
    """As the stream declares it."""
    weight: DataType
    """Of the values that are multiplied."""
    xnor: bool
    """Binary operands that stand for bipolar ones."""
    accumulator: DataType
    output: DataType
    steps: Steps | None
    """``None``: the accumulator is the output."""

    @classmethod
    def read(cls, node: Node, channels: int) -> Self:
        """Read types and thresholds of an MVAU or a VVAU with `channels` outputs."""
        source, weight = node.datatype("inputDataType"), node.datatype("weightDataType")
        xnor = bool(node.integer("binaryXnorMode", 0))
        if xnor and not source.bits == weight.bits == 1:
            raise ModelError("binaryXnorMode needs operands of one bit", where=node.name)
        target = node.datatype("outputDataType")
        plain = node.integer("noActivation", 0)
        if plain and target.bipolar:
            raise ModelError("a bipolar output needs a threshold", where=node.name)
        return cls(
            source,
            _BIPOLAR if xnor else weight,
            xnor,
            node.datatype("accDataType", "INT32"),
            target,
            None if plain else Steps.read(node, 2, channels, target),
        )

    @property
    def matches(self) -> bool:
        """Whether sums count matching bits."""
        return self.xnor or (self.input.bipolar and self.weight.bipolar)

    @property
    def kind(self) -> str:
        """The product in ``hls/include/product.hpp``."""
        if self.matches:
            return "match"
        if self.weight.bipolar:
            return "bipolar_weight"
        return "bipolar_input" if self.input.bipolar else "ordinary"

    def latency(self, simd: int) -> int:
        """Return the stages of ``mac_array.sv`` from an input word to a result."""
        counts = self.matches and self.input.bits == self.weight.bits == 1
        terms = (simd + 2) // 3 if counts else simd
        stages = 3 + (not counts) + ((terms - 1).bit_length() + 1) // 2
        if self.steps is not None:
            count = self.steps.thresholds.shape[1]
            stages += 1 + ((count - 1).bit_length() + 1) // 2
        return stages

    def weights(self, node: Node) -> IntArray:
        """Read the weights of `node` from its constant input 1, as values of the weight type."""
        weights = node.constant(1)
        if self.xnor and not node.datatype("weightDataType").bipolar:
            weights = 2 * weights - 1
        if not self.weight.allows(weights):
            raise ModelError(
                f"weights {weights.min()} to {weights.max()} do not fit their type "
                f"{self.weight.name}",
                where=node.name,
            )
        return weights

    def operand(self, values: IntArray) -> IntArray:
        """Return the factors that `values` of the input stream stand for."""
        return 2 * values - 1 if self.xnor and not self.input.bipolar else values

    def _partial(self, terms: int) -> DataType:
        """Return the type that holds the sum of any `terms` products."""
        if self.matches:
            return DataType.holding(0, terms)
        ends = [
            x * w
            for x in (self.input.min, self.input.max)
            for w in (self.weight.min, self.weight.max)
        ]
        return DataType.holding(terms * min(0, *ends), terms * max(0, *ends), signed=True)

    def finish(self, products: IntArray, terms: int, where: str) -> IntArray:
        """Turn dot products of `terms` terms, channels last, into outputs."""
        sums = (products + terms) // 2 if self.matches else products
        check_accumulator(sums, self.accumulator, where)
        return sums if self.steps is None else self.steps.compute(sums)

    def cpp(
        self, function: str, shape: tuple[int, ...], weights: IntArray, pe: int
    ) -> tuple[str, tuple[CppArray, ...]]:
        """Return the call ``function<product, *shape, accumulator, ...>`` and its arrays."""
        partial = self._partial(weights.shape[-1])
        arguments: list[object] = [self.kind, *shape, partial.cpp, self.accumulator.cpp]
        arrays = [CppArray(self.weight, self.weight.encode(weights))]
        if self.steps is not None:
            function += "_thresholds"
            comparison = self.steps.comparison(self.accumulator)
            arguments += [self.steps.thresholds.shape[1], self.steps.bias, comparison.cpp]
            arrays.append(self.steps.array(pe))
        return f"{function}<{', '.join(map(str, arguments))}>", tuple(arrays)

    def rtl(
        self,
        module: str,
        shape: Mapping[str, int],
        weights: IntArray,
        sources: tuple[str, ...],
    ) -> RtlModule:
        """Return the instance of `module`, its weights and thresholds in ROM.

        Parameters
        ----------
        shape
            Parameters of the folding.
        weights
            Shape (groups, folds, PE, SIMD).
        sources
            Files in ``hls/rtl`` that it needs besides `RTL_SOURCES`.
        """
        groups, folds, pe, _ = weights.shape
        accumulator = self.output if self.steps is None else self.accumulator
        parameters: dict[str, int | str] = {
            **shape,
            "IN_BITS": self.input.bits,
            "IN_SIGNED": int(self.input.signed),
            "IN_BIPOLAR": int(self.xnor or self.input.bipolar),
            "WEIGHT_BITS": self.weight.bits,
            "WEIGHT_SIGNED": int(self.weight.signed),
            "WEIGHT_BIPOLAR": int(self.weight.bipolar),
            "ACC_BITS": accumulator.bits,
            "ACC_SIGNED": int(accumulator.signed),
            "OUT_BITS": self.output.bits,
        }
        codes = self.weight.encode(weights).reshape(groups * folds, -1)
        memories = {"WEIGHTS": Memory.of(self.weight, codes)}
        if self.steps is not None:
            array = self.steps.array(pe)
            parameters["STEPS"] = self.steps.thresholds.shape[1]
            parameters["STEP_BITS"] = array.datatype.bits
            parameters["STEP_SIGNED"] = int(array.datatype.signed)
            parameters["BIAS"] = self.steps.bias
            memories["THRESHOLDS"] = Memory.of(array.datatype, array.codes.reshape(groups, -1))
        return RtlModule(module, (*RTL_SOURCES, *sources), parameters, memories)
