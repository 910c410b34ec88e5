"""The emulated board behaves where PYNQ's driver relies on an AXI DMA, and where users err."""

import json

import numpy as np
import pytest
from support.dataflow import linear_net
from support.emulation import EmulatedPackage, make_package

from hwsubnet.boards import load_board
from hwsubnet.simulate.emulated import emulated_pynq
from hwsubnet.simulate.emulated.hardware import PAGE, Memory

SENDING, RECEIVING = 0x00, 0x30
STATUS, ADDRESS, LENGTH = 0x04, 0x18, 0x28


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> EmulatedPackage:
    folder = tmp_path_factory.mktemp("board")
    cache = tmp_path_factory.getbasetemp() / "simulations"
    return make_package(linear_net(size=4), load_board("Pynq-Z2"), folder, cache)


@pytest.fixture
def pynq():
    with emulated_pynq():
        import pynq

        yield pynq


@pytest.fixture
def dma(package, pynq):
    return pynq.Overlay(str(package.bitfile)).axi_dma_0


def status(dma, channel):
    return dma.mmio.read(channel + STATUS)


def test_a_channel_is_idle_only_after_its_first_transfer(dma, pynq, package):
    assert status(dma, SENDING) == 0  # running, not yet idle
    frames = pynq.allocate(shape=(package.interface.input.row_bytes,), dtype="u1")
    dma.sendchannel.transfer(frames)
    dma.sendchannel.wait()
    assert status(dma, SENDING) & 0x02
    assert dma.sendchannel.transferred == frames.nbytes


def test_a_stopped_channel_takes_no_transfer(dma, pynq):
    dma.sendchannel.stop()
    assert status(dma, SENDING) == 0x01
    with pytest.raises(RuntimeError, match="not started"):
        dma.sendchannel.transfer(pynq.allocate(shape=(16,), dtype="u1"))


def test_a_second_transfer_waits_for_the_first(dma, pynq):
    buffer = pynq.allocate(shape=(16,), dtype="u1")
    dma.recvchannel.transfer(buffer)
    with pytest.raises(RuntimeError, match="not idle"):
        dma.recvchannel.transfer(buffer)


def test_a_packet_longer_than_the_buffer_is_an_error(dma, pynq, package):
    out = pynq.allocate(shape=(package.interface.output.row_bytes,), dtype="u1")
    frames = pynq.allocate(shape=(2 * package.interface.input.row_bytes,), dtype="u1")
    dma.recvchannel.transfer(out)
    dma.sendchannel.transfer(frames)
    while not dma.recvchannel.error:
        continue
    assert status(dma, RECEIVING) & 0x11 == 0x11  # an internal error halts the channel
    with pytest.raises(RuntimeError, match="not started"):
        dma.recvchannel.wait()


def test_a_transfer_outside_memory_is_an_error(dma):
    dma.mmio.write(SENDING + ADDRESS, 0x0)
    dma.mmio.write(SENDING + LENGTH, 64)
    assert status(dma, SENDING) & 0x40


def test_memory_is_seen_through_a_cache(pynq):
    buffer = pynq.allocate(shape=(8,), dtype="u4")
    buffer[:] = 7
    buffer.flush()
    buffer[:] = 0
    buffer.invalidate()
    assert (buffer == 7).all()
    with pytest.raises(RuntimeError, match="not a whole buffer"):
        _ = buffer[2:].physical_address


def test_freed_memory_is_used_again():
    memory = Memory(4 * PAGE)
    first, second = memory.take(PAGE + 1), memory.take(PAGE)
    assert (first, second) == (0, 2 * PAGE)
    memory.give_back(first)
    assert memory.take(PAGE) == 0
    assert memory.take(PAGE) == PAGE
    with pytest.raises(MemoryError):
        memory.take(2 * PAGE)


@pytest.mark.parametrize(
    ("family", "mhz", "expected"),
    [("zynq", 100, 100), ("zynq", 142.8, 142.857143), ("ultrascale", 250, 250)],
)
def test_clocks_are_divided_from_a_pll(pynq, monkeypatch, family, mhz, expected):
    from hwsubnet.simulate.emulated import pynq_model

    monkeypatch.setattr(pynq_model.device, "family", family)
    pynq.Clocks.fclk0_mhz = mhz
    assert pynq.Clocks.fclk0_mhz == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<EXTERNALPORTS/>", "", "no EXTERNALPORTS"),
        ("PCW_FCLK0_PERIPHERAL_DIVISOR1", "OTHER", "has no PCW_FCLK0_PERIPHERAL_DIVISOR1"),
        ('MODTYPE="processing_system7"', 'MODTYPE="other"', "no processing system"),
        (
            'NAME="C_S_AXI_HP0_DATA_WIDTH" VALUE="64"',
            'NAME="C_S_AXI_HP0_DATA_WIDTH" VALUE="32"',
            "DATA_WIDTH is 32, beats have 8",
        ),
    ],
    ids=["ports", "clock", "processor", "width"],
)
def test_a_hand_off_that_pynq_could_not_use(package, pynq, tmp_path, old, new, message):
    bitfile = package.altered(tmp_path)
    text = bitfile.with_suffix(".hwh").read_text()
    assert text.count(old) == 1
    bitfile.with_suffix(".hwh").write_text(text.replace(old, new))
    with pytest.raises(RuntimeError, match=message):
        pynq.Overlay(str(bitfile))


def test_what_is_not_there_is_no_attribute(package, pynq, tmp_path):
    with pynq.Overlay(str(package.bitfile)) as overlay, pytest.raises(AttributeError, match="led"):
        _ = overlay.led
    bitfile = package.altered(tmp_path)
    bitfile.write_bytes(b"\x00\x09\x0f\xf0")
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        pynq.Overlay(str(bitfile))


def test_time_passes_only_while_something_waits(dma, pynq, package):
    from hwsubnet.simulate.emulated import pynq_model

    before = pynq_model.device.logic.cycles
    status(dma, SENDING)
    assert pynq_model.device.logic.cycles == before
    dma.sendchannel.transfer(
        pynq.allocate(shape=(package.interface.input.row_bytes,), dtype=np.uint8)
    )
    dma.sendchannel.wait()
    assert pynq_model.device.logic.cycles > before


def test_a_second_pynq_is_refused(pynq):
    with pytest.raises(RuntimeError, match="imported already"), emulated_pynq():
        pass
