"""What a node is built of: counts that follow from its parameters, before anything is fitted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.kernels.datatype import DataType

Numbers = NDArray[np.float64]
"""One number for each folding."""
DSP_PRODUCT = 9
"""Bits of a product from which on Yosys takes a DSP for it."""
WIRED = 4
"""How much less a product takes if one factor never changes: about as much as one of its terms."""


@dataclass
class Structure:
    """Counts of one node, for each of its foldings.

    Memories and multipliers map to primitives by rules, so their counts are final. What the mapper
    optimizes, logic and registers, is described by terms that a regression weighs.
    """

    lut_memory: Numbers
    """LUTs used as RAM, as shift registers, or as tables of ROMs."""
    bram18: Numbers
    uram: Numbers
    dsp: Numbers
    logic: dict[str, Numbers] = field(default_factory=dict)
    """Terms of the LUTs used as logic."""
    registers: dict[str, Numbers] = field(default_factory=dict)
    """Terms of the flip-flops."""

    @classmethod
    def empty(cls, count: int) -> "Structure":
        """Return that of a node without memories, with a constant term in both sums."""
        zero, one = np.zeros(count), np.ones(count)
        return cls(zero, zero, zero, zero, {"constant": one}, {"constant": one})


class Parameters:
    """The attributes of a node, as far as they are the same for some of its foldings.

    Parameters
    ----------
    get
        Returns an attribute of the node, or its default.
    foldings
        Parameters that take the place of attributes; options that are not PE or SIMD are equal in
        all of them.
    family
        As ``synth_xilinx`` calls it.
    ultraram
        Whether the part has UltraRAM.
    uniform
        Whether all channels have the same constants.
    """

    def __init__(
        self,
        get: Callable[[str], Any],
        foldings: Sequence[Mapping[str, Any]],
        family: str,
        *,
        ultraram: bool = False,
        uniform: bool = False,
    ) -> None:
        self._get = get
        self._foldings = foldings
        self.family = family
        self.ultraram = ultraram
        self.uniform = uniform

    def __len__(self) -> int:
        return len(self._foldings)

    def each(self, name: str) -> Numbers:
        """Return a parameter of parallelism for each folding."""
        default = None
        values = []
        for folding in self._foldings:
            value = folding.get(name)
            if value is None:
                default = self._get(name) if default is None else default
                value = default
            values.append(value)
        return np.array(values, dtype=np.float64)

    def value(self, name: str) -> Any:
        """Return an attribute that all foldings share."""
        first = self._foldings[0].get(name)
        return self._get(name) if first is None else first

    def number(self, name: str) -> int:
        """Return an integer attribute."""
        return int(self.value(name))

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return a list of integers."""
        return tuple(int(value) for value in self.value(name))

    def text(self, name: str) -> str:
        """Return a string."""
        return _text(self.value(name))

    def datatype(self, name: str) -> DataType:
        """Return the type that an attribute names."""
        return DataType.parse(self.text(name))

    def datatypes(self, name: str) -> tuple[DataType, ...]:
        """Return the types that an attribute lists."""
        return tuple(DataType.parse(_text(value)) for value in self.value(name))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def clog2(values: Numbers | float) -> Numbers:
    """Return the bits of a counter of `values` states: 0 for one."""
    return np.ceil(np.log2(np.maximum(values, 1.0)))


def ceil(numerator: Numbers | float, denominator: Numbers | float) -> Numbers:
    """Divide, rounding up."""
    return np.ceil(np.divide(numerator, denominator))


def per_value(function: Callable[[int], tuple[float, ...]], values: Numbers) -> Numbers:
    """Apply a function of one integer, shape (outputs, len(values)); equal values once."""
    unique, where = np.unique(values, return_inverse=True)
    table = np.array([function(int(value)) for value in unique], dtype=np.float64)
    return table[where].T
