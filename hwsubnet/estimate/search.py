"""The cheapest folding for a speed, and the fastest that fits a board.

A streaming pipeline is as fast as its slowest node, so for a given number of cycles per frame every
unit only has to keep up with it, and :mod:`hwsubnet.estimate.assignment` chooses how. The search is
over that number, and the numbers worth trying are those that some folding of some unit takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwsubnet.artifacts import Resources
from hwsubnet.boards import Board
from hwsubnet.errors import DoesNotFit
from hwsubnet.estimate.assignment import Assigner, Assignment
from hwsubnet.estimate.legality import Folding
from hwsubnet.estimate.options import Costs, Integers, NodeCosts, Options, Unit
from hwsubnet.estimate.streams import UNPAYABLE, EdgeCosts, edges

UTILIZATION = 0.7
"""Share of a board that the fastest folding may take: the rest is left to the shell, to the FIFOs
that simulation deepens, and to the router."""
NAMES = tuple(Resources.model_fields)
PRECISION = 0.02
"""Of the least share of a board that a folding takes."""


@dataclass(frozen=True)
class Prices:
    """Who tells what nodes and streams take."""

    nodes: NodeCosts
    edges: EdgeCosts


@dataclass(frozen=True)
class Choice:
    """A folding of every node, and what all nodes and the streams between them take."""

    folding: dict[str, Folding]
    total: Costs


class Search:
    """The units of a graph with their options, for one board.

    Parameters
    ----------
    units
        Of the whole graph, in topological order.
    board
        Whose resources count.
    prices
        What nodes and streams take.
    given
        Foldings of the nodes of units that are not to be chosen, by the unit's name.
    """

    def __init__(
        self,
        units: list[Unit],
        board: Board,
        prices: Prices,
        given: Mapping[str, tuple[Folding, ...]] | None = None,
    ) -> None:
        self.units = units
        self.board = board
        self.held: Costs = np.array([getattr(board.resources, name) for name in NAMES], dtype=float)
        by_signature: dict[object, Options] = {}
        self.options: list[Options] = []
        for unit in units:
            if given and unit.name in given:
                self.options.append(unit.given(given[unit.name], prices.nodes))
                continue
            # Networks repeat their blocks: nodes that differ in name only share their options.
            signature = tuple(node.signature() for node in unit.nodes)
            if signature not in by_signature:
                by_signature[signature] = unit.options(
                    prices.nodes, ultraram=board.resources.URAM > 0
                )
            self.options.append(by_signature[signature])
        self._edges = edges(units, self.options, prices.edges)

    def targets(self) -> Integers:
        """Return all cycle counts that the whole pipeline can take, rising."""
        every = np.unique(
            np.concatenate(
                [
                    *(options.cycles for options in self.options),
                    *(edge.cycles.reshape(-1) for edge in self._edges),
                ]
            )
        )
        possible: Integers = every[every >= self._slowest[0]]
        return possible

    def cheapest(self, cycles: int) -> Choice:
        """Return the cheapest folding that takes at most so many cycles per frame.

        That is the one whose largest share of the board, over all resources, is least.

        Raises
        ------
        DoesNotFit
            If no legal folding is that fast, or none that is fits the board, with the node and
            the resource that are in the way.
        """
        fewest, unit = self._slowest
        if cycles < fewest:
            asked = {0: "less than one is", 1: "one is"}.get(cycles, f"{cycles} are")
            raise DoesNotFit(
                f"takes {fewest} cycles per frame even when fully parallel, and {asked} asked for",
                where=unit.name,
                fix="ask for fewer frames per second, or raise the clock",
            )
        found = self._leanest(cycles, self.held)
        if not _fits(found, self.held):
            raise self._does_not_fit(found, self.held, "ask for fewer frames per second")
        return self._choice(found)

    def balanced(self) -> Choice:
        """Return the cheapest folding that is as fast as what is given allows, fitting or not."""
        return self._choice(self._leanest(self._slowest[0], self.held))

    def fastest(self, limits: Costs | None = None) -> Choice:
        """Return the fastest folding whose cost stays within `limits`, and the cheapest of these.

        Parameters
        ----------
        limits
            Of each resource, shape (5,); if not given, `UTILIZATION` of the board.

        Raises
        ------
        DoesNotFit
            If even the least parallel folding needs more, with what is in the way.
        """
        limits = UTILIZATION * self.held if limits is None else limits
        targets = self.targets()
        slow, fast = len(targets) - 1, -1
        least = self._assigner(int(targets[slow])).within(limits)
        if not _fits(least, limits):
            raise self._does_not_fit(
                least, limits, "prune more, use fewer bits, or choose a larger board"
            )
        while slow - fast > 1:  # what keeps a target keeps slower ones too
            middle = (slow + fast) // 2
            if _fits(self._assigner(int(targets[middle])).within(limits), limits):
                slow = middle
            else:
                fast = middle
        return self._choice(self._leanest(int(targets[slow]), limits))

    def _assigner(self, cycles: int) -> Assigner:
        return Assigner(self.options, self._edges, cycles)

    def _leanest(self, cycles: int, limits: Costs) -> Assignment:
        """Return the assignment that takes the least share of `limits`, its largest one counted."""
        assigner = self._assigner(cycles)
        best = assigner.within(limits)
        low, high = 0.0, _share(best, limits)
        while high - low > PRECISION * high:
            middle = (low + high) / 2
            found = assigner.within(middle * limits)
            share = _share(found, limits)
            if share < high:
                best, high = found, share
            if share > middle:
                low = middle
        return best

    @property
    def _slowest(self) -> tuple[int, Unit]:
        """The unit that is slowest when fully parallel, after its cycles."""
        pairs = zip(self.options, self.units, strict=True)
        options, unit = max(pairs, key=lambda pair: pair[0].fewest)
        return options.fewest, unit

    def _choice(self, found: Assignment) -> Choice:
        folding: dict[str, Folding] = {}
        for unit, options, index in zip(self.units, self.options, found.chosen, strict=True):
            folding |= unit.named(options.foldings[index])
        return Choice(folding, found.total)

    def _does_not_fit(self, found: Assignment, limits: Costs, fix: str) -> DoesNotFit:
        """Name the resource that is exceeded most, and the unit that takes most of it."""
        if found.total.max() >= UNPAYABLE:
            return DoesNotFit("no folding's width converters are that fast", fix=fix)
        resource = int((found.total / np.maximum(limits, 1e-9)).argmax())
        parts = [
            options.costs[index, resource]
            for options, index in zip(self.options, found.chosen, strict=True)
        ]
        largest = int(np.argmax(parts))
        node = self.units[largest].nodes[-1]
        return DoesNotFit(
            f"takes {parts[largest]:,.0f} of the {found.total[resource]:,.0f} {NAMES[resource]} "
            f"that the design needs, and {limits[resource]:,.0f} of the "
            f"{self.held[resource]:,.0f} of {self.board.name} may be used",
            where=f"{node.name} (layer {node.layer})",
            fix=fix,
        )


def _share(found: Assignment, limits: Costs) -> float:
    """Return the largest share of a limit; of what there is none, none is taken or all is lost."""
    return float((found.total / np.maximum(limits, 1e-9)).max())


def _fits(found: Assignment, limits: Costs) -> bool:
    return bool((found.total <= limits).all())
