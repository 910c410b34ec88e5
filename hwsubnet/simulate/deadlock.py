"""Why an accelerator stands still: which nodes wait on which.

A node waits on the reader of a stream that does not take its word, and on the writer of a stream
that has no word for it. Nodes that stand still for ever wait in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwsubnet.artifacts import RtlEdge
from hwsubnet.errors import Deadlock

_OUTSIDE_IN, _OUTSIDE_OUT = "the input", "the output"


@dataclass(frozen=True)
class EdgeState:
    """What a stream's monitor reported when the simulation ended."""

    id: int
    words: int
    blocked: int
    starved: int
    fullest: int
    full: bool
    """Its writer offers a word that it does not accept."""
    empty: bool
    """It has no word for its reader."""


@dataclass(frozen=True)
class Wait:
    """`waiting` cannot go on before `on` does."""

    waiting: str
    on: str
    why: str


def explain(edges: Sequence[RtlEdge], states: Sequence[EdgeState]) -> Deadlock:
    """Return the error that tells which nodes wait on which.

    Parameters
    ----------
    edges
        Of the design, in the order of the monitors' numbers.
    states
        One per edge; none if the simulation was built without monitors.
    """
    if not states:
        return Deadlock(
            "the accelerator stopped making progress", fix="simulate with monitors to learn why"
        )
    waits = _waits(edges, {state.id: state for state in states})
    circle = _circle(waits)
    if circle:
        story = "; ".join(f"{wait.waiting} waits on {wait.on} ({wait.why})" for wait in circle)
        return Deadlock(
            f"the accelerator stopped making progress: {story}",
            fix="deepen the full FIFO, or size FIFOs by simulation",
        )
    story = "; ".join(f"{wait.waiting} waits on {wait.on} ({wait.why})" for wait in waits)
    return Deadlock(f"the accelerator stopped making progress, without a circle of waits: {story}")


def _waits(edges: Sequence[RtlEdge], states: Mapping[int, EdgeState]) -> list[Wait]:
    waits = []
    for number, edge in enumerate(edges):
        source, sink = edge.source or _OUTSIDE_IN, edge.sink or _OUTSIDE_OUT
        state = states[number]
        if state.full:
            why = f"{edge.tensor!r} is full, FIFO depth {edge.depth}"
            waits.append(Wait(source, sink, why))
        if state.empty:
            waits.append(Wait(sink, source, f"{edge.tensor!r} is empty"))
    return waits


def _circle(waits: Sequence[Wait]) -> list[Wait]:
    """Return waits that close on themselves, the one on a full FIFO first; empty if none do."""
    by_node: dict[str, list[Wait]] = {}
    for wait in waits:
        by_node.setdefault(wait.waiting, []).append(wait)

    def search(path: list[Wait], seen: set[str]) -> list[Wait]:
        for wait in by_node.get(path[-1].on, ()):
            if wait.on == path[0].waiting:
                return [*path, wait]
            if wait.on not in seen and (found := search([*path, wait], seen | {wait.on})):
                return found
        return []

    # A circle holds a full stream: where all are empty, the input brings the next word.
    for wait in waits:
        if "is full" in wait.why and (found := search([wait], {wait.waiting, wait.on})):
            return found
    return []
