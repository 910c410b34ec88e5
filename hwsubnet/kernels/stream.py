"""A stream: one tensor of the dataflow graph as it crosses an AXI-Stream interface."""

from dataclasses import dataclass
from math import prod

from hwsubnet.errors import FoldingError, ModelError
from hwsubnet.kernels.datatype import DataType, IntArray


@dataclass(frozen=True)
class Stream:
    """A tensor of integers in stream order, `parallel` elements per word.

    Words follow one another in C order of `shape`; element 0 of a word lies in its least
    significant bits.

    Parameters
    ----------
    tensor
        Name of the tensor in the graph.
    datatype
        Of an element.
    shape
        Of one frame, without the batch axis, channels last.
    parallel
        Elements per word; divides the number of elements.
    """

    tensor: str
    datatype: DataType
    shape: tuple[int, ...]
    parallel: int

    def __post_init__(self) -> None:
        if self.parallel < 1 or self.elements % self.parallel:
            raise FoldingError(
                f"{self.parallel} elements per word do not divide the frame's {self.elements}",
                where=self.tensor,
            )

    @property
    def elements(self) -> int:
        """Elements per frame."""
        return prod(self.shape)

    @property
    def words(self) -> int:
        """Words per frame: the cycles it needs at one word per cycle."""
        return self.elements // self.parallel

    @property
    def width(self) -> int:
        """Payload bits of a word."""
        return self.parallel * self.datatype.bits

    @property
    def axi_width(self) -> int:
        """Bits of TDATA: the payload, padded with zeros to whole bytes."""
        return (self.width + 7) // 8 * 8

    @property
    def cpp_word(self) -> str:
        """The C++ type of a word."""
        return f"word<{self.datatype.cpp}, {self.parallel}>"

    def check(self, values: IntArray, where: str) -> IntArray:
        """Return `values`, shape (N, *shape), if the stream can carry them.

        Raises
        ------
        ModelError
            If the shape is another one, or a value does not fit the element type: hardware would
            wrap it.
        """
        if values.shape[1:] != self.shape:
            raise ModelError(
                f"frames of shape {values.shape[1:]}, but tensor {self.tensor!r} has {self.shape}",
                where=where,
            )
        if not self.datatype.allows(values):
            raise ModelError(
                f"values {values.min()} to {values.max()} do not fit tensor {self.tensor!r}, "
                f"declared {self.datatype.name}",
                where=where,
                fix="widen the declared datatype",
            )
        return values
