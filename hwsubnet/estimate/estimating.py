"""Folding a lowered graph and saying what it costs and delivers."""

from collections.abc import Mapping
from pathlib import Path

import onnx

from hwsubnet.artifacts import (
    Estimate,
    File,
    LoweredGraph,
    NodeEstimate,
    NodeFolding,
    Resources,
    replacing,
)
from hwsubnet.boards import Board
from hwsubnet.errors import BadInput
from hwsubnet.estimate.budget import costs, edge_costs
from hwsubnet.estimate.legality import Folding
from hwsubnet.estimate.options import apply, units
from hwsubnet.estimate.request import Wanted, given_foldings
from hwsubnet.estimate.search import Prices, Search
from hwsubnet.finn_adapter.hardware import HardwareNode, hardware_nodes


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
        PE and SIMD by node; nodes not named are folded as cheaply as the slowest one named allows.
        Neither this nor `fps`: the fastest folding that stays within 70 % of the board, by the
        rule of thumb in `budget`, as FINN's formulas know too few LUTs to decide it.
    clock_mhz
        Instead of the board's.

    Returns
    -------
    Estimate
        At the ``analytical`` rung: ``None`` wherever FINN has no formula, also in totals.
        ``latency_cycles`` is ``None``: FINN adds up the cycles of all nodes, which overlap.

    Raises
    ------
    FoldingError
        If `folding` names unknown nodes or breaks a divisor rule.
    DoesNotFit
        If no legal folding reaches `fps`.
    """
    if fps is not None and folding is not None:
        raise BadInput("a target and a folding exclude each other", fix="give --fps or --folding")
    model = onnx.load(folder / lowered.dataflow.path)
    nodes = hardware_nodes(model)
    grouped = units(nodes)
    given = None if folding is None else given_foldings(grouped, folding)
    search = Search(grouped, board, _prices(board), given)
    clock = board.clock_mhz if clock_mhz is None else clock_mhz
    if folding is not None:
        chosen = search.balanced()
    elif fps is not None:
        chosen = search.cheapest(int(clock * 1e6 / fps))
    else:
        chosen = search.fastest()
    apply(nodes, (chosen[node.name] for node in nodes))
    with replacing(out / "folded.onnx") as temporary:
        onnx.save(model, temporary)
    estimates = tuple(_node(node, board) for node in nodes)
    cycles = max(node.cycles for node in estimates)
    total = _total([node.resources["analytical"] for node in estimates])
    result = Estimate(
        folded=File.of(out, "folded.onnx"),
        folding=tuple(_folding(node, chosen) for node in nodes),
        nodes=estimates,
        cycles_per_frame=cycles,
        latency_cycles=None,
        clock_mhz=clock,
        fps=clock * 1e6 / cycles,
        resources={"analytical": total},
        utilization=_utilization(total, board),
        fits=_fits([node.resources["analytical"] for node in estimates], board),
    )
    result.save(out)
    return result


def _prices(board: Board) -> Prices:
    return Prices(
        nodes=lambda node, foldings: costs(node, foldings, board.family),
        edges=lambda source, sink: edge_costs(source, sink, board.family),
    )


def _node(node: HardwareNode, board: Board) -> NodeEstimate:
    return NodeEstimate(
        node=node.name,
        op=node.op,
        layer=node.layer,
        cycles=node.cycles(),
        resources={"analytical": node.analytical(board.part)},
    )


def _folding(node: HardwareNode, chosen: Mapping[str, Folding]) -> NodeFolding:
    return NodeFolding(node=node.name, op=node.op, **chosen[node.name])


def _total(parts: list[Resources]) -> Resources:
    """Add up; one unknown part makes its sum unknown."""
    total = {}
    for resource in Resources.model_fields:
        values = [getattr(part, resource) for part in parts]
        total[resource] = None if None in values else sum(values)
    return Resources(**total)


def _utilization(total: Resources, board: Board) -> dict[str, float | None]:
    shares: dict[str, float | None] = {}
    for resource in Resources.model_fields:
        used, held = getattr(total, resource), getattr(board.resources, resource)
        shares[resource] = used / held if used is not None and held else None
    return shares


def _fits(parts: list[Resources], board: Board) -> bool | None:
    """Return False if what is known exceeds the part already, True only if all is known."""
    unknown = False
    for resource in Resources.model_fields:
        values = [getattr(part, resource) for part in parts]
        if sum(value for value in values if value is not None) > getattr(board.resources, resource):
            return False
        unknown = unknown or None in values
    return None if unknown else True
