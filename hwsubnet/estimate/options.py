"""All legal foldings of a node, with their speed and their cost."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hwsubnet.estimate.budget import NODE, STREAM_BIT, Demand, demand, matrix_demand
from hwsubnet.estimate.legality import Folding, divisors, limits
from hwsubnet.finn_adapter.hardware import HardwareNode


@dataclass(frozen=True)
class Option:
    """One folding of each of a unit's nodes, the unit's cycles per frame and its cost."""

    foldings: tuple[Folding, ...]
    cycles: int
    demand: Demand


@dataclass(frozen=True)
class Unit:
    """Nodes that have to be folded together: one, or a depthwise window and what reads it."""

    nodes: tuple[HardwareNode, ...]

    def options(self) -> list[Option]:
        """Return all legal foldings."""
        node = self.nodes[-1]
        if node.kind == "MVAU" and len(self.nodes) == 1:
            return _matrix_options(node)
        rules = limits(node)
        parameter = "PE" if "PE" in rules else "SIMD"
        number, _ = rules.get(parameter, (1, ""))
        wanted: list[Folding] = [{parameter: value} for value in divisors(number)]
        found = []
        for foldings in map(self.follow, wanted if rules else [{}]):
            apply(self.nodes, foldings)
            cycles = max(node.cycles() for node in self.nodes)
            cost = sum((demand(node) for node in self.nodes), Demand(0, 0, 0))
            found.append(Option(foldings, cycles, cost))
        return found

    def follow(self, folding: Folding) -> tuple[Folding, ...]:
        """Add what a depthwise window generator has to do for its reader's folding."""
        window: Folding = {"SIMD": folding.get("PE", 1)}
        return (*(window for _ in self.nodes[:-1]), folding)

    def named(self, foldings: Iterable[Folding]) -> dict[str, Folding]:
        """Return foldings by node name."""
        return {node.name: each for node, each in zip(self.nodes, foldings, strict=True)}


def apply(nodes: Iterable[HardwareNode], foldings: Iterable[Folding]) -> None:
    """Set a folding on every node."""
    for node, folding in zip(nodes, foldings, strict=True):
        node.set(**folding)


def _matrix_options(node: HardwareNode) -> list[Option]:
    """Return PE x SIMD with closed formulas; there may be hundreds."""
    rows, columns = int(node.get("MH")), int(node.get("MW"))
    vectors = int(np.prod(node.get("numInputVectors")))
    weight, activation = node.bits("weightDataType"), node.bits("inputDataType")
    accumulator, output = node.bits("accDataType"), node.bits("outputDataType")
    uses_dsp = node.op == "MVAU_rtl"
    return [
        Option(
            ({"PE": pe, "SIMD": simd},),
            (rows // pe) * (columns // simd) * vectors,
            matrix_demand(
                NODE + STREAM_BIT * (simd * activation + pe * output),
                pe,
                simd,
                weight,
                activation,
                accumulator,
                rows * columns // (pe * simd),
                uses_dsp=uses_dsp,
            ),
        )
        for pe in divisors(rows)
        for simd in divisors(columns)
    ]


def units(nodes: list[HardwareNode]) -> list[Unit]:
    """Group the nodes of a dataflow graph into units, in topological order."""
    producers = {output: node for node in nodes for output in node.proto.output}
    grouped: list[Unit] = []
    for node in nodes:
        if _is_depthwise_window(node):
            continue  # comes with its reader
        feeder = producers.get(node.proto.input[0])
        tied = feeder is not None and _is_depthwise_window(feeder)
        grouped.append(Unit((feeder, node) if tied and feeder else (node,)))
    return grouped


def _is_depthwise_window(node: HardwareNode) -> bool:
    return node.kind == "ConvolutionInputGenerator" and bool(node.get("depthwise"))
