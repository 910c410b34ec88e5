"""The IDX parser takes what its header says, exactly, and names what is wrong otherwise."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hwsubnet.data.idx import FASHION_MNIST, read_fashion_mnist, read_idx
from hwsubnet.errors import DatasetError


def idx(array: np.ndarray, kind: int = 0x08) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.tobytes()


def write_parts(
    folder: Path, *, images: np.ndarray | None = None, labels: np.ndarray | None = None
):
    images = np.zeros((3, 28, 28), np.uint8) if images is None else images
    labels = np.arange(3, dtype=np.uint8) if labels is None else labels
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))


@given(array=arrays(np.uint8, array_shapes(max_dims=3, max_side=6)), zipped=st.booleans())
def test_reads_back_what_was_written(tmp_path_factory, array, zipped):
    path = tmp_path_factory.mktemp("idx") / ("x.gz" if zipped else "x")
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    np.testing.assert_array_equal(read_idx(path), array)


GOOD = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file"),
        (b"\x01\x00" + GOOD[2:], "is not an IDX file"),
        (idx(np.zeros(3, np.uint8), kind=0x0D), "only bytes (0x08) are read"),
        (GOOD[:9], "ends inside its header"),
        (GOOD[:-1], "promises 12 bytes of data, it holds only 11"),
        (GOOD + b"\0", "promises 12 bytes of data, it holds more"),
        (struct.pack(">BBBB2I", 0, 0, 8, 2, 2**31, 2**31), "header that promises"),
    ],
    ids=["empty", "magic", "floats", "header", "short", "long", "huge"],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    path = tmp_path / "x-ubyte"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as error:
        read_idx(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "content", [gzip.compress(GOOD)[:-9], b"plain text", GOOD], ids=["cut", "text", "unzipped"]
)
def test_a_damaged_gzip_is_named(tmp_path, content):
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_idx(path)


def test_reads_a_folder_of_plain_and_zipped_files(tmp_path):
    write_parts(tmp_path)
    images, labels, test_images, _ = read_fashion_mnist(tmp_path)
    assert images.shape == test_images.shape == (3, 1, 28, 28)
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"images": np.zeros((3, 28, 27), np.uint8)}, "not images of 28 by 28"),
        ({"labels": np.zeros(4, np.uint8)}, "labels of shape (4,) for 3 images"),
        ({"labels": np.array([1, 2, 10], np.uint8)}, "holds the label 10"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, parts, message):
    write_parts(tmp_path, **parts)
    with pytest.raises(DatasetError) as error:
        read_fashion_mnist(tmp_path)
    assert message in str(error.value)


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    with pytest.raises(DatasetError) as error:
        read_fashion_mnist(tmp_path)
    assert "dataset-fashion-mnist" in str(error.value)
    assert "--data DIR" in str(error.value)


@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_the_published_test_set():
    images, labels, test_images, test_labels = read_fashion_mnist()
    assert images.shape == (60_000, 1, 28, 28)
    assert test_images.shape == (10_000, 1, 28, 28)
    assert np.bincount(labels).tolist() == [6000] * 10
    assert np.bincount(test_labels).tolist() == [1000] * 10
    assert labels[:5].tolist() == [9, 0, 0, 3, 0]
