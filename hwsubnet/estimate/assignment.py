"""One option for every unit, at least cost under prices, or within limits.

With a price for each resource, and without streams, units choose independently. A width converter
costs by both its ends, so neighbours do choose together: exactly, by dynamic programming from the
leaves, on a spanning forest of the graph. Only streams that close a cycle (a skip beside its
block's body) are left out of the choice; they are counted all the same.

Several limits at once are Lagrangian relaxation: the price of what is exceeded rises until nothing
is, and what then still exceeds its limit by little is mended by exchanging single options.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.options import Costs, Integers, Options
from hwsubnet.estimate.streams import Edge

CANDIDATES = 24
"""Options of a unit, the cheapest by themselves, that are tried together with its neighbours'."""
ROUNDS = 24
"""Of raising prices."""
STEP = 2.0
"""Exponent by which a price follows its resource's use, in the first round."""


@dataclass(frozen=True)
class Assignment:
    """The option chosen for each unit, and what all take together."""

    chosen: tuple[int, ...]
    total: Costs


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
        shares = np.ones(len(limits))
        best, least = None, float("inf")
        for round_ in range(ROUNDS):
            found = self.cheapest(shares * scale)
            use = found.total * scale
            excess = float(_excess(use))
            if excess < least:
                best, least = found, excess
            if excess == 0:
                return found
            shares = shares * np.clip(use, 0.25, 4) ** (STEP / (1 + round_ / 4))
            shares /= shares.max()
        assert best is not None
        return self._mended(best, scale)

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

    def _mended(self, found: Assignment, scale: Costs) -> Assignment:
        """Exchange the option that lessens the excess most, until none does."""
        excess = float(_excess(found.total * scale))
        while excess > 0:
            best: tuple[float, int, int, Costs] | None = None
            for unit, indices in enumerate(self._legal):
                totals = found.total + self._changes(found.chosen, unit, indices)
                excesses = _excess(totals * scale)
                index = int(excesses.argmin())
                if excesses[index] < (best[0] if best else excess - 1e-9):
                    best = (float(excesses[index]), unit, int(indices[index]), totals[index])
            if best is None:
                break
            excess, unit, option, total = best
            chosen = (*found.chosen[:unit], option, *found.chosen[unit + 1 :])
            found = Assignment(chosen, total)
        return found

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
