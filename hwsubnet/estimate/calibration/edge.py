"""A stream between two nodes, ``hls/rtl/stream_edge.sv``: a width converter, then a FIFO."""

import numpy as np

from hwsubnet.estimate.calibration.memory import memory
from hwsubnet.estimate.calibration.structure import Numbers, Structure, clog2

_SHIFT, _NARROW_SHIFT, _DISTRIBUTED, _BLOCK = 33, 64, 257, 2028
"""Deepest FIFOs of each style that ``fifo.sv`` chooses by itself."""


def structure(
    bits_in: Numbers, bits_out: Numbers, depth: Numbers, family: str, *, ultraram: bool
) -> Structure:
    """Count what streams hold, one for each triple of widths and depth."""
    result = Structure.empty(len(depth))
    del result.logic["constant"], result.registers["constant"]
    _converter(result, bits_in, bits_out)
    width = np.maximum(bits_in, bits_out)
    shift = (depth > 0) & ((depth <= _SHIFT) | ((depth <= _NARROW_SHIFT) & (width < 12)))
    luts = ~shift & (depth > 0) & ((depth <= _DISTRIBUTED) | (width < 5))
    blocks = ~shift & ~luts & (depth > 0)
    stages = np.where(depth > 4, depth - 1, 4)
    # A shift register of up to 32 stages is one LUT a bit.
    result.lut_memory = np.where(shift, width * np.ceil(stages / 32), 0)
    address = clog2(np.maximum(depth - 1, 1))
    ram = memory(width, np.where(luts, 2**address, 0), "two", family, style="distributed")
    result.lut_memory = result.lut_memory + ram.luts
    low = np.maximum(clog2(depth), 9)
    split = depth - 1 - 2 ** (clog2(depth - 1.0) - 1)
    upper = clog2(np.maximum(split, 1))
    cut = blocks & (clog2(depth - 1.0) > 9) & (upper < clog2(depth - 1.0) - 1)
    low = np.where(cut, clog2(depth - 1.0) - 1, clog2(depth - 1.0))
    main = memory(width, np.where(blocks, 2**low, 0), "two", family, style="block")
    rest = memory(width, np.where(cut, 2 ** np.maximum(upper, 1), 0), "two", family)
    block_rest = memory(
        width, np.where(cut & (upper >= 9), 2**upper, 0), "two", family, style="block"
    )
    deep = cut & (upper >= 9)
    result.bram18 = main.bram18 + np.where(deep, block_rest.bram18, rest.bram18)
    result.lut_memory = result.lut_memory + np.where(deep, 0, rest.luts)
    bits = clog2(np.maximum(depth, 1))
    result.logic |= {
        "shift": shift.astype(np.float64),
        "ram": luts.astype(np.float64),
        "shift_counter": shift * bits,
        "ram_counters": luts * bits,
        "ram_muxes": ram.mux_luts,
        "block_counters": blocks * bits,
        "block_muxes": np.where(cut, width, 0),
    }
    result.registers |= {
        "shift": shift.astype(np.float64),
        "ram": luts.astype(np.float64),
        "fifo_words": width * (shift | luts) + width * blocks * (1.0 + cut),
        "shift_counter": shift * bits,
        "ram_counters": luts * (4.0 * address),
        "block_counters": blocks * (4.0 * bits),
    }
    return result


def _converter(result: Structure, bits_in: Numbers, bits_out: Numbers) -> None:
    """Add the parts of ``vpc.sv``: from wide words, to wide words, or between odd ones."""
    common = np.gcd(bits_in.astype(np.int64), bits_out.astype(np.int64)).astype(np.float64)
    parts_in, parts_out = bits_in / common, bits_out / common
    same = bits_in == bits_out
    narrowing = ~same & (parts_out == 1)
    widening = ~same & (parts_in == 1)
    odd = ~same & ~narrowing & ~widening
    parts = parts_in + parts_out
    result.logic |= {
        "narrowing": 1.0 * narrowing,
        "narrowing_bits": narrowing * bits_in,
        "narrowing_out": narrowing * bits_out,
        "widening": 1.0 * widening,
        "widening_bits": widening * bits_out,
        "widening_in": widening * bits_in,
        "odd": 1.0 * odd,
        "odd_parts": odd * parts,
        "odd_bits": odd * (bits_in + bits_out),
        "odd_barrel": odd * bits_in * np.ceil(parts_in / 4),
        "converter_counter": ~same * clog2(np.maximum(parts_in, parts_out)),
    }
    result.registers |= {
        "narrowing": 1.0 * narrowing,
        "widening": 1.0 * widening,
        "odd": 1.0 * odd,
        "converter": ~same * (bits_in + bits_out),
        "odd_parts": odd * parts,
        "converter_counter": ~same * clog2(np.maximum(parts_in, parts_out)),
    }
