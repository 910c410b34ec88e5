"""One model on given frames: golden model, C++ or RTL."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hwsubnet import tools
from hwsubnet.artifacts import LoweredGraph, Metrics, Simulation
from hwsubnet.boards import Board
from hwsubnet.errors import ConfigError
from hwsubnet.flow.pipeline import metrics
from hwsubnet.flow.single import fold_model
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
    where: object = None,
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
    where
        Where `x` came from, for messages.

    Returns
    -------
    tuple
        y, (N, ...) in the model's output units, and the accelerator's metrics with `simulation`;
        rtlsim's measured cycles per frame and latency replace the model's.

    Raises
    ------
    ConfigError
        If a waveform is wanted of another backend than rtlsim.
    OutputError
        If the waveform's format is not known, or its file cannot be written.
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
    from hwsubnet.simulate.host import to_reals

    _check_tools(backend, waveform, cache)
    with fold_model(model, board, fps=fps, folding=folding, clock_mhz=clock_mhz) as accelerator:
        lowered, estimated = accelerator.lowered, accelerator.estimated
        accelerator.check_frames(x, where)
        if backend == "rtlsim":
            rtl = accelerator.folder / "rtl"
            target = size_accelerator(accelerator.path, board, estimated.clock_mhz, rtl, cache)
            run = run_rtl(target, lowered, x, cache, jobs=jobs, waveform=waveform)
        else:
            folder = accelerator.folder / backend
            run = run_software(accelerator.path, lowered, x, backend, folder, cache)
        y = to_reals(run.outputs, lowered.output)
        return y, Metrics(**metrics(lowered, estimated, run.record))


def _check_tools(backend: Backend, waveform: Path | None, cache: Path) -> None:
    """Raise what would otherwise be told after minutes of building."""
    from hwsubnet.simulate.verilate import waveform_format

    if backend != "golden":
        tools.require_all(*(("verilator", "g++", "make") if backend == "rtlsim" else ("g++",)))
    if waveform is None:
        return
    if backend != "rtlsim":
        raise ConfigError(
            f"only rtlsim has signals, not {backend}",
            where="--waveform",
            fix="add --backend rtlsim, or leave it out",
        )
    waveform_format(waveform, cache)


@dataclass(frozen=True, eq=False)
class SimulatedFrames:
    """The integers that left the accelerator, shape (N, ...), and the record of the run."""

    outputs: IntArray
    record: Simulation


def run_rtl(
    target: "Target",
    lowered: LoweredGraph,
    x: NDArray[np.generic],
    cache: Path,
    *,
    jobs: int = 1,
    waveform: Path | None = None,
) -> SimulatedFrames:
    """Stream frames, in the model's input units, through the RTL; parameters as `simulate_model`.

    Raises
    ------
    Deadlock, ModelError, ToolError
        As `simulate_model`.
    """
    from hwsubnet.simulate.golden import simulate_golden
    from hwsubnet.simulate.rtlsim import simulate
    from hwsubnet.simulate.verilate import Variant

    inputs, sink = _frames(target.graph, lowered, x)
    run = simulate(
        target,
        inputs,
        cache=cache,
        variant=Variant(monitor=jobs == 1),
        jobs=jobs,
        waveform=waveform,
    )
    found = run.outputs[sink]
    record = Simulation(
        backend="rtlsim",
        frames=len(x),
        mismatches=_differing(found, simulate_golden(target.graph, inputs)[sink]),
        cycles=run.cycles,
        cycles_per_frame=run.cycles_per_frame,
        latency_cycles=run.latency,
        stalls=run.stalls if run.edges else None,
        fullest={edge.tensor: edge.fullest for edge in run.edges} if run.edges else None,
    )
    return SimulatedFrames(found, record)


def run_software(
    folded: Path,
    lowered: LoweredGraph,
    x: NDArray[np.generic],
    backend: Literal["golden", "cppsim"],
    folder: Path,
    cache: Path,
) -> SimulatedFrames:
    """Run frames, in the model's input units, through the golden model or the C++ kernels.

    What is generated for the run lies in `folder`; other parameters as of `simulate_model`.
    """
    from hwsubnet.emit.cpp import emit_cpp
    from hwsubnet.simulate.cppsim import compile_cpp
    from hwsubnet.simulate.golden import simulate_golden

    graph = read_graph(folded)
    inputs, sink = _frames(graph, lowered, x)
    found = expected = simulate_golden(graph, inputs)[sink]
    if backend == "cppsim":
        tops = {"accelerator": graph}
        found = compile_cpp(emit_cpp(tops), tops, cache).run(inputs, folder)[sink]
    record = Simulation(backend=backend, frames=len(x), mismatches=_differing(found, expected))
    return SimulatedFrames(found, record)


def _frames(
    graph: KernelGraph, lowered: LoweredGraph, x: NDArray[np.generic]
) -> tuple[dict[str, IntArray], str]:
    """Return the accelerator's input by tensor name, and the name of its output tensor."""
    from hwsubnet.simulate.host import to_integers

    (source,), (sink,) = graph.inputs, graph.outputs
    integers = to_integers(x, lowered.input)
    return {source.tensor: integers.reshape(len(x), *source.shape)}, sink.tensor


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


def _differing(found: IntArray, expected: IntArray) -> int:
    """Count the frames of which some output differs."""
    different = (found != expected).reshape(len(expected), -1)
    return int(different.any(axis=1).sum())
