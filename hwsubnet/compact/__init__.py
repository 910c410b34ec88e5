"""Compact networks: masked channels physically removed, and what is left counted."""

from hwsubnet.compact.metrics import Counts, count, megabits, performance_density
from hwsubnet.compact.removal import remove_channels
from hwsubnet.compact.stage import compact, load_compact

__all__ = [
    "Counts",
    "compact",
    "count",
    "load_compact",
    "megabits",
    "performance_density",
    "remove_channels",
]
