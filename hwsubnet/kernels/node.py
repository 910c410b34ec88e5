"""A node of a FINN dataflow graph, read without FINN."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.errors import FoldingError, ModelError
from hwsubnet.kernels.datatype import DataType, IntArray, cast


@dataclass(frozen=True, eq=False)
class Node:
    """Attributes, tensors and constants of one hardware node.

    Parameters
    ----------
    name
        Of the node, unique in its graph.
    op
        FINN's operator with its back end, such as ``MVAU_rtl``.
    attributes
        As set in the graph; what is missing has FINN's default, stated where it is read.
    inputs, outputs
        Tensor names; an input that has a value in `constants` is a parameter, not a stream.
    constants
        Values of the constant inputs, by tensor name.
    """

    name: str
    op: str
    attributes: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[np.generic]]

    def integer(self, key: str, default: int | None = None) -> int:
        """Return an integer attribute."""
        return int(self._get(key, default))

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return a list of integers."""
        return tuple(int(value) for value in self._get(key, default))

    def string(self, key: str, default: str | None = None) -> str:
        """Return a string attribute."""
        return _text(self._get(key, default))

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(_text(value) for value in self._get(key, None))

    def datatype(self, key: str, default: str | None = None) -> DataType:
        """Return the datatype that an attribute names."""
        return DataType.parse(self.string(key, default))

    def vectors(self) -> tuple[int, ...]:
        """Return ``numInputVectors`` without its leading batch axis."""
        return self.frame((*self.integers("numInputVectors", (1,)), 1))[:-1]

    def frame(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return `shape` without its batch axis.

        Raises
        ------
        ModelError
            If the graph was made for more than one frame at a time.
        """
        if len(shape) < 2 or shape[0] != 1:
            raise ModelError(
                f"shape {shape} does not start with a batch axis of 1",
                where=self.name,
                fix="export the model for a batch of one",
            )
        return shape[1:]

    def constant(self, index: int) -> IntArray:
        """Return the value of the constant input `index`, as integers."""
        tensor = self.inputs[index] if index < len(self.inputs) else ""
        if tensor not in self.constants:
            raise ModelError(
                f"{self.op} needs input {index} as a constant",
                where=self.name,
                fix="fold the constants of the graph",
            )
        return cast(self.constants[tensor], f"values of {tensor!r}", self.name)

    def divides(self, key: str, fold: int, axis: str, size: int) -> None:
        """Refuse a folding that does not divide its axis.

        Raises
        ------
        FoldingError
            With the rule: `key` must divide `axis`.
        """
        if fold < 1 or size % fold:
            raise FoldingError(
                f"{key} = {fold} does not divide {axis} = {size}",
                where=self.name,
                fix=f"choose one of the divisors {_divisors(size)}",
            )

    def _get(self, key: str, default: Any) -> Any:
        value = self.attributes.get(key, default)
        if value is None:
            raise ModelError(f"{self.op} has no attribute {key!r}", where=self.name)
        return value


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _divisors(size: int) -> str:
    found = [str(d) for d in range(1, size + 1) if size % d == 0]
    return ", ".join(found if len(found) <= 8 else [*found[:7], "...", found[-1]])
