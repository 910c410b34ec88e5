"""The pipeline's timing: cycles per frame, latency, and how full its streams get.

Every kernel's words are timed by its schedule (:mod:`hwsubnet.kernels.schedule`), in topological
order, with unbounded FIFOs. A dataflow network is as fast as its slowest kernel or width converter,
given deep enough FIFOs; and a FIFO that is deep enough for a paced source delays nothing. So the
period needs no walk, the latency one frame that enters as fast as it can, and the depths of FIFOs
some frames at the network's own pace.
"""

from dataclasses import dataclass
from math import ceil, gcd

import numpy as np

from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.graph import KernelGraph
from hwsubnet.kernels.schedule import Times
from hwsubnet.kernels.stream import Stream

_CONVERTER = 1
"""Cycles that a word spends in a width converter."""
_FIFO = 1
"""Cycles that a word spends at least in a FIFO."""
_SETTLED = 3
"""Frames after which a paced pipeline repeats itself; the last one is looked at."""


@dataclass(frozen=True)
class Timing:
    """What the model says of an accelerator.

    Parameters
    ----------
    cycles_per_frame
        In the steady state: the slowest kernel's, or the slowest width converter's.
    latency_cycles
        From the first word in to the last word out of one frame, the pipeline empty before.
    fills
        By tensor: the most words, of the stream's wider side, that wait at once when frames come
        at the pipeline's pace.
    """

    cycles_per_frame: int
    latency_cycles: int
    fills: dict[str, int]


def pipeline(graph: KernelGraph) -> Timing:
    """Time the accelerator `graph`."""
    writers = {stream.tensor: stream for kernel in graph.kernels for stream in kernel.outputs}
    streams = [stream for kernel in graph.kernels for stream in kernel.inputs]
    converters = [_converter(writers.get(s.tensor, s), s) for s in streams]
    period = max(*(kernel.cycles for kernel in graph.kernels), *converters)
    walk = _walk(graph, {stream.tensor: np.arange(stream.words) for stream in graph.inputs}, 1)
    last = max(int(given[-1]) for times in walk.values() for given in times.given)
    paced = {
        stream.tensor: period * np.arange(_SETTLED * stream.words) // stream.words
        for stream in graph.inputs
    }
    return Timing(period, last + 1, _fills(graph, _walk(graph, paced, _SETTLED), paced))


def _walk(graph: KernelGraph, entering: dict[str, IntArray], frames: int) -> dict[str, Times]:
    """Return the times of every kernel's words, by its name."""
    writers = {s.tensor: (k.name, i, s) for k in graph.kernels for i, s in enumerate(k.outputs)}
    times: dict[str, Times] = {}
    for kernel in graph.kernels:
        arrivals = []
        for stream in kernel.inputs:
            if stream.tensor in writers:
                name, index, source = writers[stream.tensor]
                written = times[name].given[index]
            else:
                source, written = stream, entering[stream.tensor]
            arrivals.append(_converted(written, source, stream) + _FIFO)
        times[kernel.name] = kernel.times(arrivals, frames)
    return times


def _converted(written: IntArray, source: Stream, sink: Stream) -> IntArray:
    """Return when words of `sink`'s width can leave whose bits came in words of `source`'s."""
    if source.width == sink.width:
        return written
    count = len(written) * source.width // sink.width
    last = (np.arange(1, count + 1) * sink.width - 1) // source.width
    # Words leave evenly spread over the cycles that the converter takes for them.
    slots = np.arange(count) * _converter(source, sink) // sink.words
    cycles: IntArray = slots + np.maximum.accumulate(written[last] - slots) + _CONVERTER
    return cycles


def _converter(source: Stream, sink: Stream) -> int:
    return converter_cycles(source.width, sink.width, source.words * source.width)


def converter_cycles(bits_in: int, bits_out: int, frame: int) -> int:
    """Return the cycles that `frame` bits take from words of `bits_in` to words of `bits_out`.

    Where one width divides the other, finn-rtllib's ``vpc`` moves a word of the narrow side in
    every cycle. Else its buffer of one word of each side is sometimes too full to take one and too
    empty to give one; here its one counter is followed until it repeats.
    """
    common = gcd(bits_in, bits_out)
    taken, given = bits_in // common, bits_out // common
    if 1 in (taken, given):
        return frame // min(bits_in, bits_out)
    room, cycles, words = given, 0, 0  # room for elements, as vpc.sv counts: ICap
    seen: dict[int, tuple[int, int]] = {}
    while room not in seen:
        seen[room] = cycles, words
        accepts, gives = room >= 0, room <= 0
        room += given * gives - taken * accepts
        cycles, words = cycles + 1, words + accepts
    start, before = seen[room]
    return ceil(frame // bits_in * (cycles - start) / (words - before))


def _fills(
    graph: KernelGraph, walk: dict[str, Times], entering: dict[str, IntArray]
) -> dict[str, int]:
    """Return by tensor how many of its wider side's words wait at most."""
    writes = {stream.tensor: (stream, entering[stream.tensor]) for stream in graph.inputs}
    for kernel in graph.kernels:
        given = walk[kernel.name].given
        writes |= {s.tensor: (s, when) for s, when in zip(kernel.outputs, given, strict=True)}
    fills = {stream.tensor: 0 for stream in graph.outputs}
    for kernel in graph.kernels:
        for index, sink in enumerate(kernel.inputs):
            source, written = writes[sink.tensor]
            taken = walk[kernel.name].taken[index]
            if source.width < sink.width:
                written = _converted(written, source, sink)
            elif source.width > sink.width:  # a wide word leaves when its first part does
                first = np.arange(len(written)) * source.width // sink.width
                taken = taken[first]
            gone = np.searchsorted(taken, written, "left")
            fills[sink.tensor] = int((np.arange(1, len(written) + 1) - gone).max())
    return fills
