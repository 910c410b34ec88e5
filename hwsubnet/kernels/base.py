"""What every hardware kernel offers: golden model, C++ call, RTL instance, cycles.

A kernel is one Python file here, one ``hls/include/<kernel>.hpp``, one ``hls/rtl/<kernel>.sv``
(where FINN has no RTL of its own) and one test in ``tests/cosim``; then one line in
:mod:`hwsubnet.kernels.registry`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from hwsubnet.kernels.datatype import DataType, IntArray
from hwsubnet.kernels.node import Node
from hwsubnet.kernels.schedule import Schedule, Times, each, follow
from hwsubnet.kernels.stream import Stream


@dataclass(frozen=True, eq=False)
class CppArray:
    """A constant array that a C++ kernel takes by reference: codes of `datatype`."""

    datatype: DataType
    codes: IntArray


@dataclass(frozen=True, eq=False)
class CppCall:
    """How the C++ top calls a kernel: ``function(inputs..., outputs..., arrays...)``.

    Parameters
    ----------
    header
        File in ``hls/include``.
    function
        Name with its template arguments.
    arrays
        Constant arrays, in the order of the arguments.
    """

    header: str
    function: str
    arrays: tuple[CppArray, ...] = ()


@dataclass(frozen=True)
class Memory:
    """Contents of a ROM, word 0 first."""

    width: int
    """Bits of a word."""
    words: tuple[int, ...]
    """Unsigned; the first element of a word in its least significant bits."""

    @classmethod
    def of(cls, datatype: DataType, codes: IntArray) -> Self:
        """Pack the codes of elements, shape (words, elements per word)."""
        octets = np.ascontiguousarray(codes, dtype="<i8").view(np.uint8)
        bits = np.unpackbits(octets.reshape(*codes.shape, 8), axis=-1, bitorder="little")
        payload = bits[..., : datatype.bits].reshape(len(codes), -1)
        rows = np.packbits(payload, axis=-1, bitorder="little")
        words = tuple(int.from_bytes(row.tobytes(), "little") for row in rows)
        return cls(payload.shape[1], words)

    @property
    def hex(self) -> str:
        """The text that ``$readmemh`` reads."""
        digits = (self.width + 3) // 4
        return "".join(f"{word:0{digits}x}\n" for word in self.words)


@dataclass(frozen=True)
class RtlModule:
    """An instance of one of this project's SystemVerilog cores.

    Its ports are ``clk``, ``rst`` (synchronous, active high), ``idat``, ``ivld``, ``irdy`` and
    ``odat``, ``ovld``, ``ordy``. The input streams lie side by side in ``idat``, stream 0 in the
    least significant bits, each `Stream.width` bits wide (no byte padding), with one bit of
    ``ivld`` and ``irdy`` each; the same for the outputs. The node's generated wrapper
    (:mod:`hwsubnet.emit.stitch`) gives each of them AXI-Stream ports of its own.

    Parameters
    ----------
    module
        Name of the module.
    sources
        Files in ``hls/rtl`` that define it, in the order of compilation.
    parameters
        Values of the module's parameters.
    memories
        ROM contents, by the name of the string parameter that takes the file's name.
    """

    module: str
    sources: tuple[str, ...]
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Kernel(ABC):
    """One hardware node.

    Parameters
    ----------
    name
        Of the node, unique in its graph.
    op
        FINN's operator with its back end, such as ``MVAU_rtl``.
    inputs, outputs
        Streams, in the order of the node's ports.
    """

    header: ClassVar[str]
    """The kernel's file in ``hls/include``."""
    transparent: ClassVar[bool] = False
    """Whether elements pass unchanged, in whatever order they come."""

    name: str
    op: str
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]

    @classmethod
    @abstractmethod
    def from_node(cls, node: Node) -> Self:
        """Read the kernel's parameters from a node.

        Raises
        ------
        FoldingError
            If the folding breaks a divisor rule.
        ModelError
            If the node asks for what the kernel cannot do.
        """

    @property
    def cycles(self) -> int:
        """Clock cycles per frame in steady state: the longest of its streams by default."""
        return max(stream.words for stream in (*self.inputs, *self.outputs))

    def golden(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Compute the exact outputs of N frames.

        Parameters
        ----------
        inputs
            One array per input stream, shape (N, *stream.shape), values (not codes).

        Returns
        -------
        tuple
            One array per output stream, shape (N, *stream.shape).

        Raises
        ------
        ModelError
            If a value does not fit its declared type: hardware would wrap it silently.
        """
        for stream, values in zip(self.inputs, inputs, strict=True):
            stream.check(values, self.name)
        outputs = self.compute(*inputs)
        for stream, values in zip(self.outputs, outputs, strict=True):
            stream.check(values, self.name)
        return outputs

    @property
    def latency(self) -> int:
        """Clock cycles from the step that completes a word to the word's leaving."""
        return 1

    def schedule(self) -> Schedule:
        """Return when words move if none ever waits: all streams side by side by default."""
        return Schedule(
            tuple(each(stream.words) for stream in self.inputs),
            tuple(each(stream.words) for stream in self.outputs),
            self.cycles,
        )

    def times(self, arrivals: Sequence[IntArray], frames: int) -> Times:
        """Return when the words of `frames` move that come at `arrivals`, by input stream."""
        return follow(self.schedule().repeated(frames), arrivals, self.latency)

    @abstractmethod
    def compute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Compute the outputs of N frames that are known to be in range."""

    @abstractmethod
    def cpp(self) -> CppCall | None:
        """How the C++ top calls this kernel; ``None`` if it only passes its stream on."""

    def rtl(self) -> RtlModule | None:
        """Return this project's RTL for the node; ``None`` where FINN's own is used."""
        return None
