"""Batches and augmentation depend on (seed, epoch, step) alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from hwsubnet.data import Augmentation, Split, augment, batches, steps_per_epoch, to_real
from hwsubnet.errors import ConfigError

CROP_AND_FLIP = Augmentation(padding=2, flip=True)


def numbered(count: int, size: int = 4) -> Split:
    """Images whose pixels tell which image and which place they are from."""
    pixels = torch.arange(count * size * size, dtype=torch.int64) % 255 + 1
    return Split(pixels.to(torch.uint8).reshape(count, 1, size, size), torch.arange(count))


def epoch(split: Split, **options):
    return list(batches(split, 8, **{"seed": 5, "epoch": 2, **options}))


def same(one, other) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_an_epoch_sees_every_image_at_most_once():
    seen = torch.cat([labels for _, labels in epoch(numbered(30))])
    assert len(seen) == 24
    assert len(set(seen.tolist())) == 24


def test_images_keep_their_labels():
    split = numbered(30)
    for images, labels in epoch(split):
        assert torch.equal(images, split.images[labels])


@pytest.mark.parametrize("change", [{"seed": 6}, {"epoch": 3}])
def test_order_changes_with(change):
    assert not same(epoch(numbered(32)), epoch(numbered(32), **change))


@given(first=st.integers(0, 4))
def test_a_resumed_epoch_goes_on_with_the_same_batches(first):
    split = numbered(32)
    whole = epoch(split, augmentation=CROP_AND_FLIP)
    assert same(whole[first:], epoch(split, augmentation=CROP_AND_FLIP, first=first))


def test_ranks_together_see_what_one_alone_sees():
    split = numbered(32)
    whole = epoch(split, augmentation=CROP_AND_FLIP)
    parts = [epoch(split, augmentation=CROP_AND_FLIP, rank=r, ranks=2) for r in range(2)]
    for (images, _), (even, _), (odd, _) in zip(whole, *parts, strict=True):
        assert torch.equal(images[0::2], even)
        assert torch.equal(images[1::2], odd)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ConfigError, match="a batch of 64 is larger than the 30 training images"):
        steps_per_epoch(numbered(30), 64)


@given(
    seed=st.integers(0, 2**32),
    padding=st.integers(0, 3),
    flip=st.booleans(),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
)
def test_augmentation_is_a_crop_of_the_padded_image_or_of_its_mirror(seed, padding, flip, shape):
    images = torch.from_numpy(np.random.default_rng(seed).integers(1, 256, shape, np.uint8))
    changed = augment(images, Augmentation(padding, flip), np.random.default_rng(seed))
    assert changed.shape == images.shape
    height, width = shape[2:]
    for before, after in zip(images, changed, strict=True):
        padded = np.pad(before.numpy(), [(0, 0), (padding, padding), (padding, padding)])
        sources = [padded, padded[:, :, ::-1]] if flip else [padded]
        crops = [
            source[:, y : y + height, x : x + width]
            for source in sources
            for y in range(2 * padding + 1)
            for x in range(2 * padding + 1)
        ]
        assert any(np.array_equal(after.numpy(), crop) for crop in crops)


def test_augmentation_reaches_every_offset_and_both_mirrors():
    image = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    image[0, 0, 2, 1] = 255
    changed = augment(
        image.expand(2000, -1, -1, -1), Augmentation(1, True), np.random.default_rng(0)
    )
    places = {tuple(place) for place in (changed[:, 0] == 255).nonzero()[:, 1:].tolist()}
    assert places == {(y, x) for y in (1, 2, 3) for x in (0, 1, 2, 3, 4)}


def test_augmentation_is_channels_last():
    changed = augment(
        torch.ones(4, 3, 6, 6, dtype=torch.uint8), CROP_AND_FLIP, np.random.default_rng(0)
    )
    assert changed.is_contiguous(memory_format=torch.channels_last)


def test_real_units_are_pixels_over_255():
    pixels = torch.arange(256, dtype=torch.uint8)
    np.testing.assert_array_equal(to_real(pixels), (np.arange(256) / np.float32(255)).astype("f4"))
