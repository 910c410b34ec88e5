"""Dot products on LUTs, dense and by channel: ``hls/rtl/mac_array.sv``."""

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
from hwsubnet.estimate.calibration.trees import own_tree
from hwsubnet.kernels.datatype import DataType

_LUT_PRODUCT = 16
"""Up to so many partial bits ``product.sv`` multiplies in LUTs."""
_FLAGS, _POINTERS = 3, 3
"""Registers of a bit: at the end of the array; in a replay buffer, beside its counters."""
_SHALLOWEST = 32
"""Words of ``stream_replay.sv`` at least."""


def matrix_vector(p: Parameters) -> Structure:
    """Count what an ``MVAU_hls`` holds: an array with a replay buffer before it."""
    pe, simd = p.each("PE"), p.each("SIMD")
    folds, groups = p.number("MW") / simd, p.number("MH") / pe
    result = _array(p, pe, simd, simd, folds, groups, xnor=bool(p.number("binaryXnorMode")))
    word = simd * p.datatype("inputDataType").bits
    repeats = groups > 1
    depth = 2 ** np.maximum(clog2(folds), clog2(_SHALLOWEST))
    replay = memory(word, np.where(repeats, depth, 0), "two", p.family, ultraram=p.ultraram)
    pointers = np.where(repeats, 5 * clog2(depth) + clog2(folds) + clog2(groups) + _POINTERS, 0)
    result.lut_memory = result.lut_memory + replay.luts
    result.bram18 = result.bram18 + replay.bram18
    result.uram = result.uram + replay.uram
    result.logic |= {
        "replay": pointers,
        "replay_muxes": replay.mux_luts,
        "repeats": np.where(repeats, 1.0, 0.0),
    }
    result.registers |= {"replay": pointers, "replay_word": word * (repeats & replay.registered)}
    return result


def vector_vector(p: Parameters) -> Structure:
    """Count what a ``VVAU_hls`` holds."""
    pe, simd = p.each("PE"), p.each("SIMD")
    folds, groups = prod(p.numbers("Kernel")) / simd, p.number("Channels") / pe
    return _array(p, pe, simd, pe * simd, folds, groups, xnor=False)


def _array(
    p: Parameters,
    pe: Numbers,
    simd: Numbers,
    inputs: Numbers,
    folds: Numbers,
    groups: Numbers,
    *,
    xnor: bool,
) -> Structure:
    source, weight = p.datatype("inputDataType"), p.datatype("weightDataType")
    accumulator = p.datatype("accDataType").bits
    result = Structure.empty(len(p))
    width, depth = pe * simd * weight.bits, folds * groups
    # A word that never changes is wired into the logic.
    rom = memory(width, np.where(depth > 1, depth, 0), "none", p.family, ultraram=p.ultraram)
    constants = table(rom, width, depth)
    result.bram18, result.uram, result.lut_memory = rom.bram18, rom.uram, constants.luts
    products, fixed = pe * simd, 1 - constants.varying
    zero = np.zeros(len(p))
    input_registers = inputs * source.bits
    inside = np.zeros(len(p), dtype=np.bool_)  # sums that a DSP accumulates itself
    if xnor or (source.bipolar and weight.bipolar):
        terms = ceil(simd, 3)
        adders, compressors, registers = own_tree(terms, 2, accumulator)
        arithmetic = {"matches": pe * terms, "counts": pe * adders, "full_adders": pe * compressors}
        product_registers = zero
        latency = ceil(clog2(terms), 2)
    else:
        bits = min(_product_bits(source, weight), accumulator)
        adders, compressors, registers = own_tree(simd, bits, accumulator)
        narrow, wide = sorted((source.bits, weight.bits))
        product_registers = products * bits
        latency = 1 + ceil(clog2(simd), 2)
        arithmetic = {}
        if source.bipolar or weight.bipolar:
            arithmetic["signs" if source.bits + weight.bits > 2 else "sign_gates"] = (
                product_registers
            )
        elif narrow * wide > _LUT_PRODUCT and bits >= DSP_PRODUCT:
            result.dsp = products
            arithmetic["dsp"] = products
            if p.family == "xc7":  # what Yosys packs into the slices
                product_registers = input_registers = zero
                inside = (simd == 1) & (not source.signed)
                once = min(bits + 1, accumulator)  # bits of a sum of two products
                whole, rest = np.divmod(simd, 4)
                compressors = compressors - once * (2 * whole + (rest == 3))
                adders, registers = adders - once * (rest == 2), registers - once * (rest == 2)
        else:
            rows = products * (narrow - 1)
            arithmetic["partial_bits"] = constants.varying * rows * wide
            arithmetic["fixed_partial_bits"] = fixed * rows * wide / WIRED
            arithmetic["gates"] = constants.varying * products * bits * (narrow == 1)
        arithmetic |= {"adders": pe * adders, "compressors": pe * compressors}
    out = pe * accumulator
    counters = clog2(depth) + clog2(folds)
    result.logic |= arithmetic | {
        "sums": np.where(inside, 0, out),
        "results": out,
        "counters": counters,
        "rom_muxes": rom.mux_luts,
    }
    result.registers |= {
        "sums": np.where(inside, 2 * out, 3 * out),
        "trees": pe * registers,
        "products": constants.varying * product_registers,
        "fixed_products": fixed * product_registers / WIRED,
        "words": input_registers + constants.distinct * rom.registered,
        "counters": counters,
        "flags": np.where(folds > 1, 3, 2) * (1 + latency) + _FLAGS,
    }
    return result


def _product_bits(source: DataType, weight: DataType) -> int:
    """Return bits of a product, of which no synthesizer finds that it needs one less if negated."""
    if source.bipolar or weight.bipolar:
        return source.bits + weight.bits + 1
    ends = [x * w for x in (source.min, source.max) for w in (weight.min, weight.max)]
    return DataType.holding(min(0, *ends), max(ends), signed=True).bits
