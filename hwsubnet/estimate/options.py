"""All legal foldings of a unit, with their speed, their cost and the width of their streams."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hwsubnet.estimate.legality import Folding, choices, divisors, limits
from hwsubnet.finn_adapter.hardware import HardwareNode
from hwsubnet.kernels import make_kernel, node_of

Costs = NDArray[np.float64]
"""Shape (..., 5): LUT, FF, BRAM18, URAM, DSP."""
NodeCosts = Callable[[HardwareNode, Sequence[Folding]], Costs]
"""What a node takes under each of N foldings, shape (N, 5)."""
Integers = NDArray[np.int64]

_UNITS = {"dsp": "MVAU_rtl", "lut": "MVAU_hls"}
_CHOSEN_STYLES = ("block", "distributed", "ultra")


@dataclass(frozen=True)
class Options:
    """N foldings of a unit.

    Parameters
    ----------
    foldings
        N tuples with one folding per node of the unit.
    cycles
        Per frame, of the unit's slowest node, shape (N,).
    inputs, outputs
        Bits of a word of each stream, shapes (N, streams in) and (N, streams out).
    costs
        Shape (N, 5).
    """

    foldings: list[tuple[Folding, ...]]
    cycles: Integers
    inputs: Integers
    outputs: Integers
    costs: Costs

    @property
    def fewest(self) -> int:
        """Cycles of the fastest."""
        return int(self.cycles.min())


@dataclass(frozen=True)
class Unit:
    """Nodes that have to be folded together: one, or a depthwise window and what reads it."""

    nodes: tuple[HardwareNode, ...]

    @property
    def name(self) -> str:
        """Of the node that does the unit's work."""
        return self.nodes[-1].name

    def options(self, costs: NodeCosts, *, ultraram: bool = False) -> Options:
        """Return all legal foldings, memories in block RAM, in LUTs, or in UltraRAM if it is there.

        UltraRAM holds lines of an image only.
        """
        node = self.nodes[-1]
        wanted = _plain(node)
        if len(self.nodes) == 1 and node.kind == "MVAU":
            found = _matrix(node, wanted)
        else:
            found = self._asked([self.follow(each) for each in wanted])
        found = _with_choices(self.nodes, found, ultraram)
        return self._priced(found, costs)

    def given(self, foldings: tuple[Folding, ...], costs: NodeCosts) -> Options:
        """Return one folding of all nodes as the only option."""
        return self._priced(self._asked([foldings]), costs)

    def _priced(self, found: Options, costs: NodeCosts) -> Options:
        total = np.zeros((len(found.foldings), 5))
        for position, each in enumerate(self.nodes):
            total += costs(each, [foldings[position] for foldings in found.foldings])
        return replace(found, costs=total)

    def follow(self, folding: Folding) -> tuple[Folding, ...]:
        """Add what a depthwise window generator has to do for its reader's folding."""
        windows: list[Folding] = []
        for window in self.nodes[:-1]:
            windows.append({"SIMD": folding.get("PE", 1)})
            if "parallel_window" in choices(window):
                windows[-1]["parallel_window"] = int(folding.get("SIMD", 1) != 1)
        return (*windows, folding)

    def named(self, foldings: Iterable[Folding]) -> dict[str, Folding]:
        """Return foldings by node name."""
        return {node.name: each for node, each in zip(self.nodes, foldings, strict=True)}

    def _asked(self, foldings: list[tuple[Folding, ...]]) -> Options:
        """Fold the nodes in each way and ask them."""
        cycles, inputs, outputs = [], [], []
        for each in foldings:
            apply(self.nodes, each)
            cycles.append(max(_cycles(node) for node in self.nodes))
            inputs.append(self.nodes[0].input_bits())
            outputs.append(self.nodes[-1].output_bits())
        widths = np.array(inputs, dtype=np.int64), np.array(outputs, dtype=np.int64)
        return Options(foldings, np.array(cycles, dtype=np.int64), *widths, np.empty((0, 5)))


def apply(nodes: Iterable[HardwareNode], foldings: Iterable[Folding]) -> None:
    """Set a folding on every node; ``resType`` decides which unit serves a matrix product."""
    for node, folding in zip(nodes, foldings, strict=True):
        if "resType" in folding:
            node.implement(_UNITS[str(folding["resType"])])
        node.set(**folding)


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


def _cycles(node: HardwareNode) -> int:
    """Return cycles per frame as folded, as the kernel takes them.

    FINN's formulas say the same of nodes that have parameters, which their kernels would want.
    """
    if len(node.input_bits()) == len(node.proto.input):
        return make_kernel(node_of(node.proto)).cycles
    return node.cycles()


def _plain(node: HardwareNode) -> list[Folding]:
    """Return the parallelism that a node can have."""
    rules = {parameter: divisors(number) for parameter, (number, _) in limits(node).items()}
    match node.kind:
        case "VVAU":
            wide: list[Folding] = [
                {"PE": rules["PE"][-1], "SIMD": simd} for simd in rules["SIMD"][1:]
            ]
            lanes: list[Folding] = [{"PE": pe, "SIMD": 1} for pe in rules["PE"]]
            return [*lanes, *wide]
        case "ConvolutionInputGenerator" if "parallel_window" in choices(node):
            part: list[Folding] = [{"SIMD": simd, "parallel_window": 0} for simd in rules["SIMD"]]
            return [*part, {"SIMD": rules["SIMD"][-1], "parallel_window": 1}]
        case _:
            return [dict(zip(rules, each, strict=True)) for each in product(*rules.values())]


def _matrix(node: HardwareNode, foldings: list[Folding]) -> Options:
    """Reckon PE x SIMD with closed formulas; there may be hundreds."""
    rows, columns = int(node.get("MH")), int(node.get("MW"))
    vectors = int(np.prod(node.get("numInputVectors")))
    pe = np.array([folding["PE"] for folding in foldings], dtype=np.int64)
    simd = np.array([folding["SIMD"] for folding in foldings], dtype=np.int64)
    return Options(
        [(folding,) for folding in foldings],
        (rows // pe) * (columns // simd) * vectors,
        (simd * node.bits("inputDataType"))[:, None],
        (pe * node.bits("outputDataType"))[:, None],
        np.empty((0, 5)),
    )


def _with_choices(nodes: Sequence[HardwareNode], found: Options, ultraram: bool) -> Options:
    """Multiply foldings by memory style and arithmetic, which change neither cycles nor widths."""
    ways = list(product(*(_ways(node, ultraram) for node in nodes)))
    count = len(found.foldings)
    return Options(
        [
            tuple(folding | way for folding, way in zip(foldings, each, strict=True))
            for each in ways
            for foldings in found.foldings
        ],
        np.tile(found.cycles, len(ways)),
        np.tile(found.inputs.reshape(count, -1), (len(ways), 1)),
        np.tile(found.outputs.reshape(count, -1), (len(ways), 1)),
        found.costs,
    )


def _ways(node: HardwareNode, ultraram: bool) -> list[Folding]:
    known = choices(node)
    styles: list[Folding] = [
        {"ram_style": style}
        for style in _CHOSEN_STYLES
        if style in known.get("ram_style", ()) and (ultraram or style != "ultra")
    ]
    if "resType" in known:
        dsp: Folding = {"resType": "dsp"}
        return [*(dsp | style for style in styles), {"resType": "lut"}]
    return styles if "ram_style" in known else [{}]


def _is_depthwise_window(node: HardwareNode) -> bool:
    return node.kind == "ConvolutionInputGenerator" and bool(node.get("depthwise"))
