"""The streams between units: what a FIFO with its width converter takes there."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hwsubnet.estimate.options import Costs, Integers, Options, Unit
from hwsubnet.kernels import converter_cycles

EdgeCosts = Callable[[Integers, Integers], Costs]
"""What N streams take whose words have so many bits on the writer's and on the reader's side,
shape (N, 5)."""


UNPAYABLE = 1e12
"""Primitives: what a stream is said to take whose width converter cannot keep up."""


@dataclass(frozen=True)
class Edge:
    """A stream from one unit to another, and its cost for each pair of their options.

    Parameters
    ----------
    source, sink
        Positions of the units.
    left, right
        Which row of `table` an option of the source, which column one of the sink belongs to.
    table
        Shape (widths of the source, widths of the sink, 5).
    cycles
        Per frame, of the width converter; shape (widths of the source, widths of the sink).
    """

    source: int
    sink: int
    left: Integers
    right: Integers
    table: Costs
    cycles: Integers

    def within(self, cycles: int) -> "Edge":
        """Return the stream at a price that nobody pays wherever its converter is slower."""
        return replace(self, table=self.table + UNPAYABLE * (self.cycles > cycles)[..., None])

    def cost(self, source: int, sink: int) -> Costs:
        """Return the cost, shape (5,), between two options."""
        cost: Costs = self.table[self.left[source], self.right[sink]]
        return cost

    def prices(self, weights: Costs, sources: Integers, sinks: Integers) -> Costs:
        """Return weighted costs between options, shape (len(sources), len(sinks))."""
        priced = self.table @ weights
        prices: Costs = priced[np.ix_(self.left[sources], self.right[sinks])]
        return prices


def edges(units: list[Unit], options: list[Options], costs: EdgeCosts) -> list[Edge]:
    """Return the streams between `units`, in topological order of what reads them."""
    sources = {
        tensor: (index, slot)
        for index, unit in enumerate(units)
        for slot, tensor in enumerate(unit.nodes[-1].proto.output)
    }
    found = []
    for sink, unit in enumerate(units):
        for slot, tensor in enumerate(unit.nodes[0].proto.input[: options[sink].inputs.shape[1]]):
            if tensor in sources:
                source, output = sources[tensor]
                writes, left = np.unique(options[source].outputs[:, output], return_inverse=True)
                reads, right = np.unique(options[sink].inputs[:, slot], return_inverse=True)
                pairs = np.repeat(writes, len(reads)), np.tile(reads, len(writes))
                table = costs(*pairs).reshape(len(writes), len(reads), -1)
                frame = units[source].nodes[-1].output_frames()[output]
                cycles = [
                    converter_cycles(int(wrote), int(read), frame)
                    for wrote, read in zip(*pairs, strict=True)
                ]
                shaped = np.array(cycles, dtype=np.int64).reshape(len(writes), len(reads))
                found.append(Edge(source, sink, left, right, table, shaped))
    return found
