"""Dot products on LUTs, dense and by channel: ``hls/rtl/mac_array.sv``."""

from math import prod

import numpy as np

from hwsubnet.estimate.calibration.memory import memory, rom_terms
from hwsubnet.estimate.calibration.structure import Numbers, Parameters, Structure, ceil, clog2
from hwsubnet.estimate.calibration.trees import own_tree
from hwsubnet.kernels.datatype import DataType

_LUT_PRODUCT = 16
"""Up to so many partial bits ``product.sv`` multiplies in LUTs."""
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
    pointers = np.where(repeats, 5 * clog2(depth) + clog2(folds) + clog2(groups), 0)
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
    result.bram18, result.uram = rom.bram18, rom.uram
    products = pe * simd
    zero = np.zeros(len(p))
    fixed = depth <= 1
    inside = np.zeros(len(p), dtype=np.bool_)  # sums that a DSP accumulates itself
    if xnor or (source.bipolar and weight.bipolar):
        terms = ceil(simd, 3)
        adders, registers = own_tree(terms, 2, accumulator)
        arithmetic = {"matches": pe * terms, "adders": pe * adders}
        product_registers = zero
        levels = clog2(terms)
    else:
        bits = _product(source, weight).bits
        adders, registers = own_tree(simd, bits, accumulator)
        narrow, wide = sorted((source.bits, weight.bits))
        arithmetic = {"adders": pe * adders}
        product_registers = products * bits
        levels = clog2(simd) + 2
        if source.bipolar or weight.bipolar:
            arithmetic["signs"] = products * bits
        elif narrow * wide > _LUT_PRODUCT:
            result.dsp = products
            arithmetic["dsp"] = products
            if p.family == "xc7":  # registers that Yosys packs into the slice
                product_registers = zero
                inside = simd == 1
        else:
            rows = products * (narrow - 1)
            arithmetic["partial_bits"] = np.where(fixed, 0, rows * wide)
            arithmetic["fixed_partial_bits"] = np.where(fixed, rows * wide, 0)
            arithmetic["gates"] = products * bits * (narrow == 1)
    out = pe * accumulator
    counters = clog2(depth) + clog2(folds)
    result.logic |= (
        arithmetic
        | rom_terms(rom, width, depth)
        | {
            "sums": np.where(inside, 0, out),
            "results": out,
            "counters": counters,
        }
    )
    result.registers |= {
        "sums": np.where(inside, 2 * out, 3 * out),
        "trees": pe * registers,
        "products": np.where(fixed, 0, product_registers),
        "fixed_products": np.where(fixed, product_registers, 0),
        "words": inputs * source.bits + width * rom.registered,
        "counters": counters,
        "stages": levels,
    }
    return result


def _product(source: DataType, weight: DataType) -> DataType:
    ends = [x * w for x in (source.min, source.max) for w in (weight.min, weight.max)]
    return DataType.holding(min(0, *ends), max(ends), signed=True)
