"""Any float network as a pruned and quantized one, its code untouched."""

from hwsubnet.convert.conversion import convert
from hwsubnet.convert.selection import Rule, Selection

__all__ = ["Rule", "Selection", "convert"]
