"""What a folding is thought to cost while the search chooses one.

FINN has no LUT formula for most RTL nodes, so the search needs a stand-in. This one is a rule of
thumb and is never reported: it keeps designs in proportion (multipliers against memories against
logic) and inside a share of the board. Its parts:

- DSP and block RAM of matrix units by FINN's formulas, ceil(PE/4) SIMD and the depth and width of
  the weight memory; a memory up to 64 words deep is counted as LUTs instead;
- LUTs: 60 a node, 2 a bit of its streams, 25 a DSP for the adders behind it; thresholds one LUT
  for 64 bits of them, and their comparators; sliding windows and the matrix units that
  multiply with LUTs by FINN's formulas.
"""

import math
from typing import NamedTuple

from hwsubnet.boards import Board
from hwsubnet.finn_adapter.hardware import HardwareNode

NODE, STREAM_BIT = 60.0, 2
"""LUTs."""


class Demand(NamedTuple):
    """Primitives that the search reckons with."""

    LUT: float
    BRAM18: float
    DSP: float

    def __add__(self, other: object) -> "Demand":
        """Add primitive by primitive."""
        if not isinstance(other, Demand):
            return NotImplemented
        return Demand(self.LUT + other.LUT, self.BRAM18 + other.BRAM18, self.DSP + other.DSP)


def capacity(board: Board) -> Demand:
    """Return what the board's part holds."""
    held = board.resources
    return Demand(held.LUT, held.BRAM18, held.DSP)


def demand(node: HardwareNode) -> Demand:
    """Reckon the cost of `node` as it is folded now."""
    logic = NODE + STREAM_BIT * node.stream_bits()
    match node.kind:
        case "MVAU" | "VVAU":
            return _matrix(node, logic)
        case "Thresholding":
            bits = node.bits("weightDataType")
            steps = node.get("numSteps")
            logic += node.get("NumChannels") * steps * bits / 64
            logic += node.get("PE") * math.ceil(math.log2(steps + 1)) * bits
            return Demand(logic, 0, 0)
        case "ConvolutionInputGenerator":
            luts = node.analytical("xc7").LUT
            return Demand(logic + (luts or 0), 0, 0)
        case "Pool" | "GlobalAccPool":
            return Demand(logic + 2 * STREAM_BIT * node.stream_bits(), 0, 0)
        case _:
            return Demand(logic, 0, 0)


def _matrix(node: HardwareNode, logic: float) -> Demand:
    lanes, inputs = node.get("PE"), node.get("SIMD")
    weight, activation = node.bits("weightDataType"), node.bits("inputDataType")
    if node.kind == "MVAU":
        words = node.get("MW") * node.get("MH") // (lanes * inputs)
    else:
        kernel = node.get("Kernel")
        words = node.get("Channels") * kernel[0] * kernel[1] // (lanes * inputs)
    return matrix_demand(
        logic, lanes, inputs, weight, activation, node.bits("accDataType"), words,
        uses_dsp=node.op == "MVAU_rtl",
    )  # fmt: skip


def matrix_demand(
    logic: float,
    lanes: int,
    inputs: int,
    weight_bits: int,
    activation_bits: int,
    accumulator_bits: int,
    words: int,
    *,
    uses_dsp: bool,
) -> Demand:
    """Reckon a matrix unit of `lanes` x `inputs` multipliers with a memory of so many words."""
    dsp = math.ceil(lanes / 4) * inputs if uses_dsp else 0
    if uses_dsp:
        luts = logic + lanes * accumulator_bits + 25 * dsp
    else:
        bits = weight_bits + activation_bits
        products = inputs * (2 * math.ceil(bits / 6) - 1) * bits
        luts = 300 + 1.1 * lanes * (products + bits * (2 * inputs - 1) + accumulator_bits)
    width = lanes * inputs * weight_bits
    if words <= 64:
        return Demand(luts + width, 0, dsp)
    return Demand(luts, block_rams(width, words), dsp)


def block_rams(width: int, depth: int) -> int:
    """Return how many 18 Kbit block RAMs hold `depth` words, in their best aspect ratio."""
    shapes = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
    return min(math.ceil(width / w) * math.ceil(depth / d) for w, d in shapes)
