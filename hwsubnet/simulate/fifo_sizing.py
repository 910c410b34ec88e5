"""FIFO depths by simulation: measured with unbounded FIFOs, then confirmed with the real ones.

1. No FIFO can make the accelerator faster than its slowest node, whose cycles are known
   (:mod:`hwsubnet.kernels.timing`).
2. With the source paced to that period and unbounded FIFOs, each FIFO's highest fill is a depth
   with which nothing ever waits. The same schedule fits into FIFOs of these depths; and since a
   dataflow network is monotonic (a word that comes earlier never delays another), a source that is
   not paced can only make it faster. finn-rtllib's matrix-vector unit breaks that rule a little:
   once blocked, it empties its pipeline before it goes on.
3. FIFOs that hardly ever hold anything are left out, because a FIFO of two words costs as many LUTs
   as one of 32. Whether that is right, and whether all else is, the simulation of the result tells:
   the same outputs, and the same period within one percent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from hwsubnet.errors import Deadlock, Mismatch
from hwsubnet.kernels import IntArray, pipeline
from hwsubnet.simulate.rtlsim import RtlRun, Target, Traffic, simulate
from hwsubnet.simulate.verilate import Variant

_STEADY_FRAMES = 3
"""Frames that are looked at once the first has left."""
_MOST_FRAMES = 16
_REGISTERED = 1  # cycles that a word spends longer in finn-rtllib's FIFO than in its gauge
_SHALLOW = 2  # FIFOs never fuller than this are tried without


@dataclass(frozen=True, eq=False)
class FifoSizing:
    """Depths that keep the throughput, and the proof.

    Parameters
    ----------
    depths
        By tensor.
    unbounded_period
        Cycles per frame that no depth can beat.
    period
        Cycles per frame with these depths.
    target
        The design that has them.
    """

    depths: dict[str, int]
    unbounded_period: float
    period: float
    target: Target


def size_fifos(
    emit: Callable[[Mapping[str, int]], Target],
    *,
    cache: Path,
    variant: Variant | None = None,
    seed: int = 0,
    tolerance: float = 0.01,
) -> FifoSizing:
    """Find FIFO depths by simulation and confirm them.

    Parameters
    ----------
    emit
        Gives the accelerator with the depths that it is asked for, by tensor.
    cache
        Folder of built simulations.
    variant
        How to build them; for the measurement also with gauges.
    seed
        Of the random frames; timing does not depend on them, the comparison of outputs does.
    tolerance
        Share of throughput that may be lost.

    Raises
    ------
    Mismatch
        If the outputs change, or the throughput is lost, with the depths that were measured.
    Deadlock
        If the accelerator stops for any other reason than its FIFOs.
    """
    variant = variant or Variant()
    gauged = variant.model_copy(update={"gauge": True})
    free = emit({})
    timing = pipeline(free.graph)
    limit = float(timing.cycles_per_frame)
    count = min(_MOST_FRAMES, _STEADY_FRAMES + ceil(timing.latency_cycles / limit))
    frames = _frames(free, count, seed)

    def gauge() -> RtlRun:
        pace = Traffic(pace=ceil(limit))
        return simulate(free, frames, cache=cache, variant=gauged, traffic=pace)

    paced = gauge()
    if (slower := _period(paced)) > limit * (1 + tolerance):
        limit = slower  # what piled up before the slowest node was no depth that is needed
        paced = gauge()
    safe = {edge.tensor: max(2, edge.fullest + _REGISTERED) for edge in paced.edges}
    lean = {
        edge.tensor: 0 if edge.fullest <= _SHALLOW else safe[edge.tensor] for edge in paced.edges
    }
    for depths in (lean, safe):
        target = emit(depths)
        try:
            run = simulate(target, frames, cache=cache, variant=variant)
        except Deadlock:
            if depths is safe:
                raise
            continue
        _same_outputs(paced, run)
        if (period := _period(run)) <= limit * (1 + tolerance):
            return FifoSizing(depths, limit, period, target)
    raise Mismatch(
        f"a frame takes {period:.0f} cycles with the FIFO depths that were measured, "
        f"{limit:.0f} with unbounded FIFOs"
    )


def _frames(target: Target, count: int, seed: int) -> dict[str, IntArray]:
    random = np.random.default_rng(seed)
    frames = {}
    for stream in target.graph.inputs:
        datatype = stream.datatype
        low, high = (0, 1) if datatype.bipolar else (datatype.min, datatype.max)
        codes = random.integers(low, high, (count, *stream.shape), dtype=np.int64, endpoint=True)
        frames[stream.tensor] = datatype.decode(codes)
    return frames


def _period(run: RtlRun) -> float:
    assert run.cycles_per_frame is not None, "several frames were simulated"
    return run.cycles_per_frame


def _same_outputs(expected: RtlRun, found: RtlRun) -> None:
    for tensor, values in expected.outputs.items():
        if not np.array_equal(values, found.outputs[tensor]):
            raise Mismatch(f"output {tensor!r} depends on the depths of FIFOs")
