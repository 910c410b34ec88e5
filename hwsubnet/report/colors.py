"""Colours that keep a contrast of 3:1 on the light and on the dark page.

Levels run from a neutral grey (dense) to vermilion (sparsest); layers run around the hue circle
from the network's input to its output.
"""

from collections.abc import Sequence

_DENSE = "#74808f"
_LEVELS = ("#2f78d6", "#7f63d2", "#c4508f", "#d5582f")
_LAYERS = (
    "#3f70d8",
    "#1b8fae",
    "#239a78",
    "#7f922a",
    "#b98212",
    "#d0613a",
    "#c24d7c",
    "#8f5cc4",
)


def level_colors(sparsities: Sequence[float]) -> tuple[str, ...]:
    """One colour per level."""
    pruned = iter(spread(_LEVELS, sum(s > 0 for s in sparsities)))
    return tuple(next(pruned) if s > 0 else _DENSE for s in sparsities)


def layer_colors(count: int) -> tuple[str, ...]:
    """One colour per layer."""
    return spread(_LAYERS, count)


def spread(anchors: Sequence[str], count: int) -> tuple[str, ...]:
    """Sample `count` colours, evenly spaced from the first anchor to the last."""
    if count <= 1:
        return tuple(anchors[:count])
    rgb = [[int(anchor[i : i + 2], 16) for i in (1, 3, 5)] for anchor in anchors]
    colors = []
    for index in range(count):
        place = index * (len(anchors) - 1) / (count - 1)
        left = min(int(place), len(anchors) - 2)
        mixed = (
            round(a + (b - a) * (place - left))
            for a, b in zip(rgb[left], rgb[left + 1], strict=True)
        )
        colors.append("#" + "".join(f"{channel:02x}" for channel in mixed))
    return tuple(colors)
