"""Which foldings are legal: what each parameter of parallelism has to divide."""

from collections.abc import Mapping
from math import gcd

from hwsubnet.errors import FoldingError
from hwsubnet.finn_adapter.hardware import HardwareNode

Folding = dict[str, int]
"""Parameters of one node, such as ``{"PE": 4, "SIMD": 9}``."""

_RULES: dict[str, dict[str, str]] = {
    "MVAU": {"PE": "MH", "SIMD": "MW"},
    "VVAU": {"PE": "Channels", "SIMD": "Kernel"},
    "Thresholding": {"PE": "NumChannels"},
    "FMPadding": {"SIMD": "NumChannels"},
    "ConvolutionInputGenerator": {"SIMD": "IFMChannels"},
    "Pool": {"PE": "Channels"},
    "GlobalAccPool": {"PE": "NumChannels"},
    "DuplicateStreams": {"PE": "NumChannels"},
    "ElementwiseAdd": {"PE": "out_shape"},
    "ElementwiseMul": {"PE": "out_shape"},
    "StreamingConcat": {"SIMD": "ChannelsPerStream"},
    "UpsampleNearestNeighbour": {"SIMD": "NumChannels"},
    "LabelSelect": {"PE": "Labels"},
}
"""Kind of node -> parameter -> the attribute that it divides."""


def limits(node: HardwareNode) -> dict[str, tuple[int, str]]:
    """Return for each parameter the number that it has to divide, and that number's name."""
    found = {}
    for parameter, attribute in _RULES.get(node.kind, {}).items():
        value = node.get(attribute)
        match attribute:
            case "Kernel":
                number = int(value[0]) * int(value[1])
            case "out_shape":
                number, attribute = int(value[-1]), "the number of channels"
            case "ChannelsPerStream":
                number, attribute = gcd(*(int(v) for v in value)), "every stream's channels"
            case _:
                number = int(value)
        found[parameter] = (number, attribute)
    return found


def divisors(number: int) -> list[int]:
    """Return the divisors of `number`, rising."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def check_folding(node: HardwareNode, folding: Mapping[str, int]) -> None:
    """Hold a wanted folding of `node` against its divisor rules.

    Raises
    ------
    FoldingError
        Naming the rule that is broken and the values that would do.
    """
    rules = limits(node)
    for parameter, value in folding.items():
        if parameter not in rules:
            allowed = " and ".join(rules) or "no parameters"
            raise FoldingError(f"has no {parameter}; {node.op} takes {allowed}", where=node.name)
        number, name = rules[parameter]
        if value < 1 or number % value:
            legal = ", ".join(map(str, divisors(number)))
            raise FoldingError(
                f"{parameter} = {value} does not divide {name} = {number}",
                where=node.name,
                fix=f"choose one of {legal}",
            )
    if node.kind == "VVAU" and folding.get("SIMD", 1) > 1:
        channels = node.get("Channels")
        if folding.get("PE", 1) != channels:
            raise FoldingError(
                f"SIMD = {folding['SIMD']} needs PE = Channels = {channels}: a depthwise unit "
                "unfolds channels before its window",
                where=node.name,
                fix=f"set PE to {channels} or SIMD to 1",
            )
