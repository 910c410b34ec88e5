"""Costs of nodes and streams as Yosys would count them, by a model fitted to its counts.

Block RAM, UltraRAM and DSP follow from rules; LUTs and flip-flops from what a node is built of
(adders, comparators, registers, memories), weighed by coefficients that were fitted to synthesized
samples. ``benchmarks/calibrate.py`` makes samples and coefficients; ``docs/adr`` says how.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsubnet.estimate.calibration import edge
from hwsubnet.estimate.calibration.model import COLUMNS, EDGE, coefficients, combine, structure
from hwsubnet.estimate.calibration.structure import Parameters
from hwsubnet.finn_adapter.hardware import HardwareNode

__all__ = ["COLUMNS", "costs", "edge_cost", "error_bars"]

_PARALLELISM = frozenset({"PE", "SIMD"})
_BY_ARITHMETIC = {"dsp": "MVAU_rtl", "lut": "MVAU_hls"}


def costs(
    node: HardwareNode,
    foldings: Sequence[Mapping[str, Any]],
    family: str,
    *,
    ultraram: bool = False,
) -> NDArray[np.float64]:
    """Return what a node takes with each of many foldings.

    Parameters
    ----------
    node
        Stays as it is.
    foldings
        Values that take the place of the node's attributes: ``PE`` and ``SIMD``, and options such
        as ``ram_style`` and ``parallel_window``. ``resType``, ``dsp`` or ``lut``, chooses between
        FINN's matrix unit and this project's; without it the node's operator does.
    family
        ``xc7`` or ``xcup``.
    ultraram
        Whether the part has UltraRAM.

    Returns
    -------
    NDArray
        Shape (foldings, 5), columns as in `COLUMNS`.

    Raises
    ------
    ModelError
        If there is no model of the operator.
    """
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for index, folding in enumerate(foldings):
        options = tuple(sorted(item for item in folding.items() if item[0] not in _PARALLELISM))
        groups.setdefault(options, []).append(index)
    result = np.empty((len(foldings), len(COLUMNS)))
    for options, indices in groups.items():
        op = _BY_ARITHMETIC.get(str(dict(options).get("resType")), node.op)
        alike = [foldings[index] for index in indices]
        parameters = Parameters(node.get, alike, family, ultraram=ultraram, uniform=node.uniform)
        result[indices] = combine(op, structure(op, parameters))
    return result


def edge_cost(
    bits_in: ArrayLike,
    bits_out: ArrayLike,
    depth: ArrayLike,
    family: str,
    *,
    ultraram: bool = False,
) -> NDArray[np.float64]:
    """Return what streams between two nodes take: width converter and FIFO.

    Parameters
    ----------
    bits_in, bits_out
        Payload bits of a word that enters and of one that leaves; numbers, or arrays that
        broadcast.
    depth
        Words of the FIFO, as wide as the wider side; 0: none.
    family, ultraram
        As in `costs`.

    Returns
    -------
    NDArray
        Shape (streams, 5), columns as in `COLUMNS`.
    """
    before, after, words = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(size, dtype=np.float64)) for size in (bits_in, bits_out, depth))
    )
    return combine(EDGE, edge.structure(before, after, words, family, ultraram=ultraram))


def error_bars(op: str) -> dict[str, float]:
    """Return the 90th percentile of the relative error of LUT and FF under cross validation.

    Parameters
    ----------
    op
        Operator, or ``stream_edge``.
    """
    measured = coefficients()["errors"][op]
    return {resource: float(measured[resource]["p90"]) for resource in ("LUT", "FF")}
