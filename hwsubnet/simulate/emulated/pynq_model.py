"""The part of pynq that a driver uses, on an emulated board.

`Overlay`, `allocate`, `MMIO`, `Clocks` and `DMA` have the names, parameters and order of register
accesses of pynq 3 and 4; `DMA` is for an AXI DMA without scatter-gather and without interrupts. As
on a board, the processor sees memory through a cache: what it wrote reaches a DMA only when a
buffer is flushed, and what a DMA wrote is seen only when it is invalidated.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwsubnet.simulate.emulated.hardware import Bitstream, Logic, Memory
from hwsubnet.simulate.emulated.hwh import read_hwh


class Device:
    """The one board there is."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.logic: Logic | None = None
        self.family = "zynq"
        self.divisors = (10, 1)

    def load(self, bitstream: Bitstream, family: str) -> None:
        """Configure the programmable logic anew."""
        self.close()
        self.logic, self.family = Logic(bitstream, self.memory), family

    def close(self) -> None:
        """End the simulation, if one runs."""
        if self.logic is not None:
            self.logic.close()
            self.logic = None

    @property
    def cycles(self) -> int:
        """Clock cycles since the bitstream was loaded."""
        return self.logic.cycles if self.logic is not None else 0

    @property
    def source_mhz(self) -> float:
        """The PLL from which the fabric's clocks are divided."""
        return 1000.0 if self.family == "zynq" else 1500.0


device = Device()


class PynqBuffer(np.ndarray[Any, np.dtype[Any]]):
    """An array with a physical address; the array itself is what the processor's cache holds."""

    offset: int | None = None

    @property
    def physical_address(self) -> int:
        """Where a DMA finds it."""
        return device.memory.base + self._start()

    def flush(self) -> None:
        """Write the cache back to memory."""
        start = self._start()
        device.memory.octets[start : start + self.nbytes] = self.view(np.ndarray).view(np.uint8)

    def invalidate(self) -> None:
        """Read memory into the cache."""
        start = self._start()
        self.view(np.ndarray).view(np.uint8)[:] = device.memory.octets[start : start + self.nbytes]

    def freebuffer(self) -> None:
        """Give the memory back."""
        device.memory.give_back(self._start())
        self.offset = None

    def _start(self) -> int:
        if self.offset is None:
            raise RuntimeError("not a whole buffer, or one that was freed")
        return self.offset


def allocate(shape: int | Sequence[int], dtype: DTypeLike = "u4") -> PynqBuffer:
    """Allocate a buffer that a DMA can reach; its contents are not defined."""
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    values: NDArray[Any] = np.full(lengths, 0xA5, dtype=dtype)
    buffer = values.view(PynqBuffer)
    buffer.offset = device.memory.take(values.nbytes)
    return buffer


class MMIO:
    """Registers at a physical address."""

    def __init__(self, base_addr: int, length: int = 4) -> None:
        self.base_addr, self.length = base_addr, length

    def read(self, offset: int = 0) -> int:
        """Read 32 bits."""
        return self._logic(offset).read(offset)

    def write(self, offset: int, data: int) -> None:
        """Write 32 bits."""
        self._logic(offset).write(offset, data)

    def _logic(self, offset: int) -> Logic:
        if offset % 4 or not 0 <= offset < self.length:
            raise MemoryError(f"offset {offset:#x} is not that of a register")
        if device.logic is None:
            raise RuntimeError("no overlay is loaded")
        return device.logic


class _ClocksMeta(type):
    @property
    def fclk0_mhz(cls) -> float:
        """The fabric's first clock."""
        first, second = device.divisors
        return round(device.source_mhz / (first * second), 6)

    @fclk0_mhz.setter
    def fclk0_mhz(cls, clk_mhz: float) -> None:
        wanted = device.source_mhz / clk_mhz
        pairs = ((first, second) for first in range(1, 64) for second in range(1, 64))
        device.divisors = min(pairs, key=lambda pair: abs(pair[0] * pair[1] - wanted))


class Clocks(metaclass=_ClocksMeta):
    """Clocks of the fabric: a PLL divided by two numbers of six bits."""


