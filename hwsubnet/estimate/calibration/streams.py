"""The small kernels: what pads, pools, adds, forks, joins, repeats and selects."""

from math import prod

import numpy as np

from hwsubnet.estimate.calibration.memory import memory, table
from hwsubnet.estimate.calibration.structure import (
    DSP_PRODUCT,
    WIRED,
    Numbers,
    Parameters,
    Structure,
    ceil,
    clog2,
)
from hwsubnet.kernels.datatype import DataType

_SHALLOWEST = 32
"""Words of ``stream_replay.sv`` at least."""
_FLAG = 1
"""A register that says whether another one holds something."""
_SKID = 2
"""Registers of a bit that passes ``skid_buffer.sv``."""


def padding(p: Parameters) -> Structure:
    """Count what an ``FMPadding_rtl`` holds."""
    simd = p.each("SIMD")
    word = 8 * ceil(simd * p.datatype("inputDataType").bits, 8)  # padding to bytes is kept
    (height, width), (top, left, bottom, right) = p.numbers("ImgDim"), p.numbers("Padding")
    rows, columns = clog2(float(height + top + bottom)), clog2(float(width + left + right))
    folds = p.number("NumChannels") / simd
    counters = clog2(folds) + rows + columns
    folded = np.where(folds > 1, 1.0, 0.0)
    return _plain(
        p,
        {"word": word, "counters": counters, "folded": folded},
        {"word": 2 * word, "counters": counters, "folded": folded},
    )


def pixel_padding(p: Parameters) -> Structure:
    """Count what an ``FMPadding_Pixel_rtl`` holds."""
    simd = p.each("SIMD")
    word = simd * p.datatype("inputDataType").bits
    (height, width), (stride_h, stride_w) = p.numbers("ImgDim"), p.numbers("Stride")
    counters = clog2(p.number("NumChannels") / simd) + sum(
        clog2(float(states))
        for states in ((height - 1) * stride_h + 1, (width - 1) * stride_w + 1, stride_h, stride_w)
    )
    return _plain(
        p, {"word": word, "counters": counters}, {"word": _SKID * word, "counters": counters}
    )


def pool(p: Parameters) -> Structure:
    """Count what a ``Pool_rtl`` holds."""
    pe, source = p.each("PE"), p.datatype("InputDataType")
    positions = prod(p.numbers("KernelSize"))
    out = pe * p.datatype("OutputDataType").bits
    counter = np.full(len(p), float(clog2(float(positions))))
    if p.text("Function") == "MaxPool":
        operation = {"compared": pe * source.bits}
        state = pe * source.bits
    else:
        kind = DataType.holding(positions * source.min, positions * source.max)
        operation = {"added": pe * kind.bits}
        state = pe * kind.bits
    return _plain(
        p,
        operation | {"word": out, "counters": counter},
        {"word": _SKID * out + state, "counters": counter},
    )


def accumulate(p: Parameters) -> Structure:
    """Count what a ``GlobalAccPool_rtl`` holds: sums of all channels in LUT RAM."""
    pe, source = p.each("PE"), p.datatype("inputDataType")
    folds = p.number("NumChannels") / pe
    pixels = prod(p.numbers("numInputVectors"))
    extreme = pixels * (source.min if source.signed else source.max)
    out = pe * DataType.holding(min(0, extreme), max(0, extreme)).bits
    sums = memory(out, np.where(folds > 1, folds, 0), "two", p.family, style="distributed")
    counters = clog2(folds) + clog2(float(pixels))
    result = _plain(
        p,
        {"word": out, "counters": counters, "muxes": sums.mux_luts},
        {"word": _SKID * out + out * (folds <= 1), "counters": counters},
    )
    result.lut_memory = sums.luts
    return result


def elementwise(p: Parameters) -> Structure:
    """Count what an ``Elementwise..._hls`` on two streams, or a stream and a constant, holds."""
    pe = p.each("PE")
    left, right = p.datatype("lhs_dtype").bits, p.datatype("rhs_dtype").bits
    out = p.datatype("out_dtype").bits
    period, width = _period(p), pe * right
    rom = memory(width, np.where(period > 1, period, 0), "none", p.family, ultraram=p.ultraram)
    result = _plain(
        p,
        {
            "out": pe * out,
            "added": pe * min(left, right) * (period != 1),
            "counters": clog2(period),
        },
        {"word": pe * (left + right) + _SKID * pe * out, "counters": clog2(period)},
    )
    constants = table(rom, width, period)
    result.bram18, result.uram, result.lut_memory = rom.bram18, rom.uram, constants.luts
    constant_bits = np.where(rom.registered, constants.distinct, width * (period == 0))
    result.registers["word"] = pe * left + constant_bits + _SKID * pe * out
    return result


