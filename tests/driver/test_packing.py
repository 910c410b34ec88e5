import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from hwsubnet.boards import load_board
from hwsubnet.build.interface import interface_of, streams
from hwsubnet.driver import Interface, Side, Units
from hwsubnet.errors import DeviceError, ModelError
from hwsubnet.kernels import DataType, KernelGraph, Stream

BOARDS = ("Pynq-Z2", "ZCU104")


def graph(*ends: Stream, outputs: int = 1) -> KernelGraph:
    return KernelGraph((), ends[: len(ends) - outputs], ends[len(ends) - outputs :])


def make(datatype: str, shape: tuple[int, ...], board: str) -> Interface:
    from hwsubnet.artifacts import HostAffine

    stream = Stream("t", DataType.parse(datatype), shape, 1)
    host = HostAffine(datatype=datatype, shape=(1, *shape))
    return interface_of("net", load_board(board), 100, 1e6, graph(stream, stream), host, host)


@given(
    bits=st.integers(1, 64),
    signed=st.booleans(),
    elements=st.integers(1, 40),
    frames=st.integers(1, 5),
    board=st.sampled_from(BOARDS),
    seed=st.integers(0, 99),
)
def test_what_is_packed_is_unpacked(bits, signed, elements, frames, board, seed):
    signed = signed and bits > 1
    found = make(f"{'' if signed else 'U'}INT{bits}", (elements,), board).input
    low, high = found.units.low, found.units.high
    rng = np.random.default_rng(seed)
    dtype = np.int64 if signed else np.uint64
    values = rng.integers(low, high, (frames, elements), endpoint=True, dtype=dtype)
    buffer = np.zeros(frames * found.row_bytes, dtype=np.uint8)
    found.pack(values, buffer)
    assert np.array_equal(found.unpack(buffer, frames), values)
    assert found.row_bytes % (load_board(board).axi_bits // 8) == 0


def test_memory_is_little_endian_and_frames_start_at_a_beat():
    found = make("INT12", (5,), "Pynq-Z2").input
    buffer = np.zeros(2 * found.row_bytes, dtype=np.uint8)
    found.pack(np.array([[1, -1, 256, 0, 2], [3, 0, 0, 0, 0]]), buffer)
    assert buffer.tolist() == [1, 0, 255, 255, 0, 1, 0, 0, 2, 0, *[0] * 6, 3, *[0] * 15]


def test_channels_first_are_packed_channels_last():
    found = make("UINT4", (2, 1, 3), "Pynq-Z2").input
    buffer = np.zeros(2 * found.row_bytes, dtype=np.uint8)
    frames = np.arange(12).reshape(2, 3, 2, 1)
    found.pack(frames.transpose(0, 2, 3, 1), buffer)
    assert buffer.tolist() == [0, 2, 4, 1, 3, 5, 0, 0, 6, 8, 10, 7, 9, 11, 0, 0]


def test_bipolar_elements_are_bits_in_memory():
    found = make("BIPOLAR", (4,), "Pynq-Z2").input
    buffer = np.zeros(found.row_bytes, dtype=np.uint8)
    found.pack(np.array([[-1, 1, 1, -1]]), buffer)
    assert buffer.tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
    assert found.unpack(buffer, 1).tolist() == [[-1, 1, 1, -1]]


def test_the_description_survives_its_file(tmp_path):
    found = make("INT12", (2, 3, 4), "ZCU104")
    units = Units((2, 3, 4), -7, 7, (0, 2, 3, 1), (0.1, 0.3), (1.0,), 2.5)
    found = replace(found, input=replace(found.input, units=units))
    found.write(tmp_path / "net.json")
    assert Interface.read(tmp_path / "net.json") == found


@pytest.mark.parametrize(
    ("field", "value"), [("container", "float32"), ("row_bytes", 3)], ids=["container", "row"]
)
def test_a_description_that_cannot_be_is_refused(field, value, tmp_path):
    path = tmp_path / "net.json"
    make("INT12", (8,), "ZCU104").write(path)
    document = json.loads(path.read_text())
    document["input"][field] = value
    path.write_text(json.dumps(document))
    with pytest.raises(DeviceError, match=f"{field} "):
        Interface.read(path)


def test_more_than_one_input_is_refused():
    stream = Stream("t", DataType.parse("INT8"), (8,), 1)
    with pytest.raises(ModelError, match="2 inputs and 1 outputs; the shell's DMA serves one of"):
        streams(graph(stream, stream, stream), load_board("Pynq-Z2"))


def test_elements_wider_than_the_port_are_refused():
    board = load_board("Pynq-Z2").model_copy(update={"axi_bits": 32})
    stream = Stream("t", DataType.parse("INT33"), (8,), 1)
    with pytest.raises(ModelError, match="type INT33 is wider than the 32 bits of Pynq-Z2's port"):
        streams(graph(stream, stream), board)


def test_a_side_says_how_it_lies_in_memory():
    side = make("UINT4", (3,), "Pynq-Z2").output
    assert side == Side(Units((3,), 0, 15), "uint8", False, 8)
