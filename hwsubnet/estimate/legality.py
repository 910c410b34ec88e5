"""Which foldings are legal: what each parameter has to divide, and which values it may take.

Parameters bear FINN's names, so that a folding file made for FINN says the same here.
"""

from collections.abc import Mapping
from math import gcd, prod

from hwsubnet.errors import FoldingError
from hwsubnet.finn_adapter.hardware import HardwareNode

Folding = dict[str, int | str]
"""Parameters of one node, such as ``{"PE": 4, "SIMD": 9, "resType": "lut"}``."""

_RULES: dict[str, dict[str, str]] = {
    "MVAU": {"PE": "MH", "SIMD": "MW"},
    "VVAU": {"PE": "Channels", "SIMD": "Kernel"},
    "Thresholding": {"PE": "NumChannels"},
    "FMPadding": {"SIMD": "NumChannels"},
    "FMPadding_Pixel": {"SIMD": "NumChannels"},
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

STYLES = ("auto", "block", "distributed")
"""Of a memory: what synthesis makes of it by itself, block RAM, or RAM made of LUTs. UltraRAM of
UltraScale+ cannot start with contents, so it is no place for weights."""
LINE_STYLES = (*STYLES, "ultra")
"""Of the lines of an image, which need no contents to start with; parts without UltraRAM have
no ``ultra``."""


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


def choices(node: HardwareNode) -> dict[str, tuple[int | str, ...]]:
    """Return for each parameter that divides nothing the values that it may take.

    ``resType``: DSPs by FINN's unit, or LUTs by this project's (but for products of more than 16
    partial bits, such as 8 bits by 4); where FINN's cannot serve the node there is no choice.
    ``parallel_window``: all positions of a window in one word.
    """
    match node.kind:
        case "MVAU" if node.op == "MVAU_rtl":
            return {"resType": ("dsp", "lut"), "ram_style": STYLES}
        case "ConvolutionInputGenerator" if prod(node.get("ConvKernelDim")) > 1:
            return {"parallel_window": (0, 1), "ram_style": LINE_STYLES}
        case "ConvolutionInputGenerator":
            return {"ram_style": LINE_STYLES}
        case _:
            return {}


def divisors(number: int) -> list[int]:
    """Return the divisors of `number`, rising."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def check_folding(node: HardwareNode, folding: Mapping[str, int | str]) -> None:
    """Hold a wanted folding of `node` against its rules.

    Raises
    ------
    FoldingError
        Naming the rule that is broken and the values that would do.
    """
    rules, values = limits(node), choices(node)
    for parameter, value in folding.items():
        if parameter in values:
            if value not in values[parameter]:
                raise FoldingError(
                    f"{parameter} = {value!r} is not possible",
                    where=node.name,
                    fix=f"choose one of {', '.join(map(str, values[parameter]))}",
                )
            continue
        if parameter not in rules:
            allowed = " and ".join((*rules, *values)) or "no parameters"
            raise FoldingError(f"has no {parameter}; {node.op} takes {allowed}", where=node.name)
        number, name = rules[parameter]
        if not isinstance(value, int) or value < 1 or number % value:
            legal = ", ".join(map(str, divisors(number)))
            raise FoldingError(
                f"{parameter} = {value} does not divide {name} = {number}",
                where=node.name,
                fix=f"choose one of {legal}",
            )
    _check_together(node, folding)


def _check_together(node: HardwareNode, folding: Mapping[str, int | str]) -> None:
    """Refuse values that are legal one by one, but not with each other."""
    if node.kind == "VVAU" and folding.get("SIMD", 1) != 1:
        channels = node.get("Channels")
        if folding.get("PE", 1) != channels:
            raise FoldingError(
                f"SIMD = {folding['SIMD']} needs PE = Channels = {channels}: a depthwise unit "
                "unfolds channels before its window",
                where=node.name,
                fix=f"set PE to {channels} or SIMD to 1",
            )
    if folding.get("parallel_window") and not node.get("depthwise"):
        channels = node.get("IFMChannels")
        if folding.get("SIMD", 1) != channels:
            raise FoldingError(
                f"parallel_window needs SIMD = IFMChannels = {channels}: a window's word holds "
                "every channel",
                where=node.name,
                fix=f"set SIMD to {channels} or parallel_window to 0",
            )
    if folding.get("resType") == "lut" and "ram_style" in folding:
        raise FoldingError(
            "ram_style has no effect with resType = lut, whose weights are a ROM that synthesis "
            "places",
            where=node.name,
            fix="leave ram_style out",
        )
