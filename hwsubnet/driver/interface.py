"""What a driver must know of an accelerator: one JSON file beside the bitstream."""

import json
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsubnet.driver.units import Units
from hwsubnet.errors import DeviceError

FORMAT = 1
"""Of the JSON file; another number is another version's."""
CONTAINERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


@dataclass(frozen=True)
class Side:
    """One end of the accelerator, as it lies in memory.

    A frame is `units.shape` elements in C order, each in a `container`, little-endian, and then
    padding up to `row_bytes`, a whole number of the DMA's beats.
    """

    units: Units
    container: str
    """NumPy's name of the integer type that holds an element in memory."""
    bipolar: bool
    """Elements are -1 and +1, in memory 0 and 1."""
    row_bytes: int

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The container, little-endian."""
        return np.dtype(self.container).newbyteorder("<")

    @property
    def elements(self) -> int:
        """Elements of a frame."""
        return prod(self.units.shape)

    def rows(self, buffer: "NDArray[np.uint8]", frames: int) -> "NDArray[Any]":
        """View the first `frames` frames of a DMA buffer as integers, shape (frames, elements)."""
        rows = buffer[: frames * self.row_bytes].reshape(frames, self.row_bytes)
        return rows.view(self.dtype)[:, : self.elements]

    def pack(self, integers: "NDArray[Any]", buffer: "NDArray[np.uint8]") -> None:
        """Write integers, shape (N, *units.shape), of any memory layout, into a DMA buffer."""
        rows = self.rows(buffer, len(integers))
        # Splitting an axis is a view, while joining those of a transposed array would copy.
        frames = rows.reshape(len(integers), *self.units.shape)
        np.copyto(frames, integers.reshape(frames.shape), casting="unsafe")
        if self.bipolar:
            np.greater(rows, 0, out=rows, casting="unsafe")

    def unpack(self, buffer: "NDArray[np.uint8]", frames: int) -> "NDArray[Any]":
        """Return a copy of what `pack` wrote: integers of shape (frames, *units.shape)."""
        values = self.rows(buffer, frames).copy()
        if self.bipolar:
            values = values.astype(np.int8) * 2 - 1
        return values.reshape(frames, *self.units.shape)


@dataclass(frozen=True)
class Interface:
    """All that the driver reads of ``NAME.json``."""

    name: str
    board: str
    clock_mhz: float
    fps: float
    """Frames per second that are expected of it."""
    beat_bytes: int
    """Of the DMA's ports."""
    input: Side
    output: Side

    @property
    def port_fps(self) -> float:
        """Frames per second that the DMA's ports can move: a beat each way in a cycle."""
        row = max(self.input.row_bytes, self.output.row_bytes)
        return self.clock_mhz * 1e6 * self.beat_bytes / row

    def write(self, path: Path) -> None:
        """Write the file."""
        text = json.dumps({"format": FORMAT} | asdict(self), indent=2)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Interface":
        """Read the file.

        Raises
        ------
        DeviceError
            If it is missing, damaged, or of another version.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            version = found.pop("format")
            if version != FORMAT:
                raise ValueError(f"format {version}, this driver reads {FORMAT}")
            source, sink = (_side(found.pop(name)) for name in ("input", "output"))
            return cls(input=source, output=sink, **found)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DeviceError(
                f"is not a readable description of an accelerator ({error})",
                where=path,
                fix="copy the whole package to the board again",
            ) from error


def _side(found: "dict[str, Any]") -> Side:
    units: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.pop("units").items()
    }
    side = Side(Units(**units), **found)
    if side.container not in CONTAINERS:
        raise ValueError(f"container {side.container!r}")
    if side.row_bytes < side.elements * side.dtype.itemsize:
        raise ValueError(f"row_bytes {side.row_bytes}")
    return side