class Channel:
    """One direction of a `DMA`."""

    def __init__(self, mmio: MMIO, largest: int, align: int, *, sends: bool) -> None:
        self._mmio, self._largest, self._align, self._sends = mmio, largest, align, sends
        self._offset = 0x00 if sends else 0x30
        self._active: PynqBuffer | None = None
        self.transferred = 0
        self.start()

    @property
    def running(self) -> bool:
        """Whether the channel is started."""
        return not self._mmio.read(self._offset + 0x04) & 0x01

    @property
    def idle(self) -> bool:
        """Whether the last transfer has ended."""
        return bool(self._mmio.read(self._offset + 0x04) & 0x02)

    @property
    def error(self) -> bool:
        """Whether the last transfer failed."""
        return bool(self._mmio.read(self._offset + 0x04) & 0x70)

    def start(self) -> None:
        """Start the channel."""
        self._mmio.write(self._offset, 0x0001)
        while not self.running:
            continue
        self._first = True

    def stop(self) -> None:
        """Stop the channel and give its transfer up."""
        self._mmio.write(self._offset, 0x0000)
        while self.running:
            continue

    def transfer(self, array: PynqBuffer, start: int = 0, nbytes: int = 0) -> None:
        """Begin to move `nbytes` of a buffer, from byte `start` on; 0: all."""
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if not self.idle and not self._first:
            raise RuntimeError("DMA channel not idle")
        nbytes = nbytes or array.nbytes - start
        if nbytes > self._largest:
            raise ValueError(f"Transfer size is {nbytes} bytes, which exceeds {self._largest}.")
        address = array.physical_address + start
        if address % self._align:
            raise RuntimeError("DMA does not support unaligned transfers")
        if self._sends:
            array.flush()
        self.transferred = 0
        self._mmio.write(self._offset + 0x18, address & 0xFFFFFFFF)
        self._mmio.write(self._offset + 0x1C, address >> 32)
        self._mmio.write(self._offset + 0x28, nbytes)
        self._active, self._first = array, False

    def wait(self) -> None:
        """Wait until the transfer has ended."""
        if not self.running:
            raise RuntimeError("DMA channel not started")
        while not self.idle:
            if self.error:
                raise RuntimeError("DMA error")
        if not self._sends and self._active is not None:
            self._active.invalidate()
        self.transferred = self._mmio.read(self._offset + 0x28)
        self._active = None


class DMA:
    """Driver of an AXI DMA."""

    bindto: ClassVar[list[str]] = ["xilinx.com:ip:axi_dma:7.1"]

    def __init__(self, description: dict[str, Any]) -> None:
        self.description = description
        parameters = {name: int(description["parameters"][name]) for name in _DMA_PARAMETERS}
        if parameters["c_include_sg"]:
            raise NotImplementedError("scatter-gather is not emulated")
        self.mmio = MMIO(description["phys_addr"], description["addr_range"])
        self.buffer_max_size = (1 << parameters["c_sg_length_width"]) - 1
        sending, receiving = (
            parameters[f"c_m_axi_{way}_data_width"] // 8 for way in ("mm2s", "s2mm")
        )
        self.sendchannel = Channel(self.mmio, self.buffer_max_size, sending, sends=True)
        self.recvchannel = Channel(self.mmio, self.buffer_max_size, receiving, sends=False)


_DMA_PARAMETERS = (
    "c_include_sg",
    "c_sg_length_width",
    "c_m_axi_mm2s_data_width",
    "c_m_axi_s2mm_data_width",
)


class Overlay:
    """A bitstream and what its .hwh says of it."""

    def __init__(self, bitfile_name: str, download: bool = True) -> None:
        path = Path(bitfile_name).absolute()
        hand_off = read_hwh(path.with_suffix(".hwh"))
        bitstream = Bitstream(**json.loads(path.read_text(encoding="utf-8")))
        self.ip_dict = hand_off.ip_dict
        if download:
            device.load(bitstream, hand_off.family)
            _check_port(bitstream, hand_off.family, hand_off.ps_parameters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        device.close()

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__.get("ip_dict", {}).get(name)
        if found is None:
            raise AttributeError(f"Could not find IP or hierarchy {name} in overlay")
        if found["type"] not in DMA.bindto:
            raise NotImplementedError(f"{found['type']} is not emulated")
        self.__dict__[name] = DMA(found)
        return self.__dict__[name]


def _check_port(bitstream: Bitstream, family: str, parameters: dict[str, str]) -> None:
    """Refuse a .hwh that would have PYNQ set the memory port to another width than the DMA's."""
    name = "C_S_AXI_HP0_DATA_WIDTH" if family == "zynq" else "C_SAXIGP2_DATA_WIDTH"
    if int(parameters[name]) != 8 * bitstream.beat_bytes:
        raise RuntimeError(f"{name} is {parameters[name]}, beats have {bitstream.beat_bytes} bytes")
