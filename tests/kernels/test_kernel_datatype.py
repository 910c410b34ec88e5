import numpy as np
import pytest
from hypothesis import given, strategies as st

from hwsubnet.errors import ModelError
from hwsubnet.kernels.datatype import DataType, cast

NAMES = ["BINARY", "BIPOLAR", "TERNARY", *(f"{s}INT{b}" for s in ("", "U") for b in range(2, 33))]


@pytest.mark.parametrize("name", NAMES)
def test_range_is_qonnx_s(name: str) -> None:
    from qonnx.core.datatype import DataType as QonnxType

    ours, theirs = DataType.parse(name), QonnxType[name]
    assert ours.bits == theirs.bitwidth()
    if name != "TERNARY":  # two bits can hold -2, which QONNX leaves out
        assert (ours.min, ours.max) == (theirs.min(), theirs.max())


@pytest.mark.parametrize("name", ["FLOAT32", "FIXED<8,4>", "INT0", "UINT65", "int8", "INT8\n", ""])
def test_other_types_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="is not an integer of 1 to 64 bits"):
        DataType.parse(name)


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_holding_is_the_narrowest(low: int, span: int) -> None:
    high = min(low + span, 2**62)
    found = DataType.holding(low, high)
    assert found.min <= low
    assert found.max >= high
    if found.bits > 1:
        narrower = DataType(found.bits - 1, found.signed)
        assert narrower.min > low or narrower.max < high


@given(st.sampled_from(NAMES), st.data())
def test_codes_decode_and_fit_their_container(name: str, data: st.DataObject) -> None:
    datatype = DataType.parse(name)
    value = data.draw(st.sampled_from((datatype.min, datatype.max)))
    values = np.array([value])
    codes = datatype.encode(values)
    assert datatype.allows(values)
    assert codes.astype(datatype.container) == codes
    assert datatype.decode(codes) == values
    assert not datatype.allows(np.array([datatype.max + 1]))


def test_bipolar_has_no_zero() -> None:
    assert not DataType.parse("BIPOLAR").allows(np.array([0]))


def test_fractions_are_not_rounded() -> None:
    with pytest.raises(ModelError, match="weights are not integers"):
        cast(np.array([1.0, 0.5]), "weights", "MVAU_0")
