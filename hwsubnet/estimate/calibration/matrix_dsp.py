"""FINN's matrix-vector unit on DSP48 slices: ``finn-rtllib/mvu``."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hwsubnet.estimate.calibration.memory import memory
from hwsubnet.estimate.calibration.structure import Numbers, Parameters, Structure, clog2
from hwsubnet.estimate.calibration.trees import signed_tree, unsigned_tree

_P_BITS = 48
_CREDIT = 8
"""Words that the weight streamer may be ahead."""


@dataclass(frozen=True)
class _Lanes:
    """How the products of several rows share one DSP, row above row (``sliceLanes`` in mvu.sv)."""

    low: tuple[int, ...]
    """Bits of each lane, the rightmost first."""
    accumulator: int

    @classmethod
    def of(cls, weight: int, activation: int, accumulator: int, family: str) -> "_Lanes":
        """Slice the multiplier's 25 or 27 bits, for narrow weights on 7-series only."""
        narrow = family == "xc7"
        room = (25 if family == "xc7" else 27) - (not narrow) - weight
        least = weight + activation - 1
        count = 1 + max(room, 0) // least
        slack = room - (count - 1) * least
        offsets = [0]
        for lane in range(1, count):
            extra = (slack + count - 1 - lane) // (count - lane)
            offsets.append(offsets[-1] + least + extra)
            slack -= extra
        offsets.append(min(_P_BITS, offsets[-1] + accumulator))
        low = tuple(b - a for a, b in pairwise(offsets))
        return cls(low, accumulator)

    def high(self, lane: int, simd: Numbers) -> Numbers:
        """Return the bits of the carries out of `lane` that are counted outside the DSP."""
        over = self.accumulator - self.low[lane]
        depth = clog2(simd)
        if over <= 0:
            return np.zeros_like(simd) if lane == len(self.low) - 1 else 1 + depth
        return np.where(depth < over - 1, 1.0 + over, 1 + np.maximum(depth, over))


def structure(p: Parameters) -> Structure:
    """Count what an ``MVAU_rtl`` holds."""
    pe, simd = p.each("PE"), p.each("SIMD")
    columns, rows = p.number("MW"), p.number("MH")
    weight, activation = p.datatype("weightDataType").bits, p.datatype("inputDataType").bits
    accumulator = p.datatype("accDataType").bits
    folds, groups = columns / simd, rows / pe
    lanes = _Lanes.of(weight, activation, accumulator, p.family)
    per_dsp = len(lanes.low)
    pipes = np.ceil(pe / per_dsp)
    result = Structure.empty(len(p))
    result.dsp = pipes * simd

    # Weights: a memory, a shift register of prefetched words, an output register.
    width, depth = pe * simd * weight, folds * groups
    weights = memory(
        np.ceil(width / 8) * 8,  # FINN pads the words of its streamer
        depth,
        "one",
        p.family,
        style=p.text("ram_style"),
        ultraram=p.ultraram,
        used=width,
    )
    # Inputs are replayed for each group of rows.
    word = simd * activation
    repeats = groups > 1
    replay = memory(word, np.where(repeats, 2 ** np.maximum(clog2(folds), 1), 0), "two", p.family,
                    ultraram=p.ultraram)  # fmt: skip
    out = pe * accumulator
    result.bram18 = weights.bram18 + replay.bram18
    result.uram = weights.uram + replay.uram
    result.lut_memory = weights.luts + replay.luts + width + out

    # Adders behind the DSPs, lane by lane; a last, partly filled DSP has its upper lanes only.
    low_adders, low_registers = np.zeros(len(p)), np.zeros(len(p))
    high_adders, high_registers = np.zeros(len(p)), np.zeros(len(p))
    high_sums = np.zeros(len(p))
    rest = pe % per_dsp
    counted = np.zeros(len(p))
    for lane, bits in enumerate(lanes.low):
        copies = pe // per_dsp + (lane >= per_dsp - rest)
        copies = np.where(rest == 0, pe // per_dsp, copies)
        adders, registers = unsigned_tree(simd, bits, accumulator)
        low_adders += copies * adders
        low_registers += copies * registers
        high = lanes.high(lane, simd)
        adders, registers = signed_tree(simd)
        high_adders += np.where(high > 0, copies * adders, 0)
        high_sums += copies * high
        high_registers += np.where(high > 0, copies * (registers + high), 0)
        if lane == per_dsp - 1:
            counted = np.where(high > 0, copies * simd, 0)
    canaries = (pe - pipes) * simd
    counters = clog2(depth) + np.where(repeats, clog2(groups) + 4 * clog2(folds), clog2(folds))
    result.logic |= {
        "low_adders": low_adders,
        "high_adders": high_adders,
        "high_sums": high_sums,
        "high_pairs": high_sums * (simd == 2),  # no register between the pair and its sum
        "canaries": canaries,
        "top_carries": counted,
        "results": pipes * accumulator,
        "joined_results": (pe - pipes) * accumulator,
        "counters": counters,
        "weight_muxes": weights.mux_luts + replay.mux_luts,
        "weight_bits": width,
    }
    result.registers |= {
        "trees": low_registers + high_registers + 6 * canaries + counted,
        "words": width * (2 + weights.registered) + word * (repeats & replay.registered) + 2 * out,
        "counters": clog2(depth) + counters,
        "stages": clog2(simd),
    }
    return result
