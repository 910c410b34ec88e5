"""Channel pruning: groups, masks, importance and schedules."""

from hwsubnet.prune.groups import ChannelGroup, Member, find_groups
from hwsubnet.prune.importance import MEASURES, Measure
from hwsubnet.prune.masks import ChannelMask, channels_to_keep, select

__all__ = [
    "MEASURES",
    "ChannelGroup",
    "ChannelMask",
    "Measure",
    "Member",
    "channels_to_keep",
    "find_groups",
    "select",
]
