"""Integer types of stream elements, as QONNX names them and as hardware encodes them."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import ModelError

IntArray = NDArray[np.int64]

_NAME = re.compile(r"(U?)INT([1-9][0-9]?)")


@dataclass(frozen=True)
class DataType:
    """An integer type: `bits` wide, two's complement if `signed`.

    A bipolar element is -1 or +1, and travels as one bit, 0 or 1: its *code*. For every other type
    the code is the value.
    """

    bits: int
    signed: bool
    bipolar: bool = False

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a QONNX name: UINT<b>, INT<b>, BINARY, BIPOLAR or TERNARY.

        Raises
        ------
        ModelError
            If it names no integer type of 1 to 64 bits.
        """
        match name:
            case "BINARY":
                return cls(1, signed=False)
            case "BIPOLAR":
                return cls(1, signed=False, bipolar=True)
            case "TERNARY":
                return cls(2, signed=True)
        found = _NAME.fullmatch(name)
        if not found or int(found[2]) > 64:
            raise ModelError(
                f"datatype {name!r} is not an integer of 1 to 64 bits",
                fix="quantize the tensor that carries it",
            )
        return cls(int(found[2]), signed=not found[1])

    @classmethod
    def holding(cls, low: int, high: int, *, signed: bool | None = None) -> Self:
        """Return the narrowest type that holds `low` ... `high` (signed if `low` < 0 or asked)."""
        if signed or (signed is None and low < 0):
            ends = (value if value >= 0 else ~value for value in (low, high))
            return cls(1 + max(value.bit_length() for value in ends), True)
        return cls(max(1, high.bit_length()), False)

    @property
    def name(self) -> str:
        """The QONNX name."""
        return "BIPOLAR" if self.bipolar else f"{'' if self.signed else 'U'}INT{self.bits}"

    @property
    def min(self) -> int:
        """Smallest value."""
        return -1 if self.bipolar else -(1 << self.bits - 1) if self.signed else 0

    @property
    def max(self) -> int:
        """Largest value."""
        return 1 if self.bipolar else (1 << self.bits - self.signed) - 1

    def allows(self, values: IntArray) -> bool:
        """Whether every one of `values` is of this type."""
        if not values.size:
            return True
        if self.bipolar:
            return bool((np.abs(values) == 1).all())
        return bool(values.min() >= self.min and values.max() <= self.max)

    def encode(self, values: IntArray) -> IntArray:
        """Values to codes."""
        return (values + 1) // 2 if self.bipolar else values

    def decode(self, codes: IntArray) -> IntArray:
        """Codes to values."""
        return 2 * codes - 1 if self.bipolar else codes

    @cached_property
    def container(self) -> np.dtype[np.signedinteger] | np.dtype[np.unsignedinteger]:
        """NumPy's narrowest type for a code, little-endian: what raw files hold."""
        size = next(size for size in (1, 2, 4, 8) if 8 * size >= self.bits)
        return np.dtype(f"<{'i' if self.signed else 'u'}{size}")

    @property
    def cpp(self) -> str:
        """The C++ type of an element (``hls/include/types.hpp``)."""
        return f"integer<{self.bits}, {str(self.signed).lower()}>"

    @property
    def cpp_constant(self) -> str:
        """The C++ type of a parameter."""
        return f"constant<{self.bits}, {str(self.signed).lower()}>"

    @property
    def cpp_container(self) -> str:
        """The C++ type of one element of a raw file."""
        return f"std::{'' if self.signed else 'u'}int{8 * self.container.itemsize}_t"


def cast(array: NDArray[np.generic], what: str, where: str) -> IntArray:
    """Return `array` as int64.

    Raises
    ------
    ModelError
        If a value is not an integer.
    """
    values = array.astype(np.int64)
    if not np.array_equal(values, array):
        raise ModelError(
            f"{what} are not integers", where=where, fix="streamline the graph to integers first"
        )
    return values
