import numpy as np
import pytest

from hwsubnet.artifacts import HostAffine
from hwsubnet.errors import ModelError
from hwsubnet.simulate.host import to_integers, to_reals

PIXELS = HostAffine(datatype="UINT8", shape=(1, 2, 3, 4), transpose=(0, 2, 3, 1), scale=(1 / 255,))


def images(count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (count, 4, 2, 3)) / 255).astype(np.float32)


def test_pixels_become_integers_channels_last():
    x = images()
    integers = to_integers(x, PIXELS)
    assert integers.shape == (2, 2, 3, 4)
    assert np.array_equal(integers, np.rint(x * 255).transpose(0, 2, 3, 1))


def test_a_flat_frame_is_read_in_the_models_order():
    x = images()
    assert np.array_equal(to_integers(x.reshape(2, -1), PIXELS), to_integers(x, PIXELS))


def test_zero_point_and_narrow_range():
    host = HostAffine(datatype="INT4", shape=(1, 3), scale=(0.5,), zero_point=2, clip=(-7, 7))
    assert to_integers(np.array([[-4.5, 0.0, 2.5]]), host).tolist() == [[-7, 2, 7]]


def test_outputs_return_to_the_models_units_and_layout():
    host = HostAffine(
        datatype="INT8", shape=(1, 2, 1, 3), transpose=(0, 3, 1, 2), scale=(2, 3, 4), bias=(1,)
    )
    integers = np.arange(12).reshape(2, 2, 1, 3)
    y = to_reals(integers, host)
    assert y.shape == (2, 3, 2, 1)
    assert np.array_equal(y, (integers * [2, 3, 4] + 1).transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (images()[:, :3], r"shape \(2, 3, 2, 3\), the model takes frames of shape \(4, 2, 3\)"),
        (images()[:0], r"shape \(0, 4, 2, 3\)"),
        (np.float32(1), r"shape \(\)"),
        (images() * 255, r"values 0 to 2\d\d leave the model's range 0 to 1; give them in the"),
        (images() - 1, "leave the model's range"),
        (images() + np.nan, "frame 0 of the input holds NaN, which is no number; leave"),
        (images().astype(str), "not of real numbers"),
    ],
    ids=["channels", "none", "scalar", "bytes", "negative", "nan", "text"],
)
def test_what_does_not_fit_is_told(x, message):
    with pytest.raises(ModelError, match=message):
        to_integers(np.asarray(x), PIXELS)
