"""The accelerator on a board, through PYNQ's AXI DMA."""

import logging
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsubnet.driver.interface import Interface
from hwsubnet.driver.units import check_frames, to_integers, to_reals
from hwsubnet.errors import DeviceError, Mismatch

DMA = "axi_dma_0"
"""The DMA's name in the block design."""
BUFFER_BYTES = 1 << 20
"""Of each DMA buffer; larger ones are not faster, and do not fit a processor's cache."""
TRANSFER_SECONDS = 0.5
"""That a transfer should take at most: far below the time-out."""

log = logging.getLogger(__name__)


class Accelerator:
    """An accelerator on this board's FPGA; loads the bitstream and sets the clock.

    Parameters
    ----------
    bitfile
        ``NAME.bit``, with ``NAME.hwh`` and ``NAME.json`` beside it.
    buffer_bytes
        Size of a DMA buffer; there are two for input and two for output. Batches that need more
        are transferred in parts, while the processor packs the next part and unpacks the last.
    timeout
        Seconds that a transfer may take; ``None``: for ever.

    Raises
    ------
    DeviceError
        If a file is missing or does not fit the others, pynq is not installed, or the bitstream
        cannot be loaded or its buffers allocated.

    Examples
    --------
    >>> with Accelerator("model.bit") as accelerator:  # doctest: +SKIP
    ...     classes = accelerator.predict(x)
    """

    def __init__(
        self,
        bitfile: "str | Path",
        *,
        buffer_bytes: int = BUFFER_BYTES,
        timeout: "float | None" = 10.0,
    ) -> None:
        path = _complete(Path(bitfile))
        self.interface = Interface.read(path.with_suffix(".json"))
        self.timeout = timeout
        try:
            import pynq
            import pynq.lib.dma
        except ImportError as error:
            raise DeviceError(
                f"pynq cannot be imported ({error})",
                fix=_AS_ROOT,
            ) from error
        try:
            self.overlay = pynq.Overlay(str(path))
        except (OSError, RuntimeError) as error:
            raise DeviceError(f"cannot be loaded ({error})", where=path, fix=_AS_ROOT) from error
        dma = getattr(self.overlay, DMA, None)
        if not isinstance(dma, pynq.lib.dma.DMA):
            raise DeviceError(f"holds no DMA {DMA!r}", where=path, fix="build the package again")
        self._send, self._receive = dma.sendchannel, dma.recvchannel
        self._check_widths(dma.description["parameters"], path)
        pynq.Clocks.fclk0_mhz = self.interface.clock_mhz
        self.clock_mhz = float(pynq.Clocks.fclk0_mhz)
        if self.clock_mhz > 1.01 * self.interface.clock_mhz:
            log.warning(
                "the clock is %.1f MHz, the accelerator was built for %.1f MHz",
                self.clock_mhz,
                self.interface.clock_mhz,
            )
        rows = (self.interface.input.row_bytes, self.interface.output.row_bytes)
        largest = min(buffer_bytes, int(dma.buffer_max_size))
        soon = int(TRANSFER_SECONDS * self.interface.fps)
        self.frames_per_transfer = max(1, min(largest // max(rows), soon))
        if max(rows) > dma.buffer_max_size:
            raise DeviceError(f"a frame of {max(rows)} bytes is longer than a transfer can be")
        try:
            self._inputs, self._outputs = (
                tuple(
                    pynq.allocate(shape=(self.frames_per_transfer * row,), dtype=np.uint8)
                    for _ in range(2)
                )
                for row in rows
            )
        except (MemoryError, RuntimeError) as error:
            raise DeviceError(
                f"there is no memory for the DMA's buffers ({error})",
                fix="close other Accelerators, or ask for less buffer_bytes",
            ) from error
        for buffer in self._inputs:
            buffer[:] = 0  # padding is never written again

    def __enter__(self) -> "Accelerator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the DMA buffers back."""
        for buffer in (*self._inputs, *self._outputs):
            buffer.freebuffer()
        self._inputs = self._outputs = ()

    def run(self, x: ArrayLike) -> "NDArray[np.float64]":
        """Compute the model's outputs.

        Parameters
        ----------
        x
            (N, ...) in the model's input units and layout; any N of at least 1.

        Returns
        -------
        NDArray
            (N, ...) in the model's output units and layout.

        Raises
        ------
        ModelError
            If `x` has another shape, is not of numbers, or leaves the model's range.
        DeviceError
            If the DMA does not answer in time, or gives less than it should.
        """
        frames = np.asarray(x)
        source, sink = self.interface.input, self.interface.output
        check_frames(frames, source.units)
        if not self._inputs:
            raise DeviceError("this Accelerator is closed", fix=_AGAIN)
        values = np.empty((len(frames), *sink.units.shape))
        before: tuple[int, NDArray[np.float64]] | None = None  # buffer, and where its outputs go
        for number, start in enumerate(range(0, len(frames), self.frames_per_transfer)):
            end, buffer = start + self.frames_per_transfer, number % 2
            part = frames[start:end]
            source.pack(to_integers(part, source.units, source.dtype), self._inputs[buffer])
            if before is not None:
                self._finish(before[0], len(before[1]))
            self._start(buffer, len(part))
            if before is not None:
                self._read(*before)
            before = buffer, values[start:end]
        assert before is not None, "check_frames refuses an empty batch"
        self._finish(before[0], len(before[1]))
        self._read(*before)
        return values.transpose(sink.units.transpose) if sink.units.transpose else values

    def predict(self, x: ArrayLike) -> "NDArray[np.int64]":
        """Return the class of each frame, shape (N,); parameters and errors as of `run`.

        It is the index of the greatest output along axis 1, or the output itself where the
        accelerator gives one number per frame, the label.
        """
        outputs = self.run(x)
        if self.interface.output.elements == 1:
            return outputs.reshape(len(outputs)).astype(np.int64)
        classes: NDArray[np.int64] = outputs.argmax(axis=1)
        return classes

    def check(self, x: ArrayLike, y: ArrayLike) -> int:
        """Run golden vectors; return how many frames there were.

        Raises
        ------
        Mismatch
            If an output differs from `y`, shape (N, ...), at all.
        """
        expected, found = np.asarray(y), self.run(x)
        if expected.shape != found.shape:
            raise Mismatch(f"outputs have shape {found.shape}, the golden ones {expected.shape}")
        differing = int((found != expected).reshape(len(found), -1).any(axis=1).sum())
        if differing:
            raise Mismatch(f"{differing} of {len(found)} frames differ from the golden vectors")
        return len(found)

    def benchmark(self, frames: int = 1000) -> "dict[str, float]":
        """Measure frames per second, on frames of the input's least value.

        Returns
        -------
        dict
            `frames`; `fps`, of `run` as a whole; `dma_fps`, of the transfers alone; `latency_ms`,
            of one frame through `run`; and `clock_mhz`.
        """
        units = self.interface.input.units
        least = units.scale[0] * (units.low - units.zero_point)
        x = np.full((frames, *units.frame), least, dtype=np.float32)
        self.run(x[:1])  # not measured: first use of code and memory
        started = perf_counter()
        self.run(x[:1])
        latency = perf_counter() - started
        started = perf_counter()
        self.run(x)
        whole = perf_counter() - started
        part = min(frames, self.frames_per_transfer)
        transfers = -(-frames // part)
        started = perf_counter()
        for _ in range(transfers):
            self._start(0, part)
            self._finish(0, part)
        bare = perf_counter() - started
        return {
            "frames": frames,
            "fps": frames / whole,
            "dma_fps": transfers * part / bare,
            "latency_ms": 1000 * latency,
            "clock_mhz": self.clock_mhz,
        }

    def _check_widths(self, parameters: "dict[str, str]", path: Path) -> None:
        for name in ("c_m_axis_mm2s_tdata_width", "c_s_axis_s2mm_tdata_width"):
            if int(parameters[name]) != 8 * self.interface.beat_bytes:
                raise DeviceError(
                    f"its DMA has {name} {parameters[name]}, {path.with_suffix('.json').name} says "
                    f"{8 * self.interface.beat_bytes}",
                    where=path.with_suffix(".hwh"),
                    fix="copy the whole package to the board again",
                )

    def _start(self, buffer: int, frames: int) -> None:
        taken, given = self.interface.input.row_bytes, self.interface.output.row_bytes
        try:
            self._receive.transfer(self._outputs[buffer], 0, frames * given)
            self._send.transfer(self._inputs[buffer], 0, frames * taken)
        except RuntimeError as error:  # an earlier transfer did not end
            raise DeviceError(f"the DMA takes no transfer ({error})", fix=_AGAIN) from error

    def _finish(self, buffer: int, frames: int) -> None:
        self._wait(self._send, "sending")
        self._wait(self._receive, "receiving")
        expected = frames * self.interface.output.row_bytes
        if self._receive.transferred != expected:
            raise DeviceError(
                f"the accelerator gave {self._receive.transferred} bytes for {frames} frames, "
                f"not {expected}",
                fix="load it again; if that does not help, bitstream and NAME.json do not fit",
            )

    def _read(self, buffer: int, values: "NDArray[np.float64]") -> None:
        """Turn what a transfer gave into reals, shape (N, *units.shape)."""
        sink = self.interface.output
        to_reals(sink.unpack(self._outputs[buffer], len(values)), sink.units, values)

    def _wait(self, channel: Any, doing: str) -> None:
        """Wait for a transfer; pynq's own wait has no limit."""
        end = None if self.timeout is None else monotonic() + self.timeout
        while channel.error or not channel.idle:
            if channel.error:
                raise DeviceError(f"the DMA reports an error while {doing}", fix=_AGAIN)
            if end is not None and monotonic() > end:
                raise DeviceError(
                    f"the DMA did not end {doing} within {self.timeout:g} s", fix=_AGAIN
                )
        channel.wait()  # ends at once; makes what came visible to the processor


_AS_ROOT = "run this on a PYNQ board, as root and with PYNQ's own Python"
_AGAIN = "make a new Accelerator, which loads the bitstream again"


def _complete(path: Path) -> Path:
    """Return the path if it and its companions are there.

    Raises
    ------
    DeviceError
        Naming the file that is missing.
    """
    if path.suffix != ".bit":
        raise DeviceError("a bitstream is a file *.bit", where=path)
    for suffix in (".bit", ".hwh", ".json"):
        if not path.with_suffix(suffix).is_file():
            raise DeviceError(
                "is missing; PYNQ needs NAME.bit and NAME.hwh of one name, the driver NAME.json",
                where=path.with_suffix(suffix),
                fix="copy the whole package to the board again",
            )
    return path
