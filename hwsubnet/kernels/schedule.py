"""When words move: every kernel's steps, and what happens when a word comes late.

A kernel goes through its frame in fixed steps, one per clock cycle: in some it needs a word,
in some it gives one. It waits in a step until the word that it needs has come, and is late by
that much in all steps that follow. With unbounded FIFOs nothing else delays it, so that the times
of all its words follow from the arrivals by a running maximum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwsubnet.kernels.datatype import IntArray


@dataclass(frozen=True, eq=False)
class Schedule:
    """A kernel's frame, undisturbed.

    Parameters
    ----------
    inputs
        By stream: for each word the step in which it is needed, rising.
    outputs
        By stream: for each word the step after which it is complete, rising.
    length
        Steps of a frame.
    free
        By stream: for each word the step from which there is room for it; if not given, it is
        taken when it is needed.
    """

    inputs: tuple[IntArray, ...]
    outputs: tuple[IntArray, ...]
    length: int
    free: tuple[IntArray, ...] | None = None

    def repeated(self, frames: int) -> "Schedule":
        """Return the steps of frames back to back."""

        def tiled(steps: IntArray) -> IntArray:
            starts = self.length * np.arange(frames)[:, None]
            return (starts + steps).reshape(-1)

        inputs, outputs = tuple(map(tiled, self.inputs)), tuple(map(tiled, self.outputs))
        free = None if self.free is None else tuple(map(tiled, self.free))
        return Schedule(inputs, outputs, self.length * frames, free)


@dataclass(frozen=True, eq=False)
class Times:
    """Clock cycles in which a kernel's words moved, by stream."""

    taken: tuple[IntArray, ...]
    given: tuple[IntArray, ...]


def follow(schedule: Schedule, arrivals: Sequence[IntArray], latency: int) -> Times:
    """Go through a schedule as words arrive.

    Parameters
    ----------
    schedule
        Of as many frames as have arrivals.
    arrivals
        By input stream: cycle from which each word can be taken.
    latency
        Cycles from the step that completes an output to its word.
    """
    when = np.concatenate(schedule.inputs)
    order = np.argsort(when, kind="stable")
    delays = (np.concatenate(arrivals) - when)[order]
    late = np.maximum.accumulate(np.concatenate([[0], delays]))  # nothing moves before cycle 0
    steps = when[order]

    def at(wanted: IntArray) -> IntArray:
        """Return the cycle of a step: late by the words needed up to it."""
        cycles: IntArray = wanted + late[np.searchsorted(steps, wanted, "right")]
        return cycles

    if schedule.free is None:
        taken = map(at, schedule.inputs)
    else:
        taken = map(one_a_cycle, map(np.maximum, arrivals, map(at, schedule.free)))
    return Times(tuple(taken), tuple(at(outputs) + latency for outputs in schedule.outputs))


def one_a_cycle(cycles: IntArray) -> IntArray:
    """Return when words move in order, one in a cycle, that could move at `cycles`."""
    order = np.arange(len(cycles))
    moved: IntArray = order + np.maximum.accumulate(cycles - order)
    return moved


def each(words: int, interval: int = 1) -> IntArray:
    """Return the steps of words that follow one another every `interval` steps."""
    return interval * np.arange(words)