def multiply(p: Parameters) -> Structure:
    """Count what an ``ElementwiseMul_hls`` holds."""
    result = elementwise(p)
    pe, left, right = p.each("PE"), p.datatype("lhs_dtype").bits, p.datatype("rhs_dtype").bits
    fixed = _period(p) == 1  # the multipliers are made for their constants
    del result.logic["added"]
    sliced = ~fixed & (min(left, right) > 1) & (p.datatype("out_dtype").bits >= DSP_PRODUCT)
    result.dsp = np.where(sliced, pe, 0)
    result.logic["partial_bits"] = np.where(fixed | sliced, 0, pe * left * right)
    result.logic["fixed_partial_bits"] = np.where(fixed, pe * left * right / WIRED, 0)
    if p.family == "xc7":  # Yosys packs the operand that is a stream into the slice
        result.registers["word"] = result.registers["word"] - np.where(sliced, pe * left, 0)
    return result


def _period(p: Parameters) -> Numbers:
    """Return after how many words constants come again; 0 if both operands are streams."""
    for side in ("lhs", "rhs"):
        if p.text(f"{side}_style") == "const":
            return p.numbers(f"{side}_shape")[-1] / p.each("PE")
    return np.zeros(len(p))


def duplicate(p: Parameters) -> Structure:
    """Count what a ``DuplicateStreams_rtl`` holds."""
    word = p.each("PE") * p.datatype("inputDataType").bits
    copies = np.full(len(p), float(p.number("NumOutputStreams")))
    return _plain(p, {"word": word, "copies": copies}, {"word": _SKID * word, "copies": copies})


def concat(p: Parameters) -> Structure:
    """Count what a ``StreamingConcat_rtl`` holds."""
    simd = p.each("SIMD")
    types, channels = p.datatypes("inputDataTypes"), p.numbers("ChannelsPerStream")
    out = DataType.holding(min(0, *(t.min for t in types)), max(t.max for t in types)).bits
    counters = clog2(sum(channels) / simd)
    return _plain(
        p,
        {"word": simd * out, "inputs": simd * sum(t.bits for t in types), "counters": counters},
        {"word": _SKID * simd * out, "counters": counters},
    )


def upsample(p: Parameters) -> Structure:
    """Count what an ``UpsampleNearestNeighbour_rtl`` holds: two replay buffers."""
    simd = p.each("SIMD")
    word = simd * p.datatype("inputDataType").bits
    folds = p.number("NumChannels") / simd
    result = Structure.empty(len(p))
    counters, words, muxes = np.zeros(len(p)), np.zeros(len(p)), np.zeros(len(p))
    for length, scale in (
        (p.number("WI") * folds, p.number("HO") // p.number("HI")),
        (folds, p.number("WO") // p.number("WI")),
    ):
        if scale == 1:
            continue
        depth = 2 ** np.maximum(clog2(length), clog2(_SHALLOWEST))
        buffer = memory(word, depth, "two", p.family, ultraram=p.ultraram)
        result.lut_memory = result.lut_memory + buffer.luts
        result.bram18 = result.bram18 + buffer.bram18
        result.uram = result.uram + buffer.uram
        counters = counters + 5 * clog2(depth) + clog2(length) + clog2(float(scale))
        words = words + word * buffer.registered
        muxes = muxes + buffer.mux_luts
    result.logic |= {"counters": counters, "muxes": muxes}
    result.registers |= {"word": words, "counters": counters}
    return result


def label_select(p: Parameters) -> Structure:
    """Count what a ``LabelSelect_rtl`` holds: every newcomer against every candidate."""
    pe, kept = p.each("PE"), p.number("K")
    bits, out = p.datatype("inputDataType").bits, p.datatype("outputDataType").bits
    folds = p.number("Labels") / pe
    remembers = np.where(folds > 1, 1.0, 0.0)  # the best so far, against which newcomers stand
    candidates = pe + kept * remembers
    pairs = candidates * (candidates - 1) / 2
    index = clog2(float(p.number("Labels")))
    leaving = 2 * out + 2 * _FLAG
    return _plain(
        p,
        {
            "comparators": pairs * bits,
            "pairs": pairs,
            "places": kept * candidates * (bits * remembers + index),
            "counters": clog2(folds),
        },
        {
            "kept": kept * np.where(folds > 1, bits + 2 * out + 2 * _FLAG, index + _FLAG),
            "word": np.full(len(p), float(leaving)),
            "counters": clog2(folds),
        },
    )


def _plain(p: Parameters, logic: dict[str, Numbers], registers: dict[str, Numbers]) -> Structure:
    result = Structure.empty(len(p))
    result.logic |= logic
    result.registers |= registers
    return result
