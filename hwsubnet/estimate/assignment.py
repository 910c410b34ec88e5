"""One option for every unit, at least cost under prices, or within limits.

With a price for each resource, and without streams, units choose independently. A width converter
costs by both its ends, so neighbours do choose together: exactly, by dynamic programming from the
leaves, on a spanning forest of the graph. Only streams that close a cycle (a skip beside its
block's body) are left out of the choice; they are counted all the same.

Several limits at once are Lagrangian relaxation: the price of what is exceeded rises until nothing
is. No prices lead to some assignments that keep every limit, so what still exceeds one is mended:
from what exceeded least on the way, and from what takes least of each single resource, options are
exchanged one by one; what is best then, also in pairs of neighbours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.options import Costs, Integers, Options
from hwsubnet.estimate.streams import Edge

CANDIDATES = 24
"""Options of a unit, the cheapest by themselves, that are tried together with its neighbours'."""
ROUNDS = 24
"""Of raising prices."""
OTHERS = 0.01
"""What the share of other resources costs where one is spared."""
PAIRED = 32
"""Options of a unit, the best by themselves, that are exchanged together with a neighbour's."""
STEP = 2.0
"""Exponent by which a price follows its resource's use, in the first round."""


@dataclass(frozen=True)
class Assignment:
    """The option chosen for each unit, and what all take together."""

    chosen: tuple[int, ...]
    total: Costs


Exchange = Callable[[Assignment, Costs], Assignment]
"""Of options, given what a primitive's share of its limit is: the best assignment that it makes."""


