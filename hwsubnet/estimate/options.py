"""All legal foldings of a node, with their speed and their cost."""

from dataclasses import dataclass

import numpy as np

from hwsubnet.estimate.budget import Demand, demand, matrix_demand
from hwsubnet.estimate.legality import Folding, divisors, limits
from hwsubnet.finn_adapter.hardware import HardwareNode


@dataclass(frozen=True)
class Option:
    """One folding of a unit's nodes (by name), its cycles per frame and its cost."""

    folding: dict[str, Folding]
    cycles: int
    demand: Demand


@dataclass(frozen=True)
class Unit:
    """Nodes that have to be folded together: one, or a depthwise window and what reads it."""

    nodes: tuple[HardwareNode, ...]

    def options(self) -> list[Option]:
        """Return all legal foldings."""
        if len(self.nodes) == 1 and self.nodes[0].kind == "MVAU":
            return _matrix_options(self.nodes[0])
        found = []
        for folding in self._foldings():
            apply(self.nodes, folding)
            cycles = max(node.cycles() for node in self.nodes)
            cost = sum((demand(node) for node in self.nodes), Demand(0, 0, 0))
            found.append(Option(folding, cycles, cost))
        return found

    def _foldings(self) -> list[dict[str, Folding]]:
        node = self.nodes[-1]
        rules = limits(node)
        if not rules:
            return [{node.name: {}}]
        if node.kind == "ConvolutionInputGenerator":
            return [{node.name: folding} for folding in _window_foldings(node)]
        parameter = "PE" if "PE" in rules else "SIMD"
        number, _ = rules[parameter]
        return [self.follow({node.name: {parameter: value}}) for value in divisors(number)]

    def follow(self, folding: dict[str, Folding]) -> dict[str, Folding]:
        """Add what a depthwise window generator has to do for its reader's folding."""
        *windows, node = self.nodes
        wanted = {window.name: {"SIMD": folding[node.name].get("PE", 1)} for window in windows}
        return {**wanted, **folding}


def _window_foldings(node: HardwareNode) -> list[Folding]:
    """Return foldings of a dense window generator: channels first, then the window at once."""
    values: list[Folding] = [{"SIMD": v} for v in divisors(limits(node)["SIMD"][0])]
    return values


def _matrix_options(node: HardwareNode) -> list[Option]:
    """Return PE x SIMD with closed formulas; there may be hundreds."""
    rows, columns = int(node.get("MH")), int(node.get("MW"))
    vectors = int(np.prod(node.get("numInputVectors")))
    weight, activation = node.bits("weightDataType"), node.bits("inputDataType")
    accumulator, output = node.bits("accDataType"), node.bits("outputDataType")
    uses_dsp = node.op == "MVAU_rtl"
    return [
        Option(
            {node.name: {"PE": pe, "SIMD": simd}},
            (rows // pe) * (columns // simd) * vectors,
            matrix_demand(
                100.0 + 4 * (simd * activation + pe * output),
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


def apply(nodes: tuple[HardwareNode, ...], folding: dict[str, Folding]) -> None:
    """Set the folding on the nodes that it names."""
    for node in nodes:
        node.set(**folding.get(node.name, {}))
