"""FINN's thresholding unit: ``finn-rtllib/thresholding``, a binary search, one bit a stage."""

import numpy as np

from hwsubnet.estimate.calibration.memory import memory
from hwsubnet.estimate.calibration.structure import Parameters, Structure, ceil, clog2

_SHARED = 8
"""Words up to which functions of the address are so few that outputs share them."""
_LUT = 64
"""Words of one bit that a LUT holds."""


def structure(p: Parameters) -> Structure:
    """Count what a ``Thresholding_rtl`` holds."""
    pe, channels, steps = p.each("PE"), p.number("NumChannels"), p.number("numSteps")
    bits, source = p.datatype("weightDataType").bits, p.datatype("inputDataType").bits
    stages = int(clog2(steps + 1.0))
    folds = channels / pe
    latency = stages * (1 + p.number("deep_pipeline"))
    result = Structure.empty(len(p))
    single, deep, shared, constants, words = (np.zeros(len(p)) for _ in range(5))
    for stage in range(stages):
        depth = folds * 2**stage
        rom = memory(
            np.full(len(p), float(bits)), np.where(depth > 1, depth, 0), "none", p.family,
            ultraram=p.ultraram,
        )  # fmt: skip
        result.bram18 = result.bram18 + pe * rom.bram18
        result.uram = result.uram + pe * rom.uram
        each = pe * bits * (rom.logic_bits > 0)
        shared += np.where(depth <= _SHARED, each * clog2(depth), 0)
        single += np.where((depth > _SHARED) & (depth <= _LUT), each, 0)
        deep += np.where(depth > _LUT, each * ceil(depth, _LUT), 0)
        constants += np.where(depth <= 1, pe * bits, 0)
        words += pe * bits * rom.registered
    queue = pe * stages
    result.lut_memory = queue  # at most 16 deep for up to 7 stages
    counters = clog2(folds)
    cut = source > bits
    result.logic |= {
        "comparators": pe * stages * bits - constants,
        "fixed_comparators": constants,
        "shared_rom": shared,
        "rom": single,
        "deep_rom": deep,
        "saturation": pe * (bits + source - bits) * cut,
        "results": queue,
        "counters": counters,
        "stages": np.full(len(p), float(stages)),
    }
    result.registers |= {
        "values": pe * bits * (latency - 1),
        "words": words,
        "results": pe * stages * (stages * latency / (2 * stages) if stages else 0) + queue,
        "counters": counters * latency,
        "stages": np.full(len(p), float(latency)),
    }
    return result