class Assigner:
    """Units with the options that keep a speed, and the streams between them.

    Parameters
    ----------
    options
        Of each unit.
    edges
        Between them.
    cycles
        Per frame, that no unit and no stream may exceed; each unit has an option that keeps them.
    """

    def __init__(self, options: Sequence[Options], edges: Sequence[Edge], cycles: int) -> None:
        self.options = options
        self.edges = [edge.within(cycles) for edge in edges]
        self._legal = [np.flatnonzero(unit.cycles <= cycles) for unit in options]
        self._forest = _spanning_forest(len(options), self.edges)
        self._touching: list[list[Edge]] = [[] for _ in options]
        for edge in self.edges:
            self._touching[edge.source].append(edge)
            self._touching[edge.sink].append(edge)

    def within(self, limits: Costs) -> Assignment:
        """Return an assignment that keeps `limits`, or one that exceeds them least.

        Parameters
        ----------
        limits
            Of each resource, shape (5,).
        """
        scale = 1 / np.maximum(limits, 1e-9)

        def excess(found: Assignment) -> float:
            return float(_excess(found.total * scale))

        shares = np.ones(len(limits))
        seen = []
        for round_ in range(ROUNDS):
            found = self.cheapest(shares * scale)
            if excess(found) == 0:
                return found
            seen.append(found)
            use = found.total * scale
            shares = shares * np.clip(use, 0.25, 4) ** (STEP / (1 + round_ / 4))
            shares /= shares.max()
        spared = np.maximum(np.eye(len(limits)), OTHERS)
        starts = {each.chosen: each for each in (self.cheapest(one * scale) for one in spared)}
        best = self._mended(min(seen, key=excess), scale, self._single)
        for start in starts.values():
            if excess(best) > 0:
                best = min(best, self._mended(start, scale, self._single), key=excess)
        return self._mended(best, scale, self._pair)

    def cheapest(self, prices: Costs) -> Assignment:
        """Return the cheapest assignment: leaves tell their parents what each option costs them.

        Parameters
        ----------
        prices
            Of each resource, shape (5,).
        """
        candidates, values = [], []
        for options, indices in zip(self.options, self._legal, strict=True):
            cost = options.costs[indices] @ prices
            if len(indices) > CANDIDATES:
                nearest = np.argpartition(cost, CANDIDATES)[:CANDIDATES]
                indices, cost = indices[nearest], cost[nearest]
            candidates.append(indices)
            values.append(cost)
        answers: dict[int, Integers] = {}
        for unit, parent, edge in reversed(self._forest):
            if edge is None:
                continue
            if edge.source == unit:
                table = edge.prices(prices, candidates[unit], candidates[parent])
            else:
                table = edge.prices(prices, candidates[parent], candidates[unit]).T
            table = table + values[unit][:, None]
            answers[unit] = table.argmin(axis=0)
            values[parent] = values[parent] + table.min(axis=0)
        position = [0] * len(self.options)
        for unit, parent, edge in self._forest:
            position[unit] = int(
                values[unit].argmin() if edge is None else answers[unit][position[parent]]
            )
        chosen = tuple(int(c[p]) for c, p in zip(candidates, position, strict=True))
        return Assignment(chosen, self._total(chosen))

    def _mended(self, found: Assignment, scale: Costs, exchange: Exchange) -> Assignment:
        """Exchange what lessens the excess most, until nothing does."""
        excess = float(_excess(found.total * scale))
        while excess > 0:
            best = exchange(found, scale)
            left = float(_excess(best.total * scale))
            if left >= excess - 1e-9:
                break
            found, excess = best, left
        return found

    def _single(self, found: Assignment, scale: Costs) -> Assignment:
        """Return the best that exchanging one unit's option makes."""
        best, least = found, float("inf")
        for unit, indices in enumerate(self._legal):
            totals = found.total + self._changes(found.chosen, unit, indices)
            excesses = _excess(totals * scale)
            at = int(excesses.argmin())
            if excesses[at] < least:
                least = float(excesses[at])
                best = self._exchanged(found, {unit: int(indices[at])})
        return best

    def _pair(self, found: Assignment, scale: Costs) -> Assignment:
        """Return the best that exchanging the options of two neighbours makes."""
        promising = []
        for unit, indices in enumerate(self._legal):
            changes = self._changes(found.chosen, unit, indices)
            nearest = np.argsort(_excess((found.total + changes) * scale))[:PAIRED]
            promising.append((indices[nearest], changes[nearest]))
        best, least = found, float("inf")
        for edge in self.edges:
            (left, before), (right, after) = promising[edge.source], promising[edge.sink]
            rows, row = edge.left[left], edge.left[found.chosen[edge.source]]
            columns, column = edge.right[right], edge.right[found.chosen[edge.sink]]
            both = edge.table[np.ix_(rows, columns)] + edge.table[row, column]
            both -= edge.table[rows, column][:, None] + edge.table[row, columns]  # counted twice
            totals = found.total + before[:, None] + after + both
            excesses = _excess(totals * scale)
            i, j = np.unravel_index(excesses.argmin(), excesses.shape)
            if excesses[i, j] < least:
                least = float(excesses[i, j])
                exchanged = {edge.source: int(left[i]), edge.sink: int(right[j])}
                best = self._exchanged(found, exchanged)
        return best

    def _changes(self, chosen: tuple[int, ...], unit: int, indices: Integers) -> Costs:
        """Return what each option of a unit adds to the total, shape (len(indices), 5)."""
        own = chosen[unit]
        change: Costs = self.options[unit].costs[indices] - self.options[unit].costs[own]
        for edge in self._touching[unit]:
            if edge.source == unit:
                column = edge.table[:, edge.right[chosen[edge.sink]]]
                change = change + column[edge.left[indices]] - column[edge.left[own]]
            else:
                row = edge.table[edge.left[chosen[edge.source]]]
                change = change + row[edge.right[indices]] - row[edge.right[own]]
        return change

    def _exchanged(self, found: Assignment, options: Mapping[int, int]) -> Assignment:
        """Return it with other options of some units, summed anew: sums of changes drift."""
        chosen = tuple(options.get(unit, option) for unit, option in enumerate(found.chosen))
        return Assignment(chosen, self._total(chosen))

    def _total(self, chosen: Sequence[int]) -> Costs:
        total: Costs = np.sum(
            [options.costs[index] for options, index in zip(self.options, chosen, strict=True)],
            axis=0,
        )
        for edge in self.edges:
            total = total + edge.cost(chosen[edge.source], chosen[edge.sink])
        return total


def _excess(use: Costs) -> NDArray[np.float64]:
    """Return by how much shares of limits, shape (..., 5), exceed 1 in sum."""
    excess: NDArray[np.float64] = np.maximum(use - 1, 0).sum(axis=-1)
    return excess


def _spanning_forest(count: int, edges: Sequence[Edge]) -> list[tuple[int, int, Edge | None]]:
    """Return (unit, parent, the edge between them), parents first; a root has no edge."""
    joined: list[list[tuple[int, Edge]]] = [[] for _ in range(count)]
    for edge in edges:
        joined[edge.source].append((edge.sink, edge))
        joined[edge.sink].append((edge.source, edge))
    order: list[tuple[int, int, Edge | None]] = []
    seen: set[int] = set()
    for root in range(count):
        if root in seen:
            continue
        seen.add(root)
        order.append((root, root, None))
        waiting = [root]
        while waiting:
            parent = waiting.pop(0)
            for unit, edge in joined[parent]:
                if unit not in seen:
                    seen.add(unit)
                    order.append((unit, parent, edge))
                    waiting.append(unit)
    return order
