"""FINN's sliding window generator: ``finn-rtllib/swg``, in its two styles."""

import numpy as np

from hwsubnet.estimate.calibration.memory import memory
from hwsubnet.estimate.calibration.structure import Numbers, Parameters, Structure, clog2


def structure(p: Parameters) -> Structure:
    """Count what a ``ConvolutionInputGenerator_rtl`` holds."""
    height, width = p.numbers("IFMDim")
    kernel_h, kernel_w = p.numbers("ConvKernelDim")
    stride_h, stride_w = p.numbers("Stride")
    dilation_h, dilation_w = p.numbers("Dilation")
    out_h, out_w = p.numbers("OFMDim")
    simd = p.each("SIMD")
    folds = p.number("IFMChannels") / simd
    word = simd * p.datatype("inputDataType").bits
    elements = clog2(height * width * folds)
    span_w = (kernel_w - 1) * dilation_w + 1
    style = p.text("ram_style")
    result = Structure.empty(len(p))
    parallel = bool(p.number("parallel_window")) or kernel_h * kernel_w == 1
    loops = clog2(float(out_h)) + clog2(float(out_w))
    if parallel:
        # Shift registers for the window's pixels, a line buffer between two rows of it.
        lines, length = kernel_h - 1, (width - span_w + width * (dilation_h - 1)) * folds
        # Staged, a line of one word is a register.
        line = memory(word, np.where(lines * length > 1, length, 0), "two", p.family, style=style,
                      ultraram=p.ultraram)  # fmt: skip
        registered = line.registered | (length == 1)
        taps = kernel_h * span_w
        passed = (taps - 1) * folds + 1  # words between the first and the last
        chained = folds >= 3  # long enough for shift registers in LUTs
        chains = np.where(chained, word * (taps - 1) * np.ceil(folds / 32), 0)
        result.lut_memory = lines * line.luts + chains
        result.bram18, result.uram = lines * line.bram18, lines * line.uram
        addresses = clog2(length) * (lines > 0)
        result.logic |= {
            "parallel": np.ones(len(p)),
            "parallel_elements": elements,
            "parallel_loops": loops + clog2(folds),
            "parallel_lines": addresses,
            "line_muxes": lines * line.mux_luts,
        }
        result.registers |= {
            "parallel": np.ones(len(p)),
            "window": np.where(chained, word, word * passed) + lines * word * registered,
            "chain_ends": np.where(chained, word * taps, 0),
            "parallel_counters": 2 * elements + loops + clog2(folds) + 2 * addresses,
        }
        return result
    least = ((kernel_h - 1) * dilation_h * width + span_w) * folds
    spare = max(0, stride_w - 1 - kernel_h * kernel_w) + max(
        0, (stride_h - 1) * width - kernel_h * kernel_w
    )
    depth = least + spare * folds
    buffer = memory(word, depth, "two", p.family, style=style, ultraram=p.ultraram)
    result.lut_memory = buffer.luts
    result.bram18, result.uram = buffer.bram18, buffer.uram
    address = clog2(depth)
    position = clog2(_positions(p, folds, kernel_h * kernel_w))
    loops = loops + clog2(float(kernel_h)) + clog2(float(kernel_w)) + clog2(folds)
    by_channel = np.where(folds > 1, float(p.number("depthwise")), 0.0)
    result.logic |= {
        "elements": elements,
        "addresses": address,
        "position": position,
        "loops": loops,
        "muxes": buffer.mux_luts,
        "by_channel": by_channel,
        "strided": np.full(len(p), float(stride_h > 1)),
        "output": word * buffer.registered,
    }
    result.registers |= {
        "counters": 3 * elements + 2 * address + position + loops,
        "word": word * buffer.registered,
    }
    return result


def _positions(p: Parameters, folds: Numbers, kernel: int) -> Numbers:
    depthwise = bool(p.number("depthwise"))
    return np.where((folds > 1) & depthwise, kernel, kernel * folds)
