"""The buffer of FINN's window generator: which word it can take when, and which it gives.

``swg_template_default.sv`` reads into a ring while it fetches windows out of it. It may overwrite
an element that no window to come needs, and fetch one that has been read; so the two wait for each
other, in a way that no formula tells. Here its controller is followed event by event.
"""

from dataclasses import dataclass

import numpy as np

from hwsubnet.kernels.datatype import IntArray
from hwsubnet.kernels.schedule import Times


@dataclass(frozen=True, eq=False)
class WindowBuffer:
    """A window generator.

    Parameters
    ----------
    elements
        Words of a frame that come in.
    depth
        Words that the ring holds.
    span
        Words from the first to the last of a window.
    windows
        Positions among the elements of what is fetched, in order; shape (windows, words each).
    """

    elements: int
    depth: int
    span: int
    windows: IntArray


def window_times(buffer: WindowBuffer, arrivals: IntArray, frames: int) -> Times:
    """Return when words are taken and given that come at `arrivals`, shape (frames * elements,)."""
    fetched = buffer.windows.reshape(-1).tolist()
    # With its first fetch a window lets go of all that comes before the next one.
    next_starts = [*buffer.windows[1:, 0], buffer.windows[-1, 0] + buffer.span]
    length = buffer.windows.shape[1]
    needed = np.repeat([0, *next_starts], length)[length - 1 :].tolist()  # by fetches done
    taken: list[int] = []
    given: list[int] = []
    cycle = 0
    for coming in arrivals.reshape(frames, -1).tolist():
        read = fetch = 0
        while read < buffer.elements or fetch < len(fetched):
            may_fetch = fetch < len(fetched) and fetched[fetch] < read
            may_read = read < buffer.elements and (
                fetch == len(fetched) or read - buffer.depth < min(needed[fetch], fetched[fetch])
            )
            if may_read and coming[read] > cycle:
                may_read = False
                if not may_fetch:
                    cycle = coming[read]
                    continue
            if may_read:
                taken.append(cycle)
                read += 1
            if may_fetch:
                given.append(cycle + 1)
                fetch += 1
            cycle += 1
        cycle = max(taken[-1], given[-1]) + 1
    return Times((np.array(taken),), (np.array(given),))
