"""The streams between units: what a FIFO with its width converter takes there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwsubnet.estimate.options import Costs, Integers, Options, Unit

EdgeCosts = Callable[[Integers, Integers], Costs]
"""What N streams take whose words have so many bits on the writer's and on the reader's side,
shape (N, 5)."""


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
    """

    source: int
    sink: int
    left: Integers
    right: Integers
    table: Costs

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
                found.append(Edge(source, sink, left, right, table))
    return found
