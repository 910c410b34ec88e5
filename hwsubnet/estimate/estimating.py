"""Folding a lowered graph and saying what it costs and delivers."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from hwsubnet.artifacts import (
    Estimate,
    File,
    LoweredGraph,
    NodeEstimate,
    NodeFolding,
    Resources,
    Rung,
    replacing,
)
from hwsubnet.boards import Board
from hwsubnet.errors import BadInput
from hwsubnet.estimate.calibration import costs, edge_cost
from hwsubnet.estimate.legality import Folding
from hwsubnet.estimate.options import Costs, apply, units
from hwsubnet.estimate.request import Wanted, given_foldings
from hwsubnet.estimate.search import NAMES, Prices, Search
from hwsubnet.finn_adapter.hardware import HardwareNode, hardware_nodes
from hwsubnet.kernels import KernelGraph, graph_of, pipeline


def estimate(
    lowered: LoweredGraph,
    folder: Path,
    board: Board,
    out: Path,
    *,
    fps: float | None = None,
    folding: Wanted | None = None,
    clock_mhz: float | None = None,
) -> Estimate:
    """Fold a dataflow graph and estimate its speed and resources.

    Parameters
    ----------
    lowered, folder
        The artifact and where its files lie.
    board
        Clock and totals.
    out
        Folder for ``folded.onnx`` and ``estimate.json``.
    fps
        Frames per second to reach as cheaply as possible.
    folding
        Parameters by node, in FINN's names; nodes not named are folded as cheaply as the slowest
        one named allows.
        Neither this nor `fps`: the fastest folding that stays within `UTILIZATION` of the board.
    clock_mhz
        Instead of the board's.

    Returns
    -------
    Estimate
        Resources at two rungs. ``calibrated``, which decides: this project's model of what Yosys
        counts; its total has the streams too, with FIFOs as deep as the timing model says.
        ``analytical``: FINN's formulas, ``None`` where it has none, also in totals.
        Cycles and latency are those of the timing model (:mod:`hwsubnet.kernels.timing`).

    Raises
    ------
    FoldingError
        If `folding` names unknown nodes or breaks a divisor rule.
    DoesNotFit
        If no legal folding reaches `fps`, or none that does fits the board.
    """
    if fps is not None and folding is not None:
        raise BadInput("a target and a folding exclude each other", fix="give --fps or --folding")
    model = onnx.load(folder / lowered.dataflow.path)
    nodes = hardware_nodes(model)
    grouped = units(nodes)
    given = (
        None
        if folding is None
        else given_foldings(grouped, folding, ultraram=board.resources.URAM > 0)
    )
    reckoned = prices(board)
    search = Search(grouped, board, reckoned, given)
    clock = board.clock_mhz if clock_mhz is None else clock_mhz
    if folding is not None:
        chosen = search.balanced().folding
    elif fps is not None:
        chosen = search.cheapest(int(clock * 1e6 / fps)).folding
    else:
        chosen = search.fastest().folding
    apply(nodes, (chosen[node.name] for node in nodes))
    with replacing(out / "folded.onnx") as temporary:
        onnx.save(model, temporary)
    graph = graph_of(model)
    timing = pipeline(graph)
    cycles = {kernel.name: kernel.cycles for kernel in graph.kernels}
    estimates = tuple(
        _node(node, chosen[node.name], cycles[node.name], board, reckoned) for node in nodes
    )
    totals: dict[Rung, Resources] = {
        rung: _total([node.resources[rung] for node in estimates]) for rung in _RUNGS
    }
    streams = streams_of(graph, timing.fills, board)
    totals["calibrated"] = _total([totals["calibrated"], streams])
    result = Estimate(
        folded=File.of(out, "folded.onnx"),
        folding=tuple(_folding(node, chosen) for node in nodes),
        nodes=estimates,
        cycles_per_frame=timing.cycles_per_frame,
        latency_cycles=timing.latency_cycles,
        clock_mhz=clock,
        fps=clock * 1e6 / timing.cycles_per_frame,
        resources=totals,
        utilization=board.utilization(totals["calibrated"]),
        fits=board.fits(totals["calibrated"]),
    )
    result.save(out)
    return result


FIFO_WORDS = 2
"""That the search reckons with at every stream: how deep FIFOs are is known after it."""
_RUNGS: tuple[Rung, ...] = ("analytical", "calibrated")


def prices(board: Board) -> Prices:
    """Return what nodes and streams take in the family of a board's part."""
    ultraram = board.resources.URAM > 0
    return Prices(
        nodes=lambda node, foldings: costs(node, foldings, board.family, ultraram=ultraram),
        edges=lambda source, sink: edge_cost(
            source, sink, FIFO_WORDS, board.family, ultraram=ultraram
        ),
    )


def streams_of(graph: KernelGraph, fills: Mapping[str, int], board: Board) -> Resources:
    """Return what all streams of an accelerator take, its own inputs and outputs included."""
    readers = {stream.tensor: stream.width for kernel in graph.kernels for stream in kernel.inputs}
    writers = {stream.tensor: stream.width for kernel in graph.kernels for stream in kernel.outputs}
    tensors = list(writers | readers)
    taken = edge_cost(
        [writers.get(tensor, readers.get(tensor, 0)) for tensor in tensors],
        [readers.get(tensor, writers.get(tensor, 0)) for tensor in tensors],
        [max(FIFO_WORDS, fills[tensor]) for tensor in tensors],
        board.family,
        ultraram=board.resources.URAM > 0,
    )
    return _resources(taken.sum(axis=0))


def _node(
    node: HardwareNode, folding: Folding, cycles: int, board: Board, reckoned: Prices
) -> NodeEstimate:
    return NodeEstimate(
        node=node.name,
        op=node.op,
        layer=node.layer,
        cycles=cycles,
        resources={
            "analytical": node.analytical(board.part),
            "calibrated": _resources(reckoned.nodes(node, [folding])[0]),
        },
    )


def _resources(row: Costs) -> Resources:
    """Return whole primitives."""
    return Resources(**dict(zip(NAMES, np.rint(row).tolist(), strict=True)))


def _folding(node: HardwareNode, chosen: Mapping[str, Folding]) -> NodeFolding:
    return NodeFolding(node=node.name, op=node.op, **chosen[node.name])


def _total(parts: list[Resources]) -> Resources:
    """Add up; one unknown part makes its sum unknown."""
    total = {}
    for resource in Resources.model_fields:
        values = [getattr(part, resource) for part in parts]
        total[resource] = None if None in values else sum(values)
    return Resources(**total)
