"""What is known of a level, and at which rung of the ladder of truth."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from hwsubnet.artifacts import Level, NodeEstimate, Resources, Rung

Resource = Literal["LUT", "FF", "BRAM18", "URAM", "DSP"]

RESOURCES: tuple[Resource, ...] = ("LUT", "DSP", "BRAM18", "FF", "URAM")
"""In the order in which they tend to run out."""

RUNGS: tuple[Rung, ...] = get_args(Rung)
"""From the lowest to the highest."""


class Known(NamedTuple):
    """A value together with the rung that it stands on."""

    value: float
    rung: Rung


class Series(NamedTuple):
    """One resource over all levels at one rung; rungs are never mixed within a plot."""

    resource: Resource
    rung: Rung
    values: tuple[float | None, ...]
    """Per level."""


class LayerUse(NamedTuple):
    """What the nodes of one layer need of a resource, as far as it is known."""

    value: float | None
    """Sum over the nodes that the rung has a model of; ``None`` where it has a model of none."""
    unknown_nodes: int


def amount(resources: Mapping[Rung, Resources], rung: Rung, resource: Resource) -> float | None:
    """Return one cell of a table of resources by rung; ``None`` where it is unknown."""
    at_rung = resources.get(rung)
    value: float | None = getattr(at_rung, resource) if at_rung is not None else None
    return value


def highest(resources: Mapping[Rung, Resources], resource: Resource) -> Known | None:
    """Return the value at the highest rung that knows it."""
    for rung in reversed(RUNGS):
        value = amount(resources, rung, resource)
        if value is not None:
            return Known(value, rung)
    return None


def speed_rung(levels: Sequence[Level]) -> str:
    """Return the rung that all levels' cycles and frames per second reach."""
    simulated = bool(levels) and all(level.speed_rung == "simulated" for level in levels)
    return "simulated" if simulated else "analytical"


def comparable(levels: Sequence[Level]) -> Series | None:
    """Choose the resource and the rung that can be compared over the most levels.

    LUT goes before the others, and a higher rung before a lower one, where equally many levels
    are known.
    """
    candidates = [
        Series(resource, rung, tuple(amount(level.resources, rung, resource) for level in levels))
        for resource in RESOURCES
        for rung in reversed(RUNGS)
    ]
    best = max(candidates, key=_known)  # the first of equals
    return best if _known(best) else None


def layers(levels: Iterable[Level]) -> tuple[str, ...]:
    """Names of the layers that hardware nodes serve, in the order of the dataflow."""
    return tuple(dict.fromkeys(node.layer for level in levels for node in level.nodes))


def best_node_rung(levels: Iterable[Level], resource: Resource) -> Rung | None:
    """Return the rung that knows `resource` for the most nodes; of equals the highest."""
    nodes = [node for level in levels for node in level.nodes]
    counts = {
        rung: sum(amount(node.resources, rung, resource) is not None for node in nodes)
        for rung in reversed(RUNGS)
    }
    best = max(counts, key=lambda rung: counts[rung])
    return best if counts[best] else None


def layer_use(level: Level, layer: str, rung: Rung, resource: Resource) -> LayerUse:
    """Sum a resource over the nodes that serve `layer`."""
    values = [amount(node.resources, rung, resource) for node in level.nodes if node.layer == layer]
    known = [value for value in values if value is not None]
    return LayerUse(sum(known) if known else None, len(values) - len(known))


def layer_cycles(level: Level, layer: str) -> int | None:
    """Cycles per frame of a layer's slowest node: nodes run side by side, as a pipeline."""
    return max((node.cycles for node in level.nodes if node.layer == layer), default=None)


def bottleneck(level: Level) -> NodeEstimate | None:
    """Return the node that the whole pipeline waits for; of equals the first."""
    return max(level.nodes, key=lambda node: node.cycles, default=None)


def _known(series: Series) -> int:
    return sum(value is not None for value in series.values)
