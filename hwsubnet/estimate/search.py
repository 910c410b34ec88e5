"""The cheapest folding for a speed, and the fastest that fits a budget.

A streaming pipeline is as fast as its slowest node, so for a given number of cycles per frame each
unit's cheapest legal folding can be chosen by itself. The only search is over that number, and the
numbers worth trying are those that some folding of some unit takes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import DoesNotFit
from hwsubnet.estimate.budget import Demand
from hwsubnet.estimate.legality import Folding
from hwsubnet.estimate.options import Option, Unit

SHARE = 0.7
"""Of the board that the fastest folding may take: the rest is left to FIFOs, width converters,
the shell and the router, and to the error of the rule of thumb in `budget`."""


@dataclass(frozen=True)
class Table:
    """A unit's options by rising cycles, and for each the cheapest that is at least as fast."""

    options: list[Option]
    cycles: NDArray[np.int64]
    best: NDArray[np.int64]

    @classmethod
    def of(cls, options: list[Option], held: Demand) -> "Table":
        """Sort the options of a unit; cost is the sum of shares of what the board holds."""
        options = sorted(options, key=lambda option: option.cycles)
        best: list[int] = []
        cheapest = (0, float("inf"))
        for index, option in enumerate(options):
            cost = sum(need / max(have, 1) for need, have in zip(option.demand, held, strict=True))
            if cost < cheapest[1]:
                cheapest = (index, cost)
            best.append(cheapest[0])
        return cls(
            options,
            np.array([option.cycles for option in options], dtype=np.int64),
            np.array(best, dtype=np.int64),
        )

    @property
    def fewest(self) -> int:
        """Cycles of the most parallel option."""
        return int(self.cycles[0])

    def cheapest(self, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each target the index of the cheapest option that meets it."""
        chosen: NDArray[np.int64] = self.best[np.searchsorted(self.cycles, targets, "right") - 1]
        return chosen

    def at(self, cycles: int) -> Option:
        """Return the cheapest option that takes at most so many cycles."""
        return self.options[int(self.cheapest(np.array([cycles]))[0])]


class Search:
    """The units of a graph with their tables, for one board."""

    def __init__(self, units: list[Unit], held: Demand) -> None:
        self.held = held
        self.units = units
        by_signature: dict[object, Table] = {}
        self.tables = []
        for unit in units:
            # Networks repeat their blocks: nodes that differ in name only share a table.
            signature = tuple(node.signature() for node in unit.nodes)
            if signature not in by_signature:
                by_signature[signature] = Table.of(unit.options(), held)
            self.tables.append(by_signature[signature])

    def targets(self) -> NDArray[np.int64]:
        """Return all cycle counts that the whole pipeline can take, rising."""
        every = np.unique(np.concatenate([table.cycles for table in self.tables]))
        fewest = max(table.fewest for table in self.tables)
        possible: NDArray[np.int64] = every[every >= fewest]
        return possible

    def cheapest(self, cycles: int) -> dict[str, Folding]:
        """Return the cheapest folding that takes at most so many cycles per frame.

        Raises
        ------
        DoesNotFit
            If no legal folding is that fast, with the node that is in the way.
        """
        unit, table = max(zip(self.units, self.tables, strict=True), key=lambda u: u[1].fewest)
        if cycles < table.fewest:
            raise DoesNotFit(
                f"takes {table.fewest} cycles per frame even when fully parallel, "
                f"and {cycles} are asked for",
                where=unit.nodes[-1].name,
                fix="ask for fewer frames per second, or raise the clock",
            )
        return self._folding(cycles)

    def fastest(self, share: float = SHARE) -> dict[str, Folding]:
        """Return the fastest folding whose demand stays within `share` of the board.

        If none does, the cheapest there is.
        """
        targets = self.targets()
        total = np.zeros((len(targets), len(self.held)))
        for table in self.tables:
            demands = np.array([option.demand for option in table.options])
            total += demands[table.cheapest(targets)]
        fitting = np.flatnonzero((total <= share * np.array(self.held)).all(axis=1))
        return self._folding(int(targets[fitting[0] if len(fitting) else -1]))

    def _folding(self, cycles: int) -> dict[str, Folding]:
        folding: dict[str, Folding] = {}
        for unit, table in zip(self.units, self.tables, strict=True):
            folding |= unit.named(table.at(cycles).foldings)
        return folding
