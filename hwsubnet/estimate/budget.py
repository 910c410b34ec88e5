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
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.legality import Folding
from hwsubnet.finn_adapter.hardware import HardwareNode

NODE, STREAM_BIT = 60.0, 2
"""LUTs."""


def costs(node: HardwareNode, foldings: Sequence[Folding], family: str) -> NDArray[np.float64]:
    """Reckon what `node` takes under N foldings: shape (N, 5), LUT, FF, BRAM18, URAM, DSP."""
    return np.array([_cost(node, folding) for folding in foldings], dtype=float)


def edge_costs(
    source_bits: NDArray[np.int64], sink_bits: NDArray[np.int64], family: str
) -> NDArray[np.float64]:
    """Reckon what N streams take: a FIFO of two words, and a converter where widths differ."""
    found = np.zeros((len(source_bits), 5))
    found[:, 0] = 10 + sink_bits + (source_bits != sink_bits) * (source_bits + sink_bits)
    found[:, 1] = 10 + 2 * sink_bits + (source_bits != sink_bits) * (source_bits + sink_bits)
    return found


def _cost(node: HardwareNode, folding: Folding) -> tuple[float, ...]:
    if node.kind in ("MVAU", "VVAU"):
        return _matrix(node, folding)
    node.set(**folding)
    logic = NODE + STREAM_BIT * sum((*node.input_bits(), *node.output_bits()))
    match node.kind:
        case "Thresholding":
            bits = node.bits("weightDataType")
            steps = node.get("numSteps")
            logic += node.get("NumChannels") * steps * bits / 64
            logic += node.get("PE") * math.ceil(math.log2(steps + 1)) * bits
        case "ConvolutionInputGenerator":
            logic += node.analytical("xc7").LUT or 0
    return logic, logic, 0, 0, 0


def _matrix(node: HardwareNode, folding: Folding) -> tuple[float, ...]:
    lanes, inputs = cast(int, folding["PE"]), cast(int, folding["SIMD"])
    weight, activation = node.bits("weightDataType"), node.bits("inputDataType")
    if node.kind == "MVAU":
        words = node.get("MW") * node.get("MH") // (lanes * inputs)
    else:
        kernel = node.get("Kernel")
        words = node.get("Channels") * kernel[0] * kernel[1] // (lanes * inputs)
    dsp = math.ceil(lanes / 4) * inputs if node.op == "MVAU_rtl" else 0
    luts = 100 + lanes * inputs * (20 if dsp else weight * activation * 1.5 + 8)
    width = lanes * inputs * weight
    if folding.get("ram_style") == "block":
        return luts, 2 * luts, block_rams(width, words), 0, dsp
    return luts + width * math.ceil(words / 64), 2 * luts, 0, 0, dsp


def block_rams(width: int, depth: int) -> int:
    """Return how many 18 Kbit block RAMs hold `depth` words, in their best aspect ratio."""
    shapes = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
    return min(math.ceil(width / w) * math.ceil(depth / d) for w, d in shapes)
