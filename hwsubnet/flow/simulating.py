"""One model on given frames: golden model, C++ or RTL."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hwsubnet.artifacts import Metrics, Simulation
from hwsubnet.boards import Board
from hwsubnet.flow.pipeline import metrics
from hwsubnet.kernels import IntArray, KernelGraph, read_graph

if TYPE_CHECKING:
    from hwsubnet.simulate.rtlsim import Target

Backend = Literal["golden", "cppsim", "rtlsim"]


def simulate_model(
    model: Path,
    board: Board,
    x: NDArray[np.generic],
    backend: Backend,
    *,
    cache: Path,
    fps: float | None = None,
    folding: Path | None = None,
    clock_mhz: float | None = None,
    jobs: int = 1,
    waveform: Path | None = None,
) -> tuple[NDArray[np.floating], Metrics]:
    """Lower and fold a QONNX model, run it on `x`, and compare it with the golden model.

    Parameters
    ----------
    model
        Any QONNX file.
    board
        The target.
    x
        (N, ...) in the model's input units.
    backend
        What runs; its outputs are compared with those of the golden model.
    cache
        Folder of built simulations.
    fps, folding, clock_mhz
        As of `estimate_model`.
    jobs
        Processes among which rtlsim divides the frames.
    waveform
        File that receives rtlsim's signals.

    Returns
    -------
    tuple
        y, (N, ...) in the model's output units, and the accelerator's metrics with `simulation`;
        rtlsim's measured cycles per frame and latency replace the model's.

    Raises
    ------
    ModelError
        If the model cannot be lowered, or `x` does not fit it; told before anything is built.
    FoldingError
        If the folding is not legal.
    DoesNotFit
        If no folding fits the board.
    Deadlock
        If the RTL stops, with the nodes that wait on each other.
    ToolError
        If a compiler or Verilator is missing or fails.
    """
    from hwsubnet.estimate import estimate, read_folding
    from hwsubnet.lower import lower
    from hwsubnet.simulate.golden import simulate_golden
    from hwsubnet.simulate.host import to_integers, to_reals
    from hwsubnet.simulate.rtlsim import simulate
    from hwsubnet.simulate.verilate import Variant

    chosen = read_folding(folding) if folding else None
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        folder = Path(scratch)
        lowered_folder, estimate_folder = folder / "lower", folder / "estimate"
        lowered_folder.mkdir()
        estimate_folder.mkdir()
        lowered = lower(model, lowered_folder, board)
        integers = to_integers(x, lowered.input)
        estimated = estimate(
            lowered,
            lowered_folder,
            board,
            estimate_folder,
            fps=fps,
            folding=chosen,
            clock_mhz=clock_mhz,
        )
        folded = estimate_folder / estimated.folded.path
        graph = read_graph(folded)
        clock = clock_mhz or board.clock_mhz
        (source,), (sink,) = graph.inputs, graph.outputs
        inputs = {source.tensor: integers.reshape(len(x), *source.shape)}
        known = metrics(lowered, estimated)
        expected = simulate_golden(graph, inputs)[sink.tensor]
        found, cycles = expected, None
        if backend == "cppsim":
            found = _cppsim(graph, inputs, cache, folder)[sink.tensor]
        elif backend == "rtlsim":
            target = size_accelerator(folded, board, clock, folder / "rtl", cache)
            run = simulate(
                target,
                inputs,
                cache=cache,
                variant=Variant(monitor=jobs == 1),
                jobs=jobs,
                waveform=waveform,
            )
            found, cycles = run.outputs[sink.tensor], run.cycles
            if run.cycles_per_frame is not None:
                known["cycles_per_frame"] = round(run.cycles_per_frame)
                known["fps"] = clock * 1e6 / run.cycles_per_frame
            known["latency_cycles"] = run.latency
        known["simulation"] = Simulation(
            backend=backend,
            frames=len(x),
            mismatches=_differing(found, expected),
            cycles=cycles,
        )
        return to_reals(found, lowered.output), Metrics(**known)


def size_accelerator(
    folded: Path, board: Board, clock_mhz: float, out: Path, cache: Path
) -> "Target":
    """Emit a folded graph's RTL into `out`, its FIFOs as deep as simulation says.

    Raises
    ------
    ModelError
        If a node has no RTL.
    Deadlock, Mismatch, ToolError
        As `hwsubnet.simulate.fifo_sizing.size_fifos`.
    """
    from hwsubnet.emit.rtl import emit_rtl
    from hwsubnet.simulate.fifo_sizing import size_fifos
    from hwsubnet.simulate.rtlsim import Target

    def emit(depths: Mapping[str, int]) -> Target:
        design = emit_rtl(
            folded,
            out,
            part=board.part,
            clock_mhz=clock_mhz,
            depths=depths,
            has_ultraram=bool(board.resources.URAM),
        )
        return Target.accelerator(design, out)

    return size_fifos(emit, cache=cache).target


def _cppsim(
    graph: KernelGraph, inputs: Mapping[str, IntArray], cache: Path, folder: Path
) -> dict[str, IntArray]:
    from hwsubnet.emit.cpp import emit_cpp
    from hwsubnet.simulate.cppsim import compile_cpp

    tops = {"accelerator": graph}
    return compile_cpp(emit_cpp(tops), tops, cache).run(inputs, folder)


def _differing(found: IntArray, expected: IntArray) -> int:
    """Count the frames of which some output differs."""
    different = (found != expected).reshape(len(expected), -1)
    return int(different.any(axis=1).sum())
