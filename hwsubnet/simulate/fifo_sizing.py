"""FIFO depths by simulation: measured with unbounded FIFOs, then confirmed with the real ones.

1. With unbounded FIFOs and a source that never pauses, frames leave with the period of the slowest
   node: no FIFO can make the accelerator faster.
2. With the source paced to that period, each FIFO's highest fill is a depth with which nothing ever
   waits. The same schedule fits into FIFOs of these depths; and since a dataflow network is
   monotonic (a word that comes earlier never delays another), a source that is not paced can only
   make it faster.
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
from hwsubnet.kernels import IntArray
from hwsubnet.simulate.rtlsim import RtlRun, Target, Traffic, simulate
from hwsubnet.simulate.verilate import Variant

_PROBE_FRAMES = 3
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
    free = emit({})
    gauge = Variant(gauge=True)
    probe = simulate(free, _frames(free, _PROBE_FRAMES, seed), cache=cache, variant=gauge)
    limit = _period(probe)
    # Enough frames for the first to leave while the last enters, and two periods more.
    count = min(_MOST_FRAMES, _PROBE_FRAMES + ceil(probe.latency / limit))
    frames = _frames(free, count, seed)
    paced = simulate(free, frames, cache=cache, variant=gauge, traffic=Traffic(pace=ceil(limit)))
    safe = {edge.tensor: max(2, edge.fullest + _REGISTERED) for edge in paced.edges}
    lean = {
        edge.tensor: 0 if edge.fullest <= _SHALLOW else safe[edge.tensor] for edge in paced.edges
    }
    for depths in (lean, safe):
        target = emit(depths)
        try:
            run = simulate(target, frames, cache=cache)
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
