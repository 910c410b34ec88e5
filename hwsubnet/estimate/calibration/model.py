"""The fitted model: structure of a node times coefficients that ship with the package."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError
from hwsubnet.estimate.calibration import (
    matrix_dsp,
    matrix_lut,
    streams,
    thresholding,
    window,
)
from hwsubnet.estimate.calibration.structure import Numbers, Parameters, Structure

COLUMNS = ("LUT", "FF", "BRAM18", "URAM", "DSP")
"""Of every array of costs."""
EDGE = "stream_edge"
COEFFICIENTS = Path(__file__).with_name("coefficients.json")

STRUCTURES: Mapping[str, Callable[[Parameters], Structure]] = {
    "ConvolutionInputGenerator_rtl": window.structure,
    "DuplicateStreams_rtl": streams.duplicate,
    "ElementwiseAdd_hls": streams.elementwise,
    "ElementwiseMul_hls": streams.multiply,
    "FMPadding_Pixel_rtl": streams.pixel_padding,
    "FMPadding_rtl": streams.padding,
    "GlobalAccPool_rtl": streams.accumulate,
    "LabelSelect_rtl": streams.label_select,
    "MVAU_hls": matrix_lut.matrix_vector,
    "MVAU_rtl": matrix_dsp.structure,
    "Pool_rtl": streams.pool,
    "StreamingConcat_rtl": streams.concat,
    "Thresholding_rtl": thresholding.structure,
    "UpsampleNearestNeighbour_rtl": streams.upsample,
    "VVAU_hls": matrix_lut.vector_vector,
}
"""By operator."""


def structure(op: str, parameters: Parameters) -> Structure:
    """Return what a node is built of.

    Raises
    ------
    ModelError
        If there is no model of the operator.
    """
    try:
        return STRUCTURES[op](parameters)
    except KeyError:
        raise ModelError(
            f"operator {op!r} has no calibrated cost", fix=f"there are {', '.join(STRUCTURES)}"
        ) from None


@lru_cache
def coefficients() -> dict[str, Any]:
    """Return the fitted coefficients and errors, as they ship."""
    loaded: dict[str, Any] = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    return loaded


def combine(op: str, built: Structure) -> NDArray[np.float64]:
    """Return costs, shape (foldings, 5), from what nodes are built of."""
    fitted = coefficients()["fits"][op]
    luts = built.lut_memory + _sum(built.logic, fitted["LUT"])
    registers = _sum(built.registers, fitted["FF"])
    return np.stack([luts, registers, built.bram18, built.uram, built.dsp], axis=1)


def _sum(terms: Mapping[str, Numbers], weights: Mapping[str, float]) -> Numbers:
    """Add up; a term that no sample had weighs 1, a primitive for each thing counted."""
    total: Numbers = np.sum([weights.get(name, 1) * each for name, each in terms.items()], axis=0)
    return total


def design(terms: Sequence[Mapping[str, Numbers]]) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and matrix, shape (samples, terms), of one term per row and column."""
    names = list(dict.fromkeys(name for row in terms for name in row))
    rows = [[float(row[name][0]) if name in row else 0.0 for name in names] for row in terms]
    return names, np.array(rows)
