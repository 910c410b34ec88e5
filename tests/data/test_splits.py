"""Splits are disjoint, stratified and a function of the seed."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from sklearn.datasets import load_digits

from hwsubnet.config import DataConfig
from hwsubnet.data import Augmentation, load_data
from hwsubnet.data.digits import read_digits
from hwsubnet.data.splits import stratified
from hwsubnet.errors import DatasetError, ToolError


@given(
    seed=st.integers(0, 2**31 - 1),
    share=st.floats(0.05, 0.45),
    counts=st.lists(st.integers(25, 60), min_size=2, max_size=6),
)
def test_stratified_divides_every_class_alike(seed, share, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    first, second = stratified(labels, share, seed)
    assert sorted([*first, *second]) == list(range(len(labels)))
    for label, count in enumerate(counts):
        assert abs((labels[second] == label).sum() - share * count) <= 1.5
    again = stratified(labels, share, seed)
    np.testing.assert_array_equal(first, again[0])


def test_stratified_says_when_there_are_too_few():
    with pytest.raises(DatasetError, match=r"data\.train_images"):
        stratified(np.array([0, 0, 0, 1]), 0.5, 0)


def test_the_digits_are_all_there_once():
    splits = load_data(DataConfig(), seed=3)
    parts = [splits.train, splits.validation, splits.test]
    assert [len(part) for part in parts] == [1293, 144, 360]
    assert splits.shape == (1, 8, 8)
    everything = torch.cat([part.images.flatten(1) for part in parts]).numpy()
    original = (load_digits().data.astype(int) * 255 + 8) // 16
    assert sorted(map(bytes, everything)) == sorted(map(bytes, original.astype(np.uint8)))


def test_digits_use_the_full_range_of_a_byte():
    images, *_ = read_digits(0)
    assert set(np.unique(images)) == {(v * 255 + 8) // 16 for v in range(17)}
    assert images.max() == 255


def test_a_seed_gives_one_division():
    one, same, other = (load_data(DataConfig(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.test.images, same.test.images)
    assert torch.equal(one.validation.images, same.validation.images)
    assert not torch.equal(one.validation.images, other.validation.images)


def test_limits_take_the_first_images():
    all_of_it = load_data(DataConfig(), 0)
    some = load_data(DataConfig(train_images=200, test_images=50, augment=False), 0)
    assert len(some.train) + len(some.validation) == 200
    assert torch.equal(some.test.images, all_of_it.test.images[:50])
    assert some.augmentation == Augmentation()
    assert all_of_it.augmentation.padding == 1
    assert not all_of_it.augmentation.flip, "a mirrored digit is not a digit"


def test_cifar_without_torchvision_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ToolError, match=r"pip install 'hwsubnet\[torchvision\]'"):
        load_data(DataConfig(name="cifar10"), 0)


def fake_torchvision(monkeypatch, reader):
    module = ModuleType("torchvision")
    module.datasets = SimpleNamespace(CIFAR10=reader, CIFAR100=reader)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", module)


def test_cifar_is_never_downloaded(monkeypatch, tmp_path):
    def missing(root, train, download):
        assert not download
        raise RuntimeError("Dataset not found or corrupted.")

    fake_torchvision(monkeypatch, missing)
    with pytest.raises(DatasetError, match="CIFAR-100 is missing or damaged") as error:
        load_data(DataConfig(name="cifar100", path=tmp_path), 0)
    assert "download=True" in str(error.value)


def test_cifar_becomes_channels_first(monkeypatch, tmp_path):
    def read(root, train, download):
        count = 200 if train else 20
        data = np.zeros((count, 32, 32, 3), np.uint8)
        data[..., 2] = 7
        return SimpleNamespace(data=data, targets=list(np.arange(count) % 10))

    fake_torchvision(monkeypatch, read)
    splits = load_data(DataConfig(name="cifar10", path=tmp_path), 0)
    assert splits.shape == (3, 32, 32)
    assert (splits.test.images[:, 2] == 7).all()
    assert len(splits.test) == 20
