"""One model through synthesis: what its accelerator really takes."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar, get_args

from hwsubnet.artifacts import (
    Metrics,
    NodeEstimate,
    Resources,
    RtlDesign,
    Rung,
    SynthesisReport,
    SynthesizedPart,
)
from hwsubnet.boards import Board
from hwsubnet.errors import ModelError
from hwsubnet.flow.pipeline import metrics
from hwsubnet.flow.simulating import size_accelerator
from hwsubnet.flow.single import fold_model
from hwsubnet.kernels import KernelGraph, read_graph

if TYPE_CHECKING:
    from hwsubnet.synth import Limits

M = TypeVar("M", bound=Metrics)


def synthesize_model(
    model: Path,
    board: Board,
    *,
    simulations: Path,
    syntheses: Path,
    fps: float | None = None,
    folding: Path | None = None,
    clock_mhz: float | None = None,
    whole: bool = True,
    limits: "Limits | None" = None,
) -> Metrics:
    """Lower and fold a QONNX model, size its FIFOs, and synthesize every part and the whole.

    Parameters
    ----------
    model
        Any QONNX file.
    board
        The target.
    simulations, syntheses
        Folders of built simulations, which size the FIFOs, and of earlier syntheses.
    fps, folding, clock_mhz
        As of `estimate_model`.
    whole, limits
        As of `hwsubnet.synth.synthesize`.

    Returns
    -------
    Metrics
        With `synthesis`; nodes and totals have the ``synthesized`` rung, and utilization and
        `fits` go by it, the shell included. Streams are nodes of their own, with the operator
        ``stream_edge``.

    Raises
    ------
    ModelError
        If the model cannot be lowered, or a node has no RTL.
    FoldingError
        If the folding is not legal.
    DoesNotFit
        If no folding fits the board.
    Deadlock, Mismatch
        If the RTL does not work as it should.
    ToolError
        If a tool is missing or fails, or a synthesis needs more time or memory than it may use.
    """
    from hwsubnet.synth import synthesize
    from hwsubnet.tools import require_all

    require_all("yosys", "verilator", "g++", "make")
    with fold_model(model, board, fps=fps, folding=folding, clock_mhz=clock_mhz) as accelerator:
        rtl, clock = accelerator.folder / "rtl", accelerator.estimated.clock_mhz
        size_accelerator(accelerator.path, board, clock, rtl, simulations)
        report = synthesize(rtl, board, whole=whole, cache=syntheses, limits=limits)
        shell = synthesize_shell(rtl, board, cache=syntheses, limits=limits)
        report = report.model_copy(update={"shell": shell})
        found = Metrics(**metrics(accelerator.lowered, accelerator.estimated))
        return with_synthesis(found, report, read_graph(accelerator.path), board)


def synthesize_shell(
    rtl: Path, board: Board, *, cache: Path | None = None, limits: "Limits | None" = None
) -> SynthesizedPart | None:
    """Synthesize what would join an accelerator with a board's DMA.

    It depends on the board's port and on the accelerator's ends alone, and so is mostly in the
    cache.

    Parameters
    ----------
    rtl
        Where the accelerator is; not changed.
    board, cache, limits
        As of `hwsubnet.synth.synthesize`.

    Returns
    -------
    SynthesizedPart or None
        ``None`` if no shell serves the accelerator: it has several inputs or outputs.

    Raises
    ------
    ToolError, OutputError
        As `hwsubnet.synth.synthesize`.
    """
    from hwsubnet.build.shell import BRIDGE, add_shell, bridge_parameters
    from hwsubnet.synth import synthesize_module

    try:
        parameters = bridge_parameters(rtl, RtlDesign.load(rtl), board)
    except ModelError:
        return None
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        folder = Path(scratch) / "rtl"
        shutil.copytree(rtl, folder)
        add_shell(folder, board)
        return synthesize_module(
            folder, board, BRIDGE, parameters, name="shell", cache=cache, limits=limits
        )


def with_synthesis(found: M, report: SynthesisReport, graph: KernelGraph, board: Board) -> M:
    """Add the ``synthesized`` rung to what is known of an accelerator.

    Parameters
    ----------
    found
        Its metrics so far.
    report
        Of its RTL.
    graph
        Its kernels and streams.
    board
        Whose totals decide utilization and `fits`.
    """
    by_node = {part.name: part.cells.resources for part in report.nodes}
    nodes = [
        node.model_copy(update={"resources": {**node.resources, "synthesized": by_node[node.node]}})
        for node in found.nodes
    ]
    known = found.model_copy(
        update={
            "nodes": (*nodes, *_edges(found, report, graph)),
            "resources": {**found.resources, "synthesized": report.cells.resources},
            "synthesis": report,
        }
    )
    return with_shell(known, report.shell, board)


def with_shell(found: M, shell: SynthesizedPart | None, board: Board) -> M:
    """Add the shell to what is known of an accelerator, and say what share both take.

    The accelerator counts at its highest rung; ``vendor`` holds the shell already.
    """
    rung: Rung = next(rung for rung in reversed(get_args(Rung)) if rung in found.resources)
    total = found.resources[rung]
    own: dict[Rung, Resources] = {"synthesized": shell.cells.resources} if shell else {}
    if shell and rung != "vendor":
        total += shell.cells.resources
    return found.model_copy(
        update={
            "shell": own,
            "utilization": board.utilization(total),
            "fits": board.fits(total),
        }
    )


def _edges(found: Metrics, report: SynthesisReport, graph: KernelGraph) -> tuple[NodeEstimate, ...]:
    """Return streams as nodes of the layer that reads them, or of that which writes them."""
    words: dict[str, int] = {}
    layers: dict[str, str] = {}
    by_node = {node.node: node.layer for node in found.nodes}
    for kernel in graph.kernels:
        for stream in (*kernel.outputs, *kernel.inputs):
            words[stream.tensor] = max(stream.words, words.get(stream.tensor, 0))
        layers |= {stream.tensor: by_node[kernel.name] for stream in kernel.inputs}
        layers = {s.tensor: by_node[kernel.name] for s in kernel.outputs} | layers
    return tuple(_edge(part, words, layers) for part in report.edges)


def _edge(
    part: SynthesizedPart, words: Mapping[str, int], layers: Mapping[str, str]
) -> NodeEstimate:
    return NodeEstimate(
        node=part.name,
        op=part.op,
        layer=layers[part.name],
        cycles=words[part.name],
        resources={"synthesized": part.cells.resources},
    )
