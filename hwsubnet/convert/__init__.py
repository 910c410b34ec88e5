"""Any float network as a pruned and quantized one, its code untouched."""

from hwsubnet.convert.conversion import convert
from hwsubnet.convert.selection import Rule, Selection
from hwsubnet.convert.site import Site

__all__ = ["Rule", "Selection", "Site", "convert"]
