import numpy as np
import pytest
from hypothesis import given, strategies as st

from hwsubnet.kernels import DataType, Stream
from hwsubnet.simulate.words import pack, unpack

datatypes = st.one_of(
    st.sampled_from(["BIPOLAR", "BINARY", "TERNARY"]),
    st.builds("{}{}".format, st.sampled_from(["INT", "UINT"]), st.integers(1, 64)),
).map(DataType.parse)


@given(datatypes, st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_unpack_inverts_pack(datatype, parallel, words, frames, seed):
    stream = Stream("x", datatype, (words, parallel), parallel)
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (frames, words, parallel, min(datatype.bits, 62)))
    codes = (bits << np.arange(bits.shape[-1])).sum(-1)
    codes = codes - (1 << bits.shape[-1] - 1) if datatype.signed else codes
    values = datatype.decode(codes)
    packed = pack(values, stream)
    assert packed.shape == (frames * words, stream.axi_width // 8)
    assert np.array_equal(unpack(packed, stream), values)


@pytest.mark.parametrize(
    ("datatype", "values", "octets"),
    [
        ("UINT4", [1, 2, 3], [0x21, 0x03]),  # element 0 in the low bits, padding 0
        ("INT4", [-1, 7, -8], [0x7F, 0x08]),
        ("BIPOLAR", [1, -1, 1], [0b101]),
        ("INT12", [-2, 1, 0], [0xFE, 0x1F, 0x00, 0x00, 0x00]),
    ],
)
def test_layout(datatype, values, octets):
    stream = Stream("x", DataType.parse(datatype), (3,), 3)
    assert pack(np.array([values]), stream).tolist() == [octets]
