"""FINN's thresholding unit: ``finn-rtllib/thresholding``, a binary search, one bit a stage."""

import numpy as np

from hwsubnet.estimate.calibration.memory import memory, table
from hwsubnet.estimate.calibration.structure import Parameters, Structure, clog2


def structure(p: Parameters) -> Structure:
    """Count what a ``Thresholding_rtl`` holds."""
    pe, channels, steps = p.each("PE"), p.number("NumChannels"), p.number("numSteps")
    bits, source = p.datatype("weightDataType").bits, p.datatype("inputDataType").bits
    signed = p.datatype("inputDataType").signed
    stages = int(clog2(steps + 1.0))
    folds = channels / pe
    latency = stages * (1 + p.number("deep_pipeline"))
    result = Structure.empty(len(p))
    luts, constants, words = np.zeros(len(p)), np.zeros(len(p)), np.zeros(len(p))
    for stage in range(stages):
        depth = folds * 2**stage
        rom = memory(
            np.full(len(p), float(bits)), np.where(depth > 1, depth, 0), "none", p.family,
            ultraram=p.ultraram,
        )  # fmt: skip
        result.bram18 = result.bram18 + pe * rom.bram18
        result.uram = result.uram + pe * rom.uram
        # Channels that are alike leave the stage's part of the address.
        contents = np.where(rom.logic_bits > 0, 2.0**stage, depth) if p.uniform else depth
        thresholds = table(rom, np.full(len(p), float(bits)), contents)
        luts += pe * thresholds.luts
        constants += pe * bits * (1 - thresholds.varying)
        words += pe * thresholds.distinct * rom.registered
    queue = pe * stages
    result.lut_memory = luts + queue  # at most 16 deep for up to 7 stages
    counters = clog2(folds)
    if p.uniform:  # which channel it is matters to block RAM only
        counters = np.where(result.bram18 + result.uram > 0, counters, 0)
    result.logic |= {
        "comparators": pe * stages * bits - constants,
        "fixed_comparators": constants,
        # Unsigned values are saturated by their registers' set.
        "saturation": pe * source * (signed and source > bits),
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
