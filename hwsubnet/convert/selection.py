"""Which layers and sites are converted, and with how many bits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import nn

from hwsubnet.errors import ConfigError

Rule = str | int | type[nn.Module]
"""A pattern of names (``"layer1.*"``), a position in forward order (``-1`` is the last), a type."""


@dataclass(frozen=True)
class Candidate:
    """Something that a rule may pick: its path in the network and its type."""

    name: str
    type: type[nn.Module]


@dataclass(frozen=True)
class Selection:
    """Picks among candidates.

    Attributes
    ----------
    include
        Rules, at least one of which must match; None takes all.
    exclude
        Rules, none of which may match.
    bits
        Bits of what a rule matches; later entries win, all else has those of the precision.
    """

    include: Collection[Rule] | None = None
    exclude: Collection[Rule] = ()
    bits: Mapping[Rule, int] = field(default_factory=dict)

    def pick(self, candidates: Sequence[Candidate], default_bits: int, what: str) -> dict[str, int]:
        """Return the bits of every candidate that is picked, by name, in order.

        Raises
        ------
        ConfigError
            If a rule matches nothing, or bits are outside 2 to 8; `what` names the candidates.
        """
        included = _matched(self.include or (), candidates, what)
        excluded = _matched(self.exclude, candidates, what)
        bits = {candidate.name: default_bits for candidate in candidates}
        for rule, chosen in self.bits.items():
            if not 2 <= chosen <= 8:
                raise ConfigError(f"{chosen} bits are outside 2 to 8", where=f"{what} {rule!r}")
            bits.update(dict.fromkeys(_matched([rule], candidates, what), chosen))
        return {
            name: width
            for name, width in bits.items()
            if (self.include is None or name in included) and name not in excluded
        }


def _matched(rules: Collection[Rule], candidates: Sequence[Candidate], what: str) -> set[str]:
    matched: set[str] = set()
    for rule in rules:
        names = {
            c.name for index, c in enumerate(candidates) if _matches(rule, c, index, candidates)
        }
        if not names:
            known = ", ".join(f"{c.name} ({c.type.__name__})" for c in candidates) or "none"
            raise ConfigError(f"{rule!r} matches no {what} of the network", fix=f"it has {known}")
        matched |= names
    return matched


def _matches(rule: Rule, candidate: Candidate, index: int, all_: Sequence[Candidate]) -> bool:
    if isinstance(rule, str):
        return fnmatchcase(candidate.name, rule)
    if isinstance(rule, int):
        return rule in (index, index - len(all_))
    return issubclass(candidate.type, rule)
