"""Folders of images: pairs, sizes, classes, and nothing from outside."""

import numpy as np
import pytest
import torch
from PIL import Image

from hwsubnet.config import DataConfig
from hwsubnet.data import Augmentation, Split, augment, batches, load_data
from hwsubnet.data.folders import read_cityscapes, read_segmentation, read_unpaired
from hwsubnet.errors import ConfigError, DatasetError


def save(path, pixels, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    (picture.convert(mode) if mode else picture).save(path)


def shade(value, size=(8, 8)):
    return np.full((*size, 3), value, np.uint8)


def plain(folder, count=6):
    """Image k of a split has the shade 10 k and the class k % 3."""
    for split in ("train", "test"):
        for k in range(count):
            save(folder / "images" / split / "deep" / f"{k}.png", shade(10 * k))
            save(folder / "labels" / split / "deep" / f"{k}.png", np.full((8, 8), k % 3))
    return folder


def test_images_and_labels_of_one_name_belong_together(tmp_path):
    images, labels, test_images, _ = read_segmentation(plain(tmp_path), (8, 8), 3)
    assert images.shape == test_images.shape == (6, 3, 8, 8)
    assert labels.shape == (6, 8, 8)
    for image, label in zip(images, labels, strict=True):
        assert (label == image[0, 0, 0] // 10 % 3).all()


def test_labels_keep_their_classes_when_they_are_scaled(tmp_path):
    half = np.zeros((8, 8), np.uint8)
    half[:, 4:] = 2
    plain(tmp_path)
    save(tmp_path / "labels/train/deep/0.png", half)
    save(tmp_path / "images/train/deep/0.png", np.repeat(half[..., None] * 100, 3, 2))
    images, labels, *_ = read_segmentation(tmp_path, (16, 24), 3)
    assert images.shape == (6, 3, 16, 24)
    assert set(np.unique(labels[0])) == {0, 2}
    assert len(np.unique(images[0])) > 2, "images are smoothed"


def test_a_palette_is_of_no_matter(tmp_path):
    plain(tmp_path)
    picture = Image.fromarray(np.full((8, 8), 2, np.uint8), "P")
    picture.putpalette([9, 9, 9, 200, 0, 0, 0, 77, 0])
    picture.save(tmp_path / "labels/train/deep/0.png")
    _, labels, *_ = read_segmentation(tmp_path, (8, 8), 3)
    assert (labels[0] == 2).all()


def test_cityscapes_is_read_as_it_is_unpacked(tmp_path):
    ids = np.zeros((4, 8), np.uint8)  # unlabeled
    ids[0], ids[1] = 7, 33  # road is the first class, bicycle the last
    for split, city in (("train", "aachen"), ("val", "bonn")):
        name = f"{city}_000000_000019"
        save(tmp_path / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", shade(7, (4, 8)))
        save(tmp_path / "gtFine" / split / city / f"{name}_gtFine_labelIds.png", ids)
        save(tmp_path / "gtFine" / split / city / f"{name}_gtFine_color.png", shade(1, (4, 8)))
    _, labels, _, test_labels = read_cityscapes(tmp_path, (4, 8))
    assert [set(row) for row in labels[0].tolist()] == [{0}, {18}, {255}, {255}]
    assert np.array_equal(labels, test_labels)


def test_two_styles_have_their_own_numbers(tmp_path):
    for name, count in (("trainA", 3), ("trainB", 2), ("testA", 2), ("testB", 4)):
        for k in range(count):
            save(tmp_path / name / f"{k}.{'jpg' if k % 2 else 'png'}", shade(k, (20, 30)))
    a, b, test_a, test_b = read_unpaired(tmp_path, (12, 12), (8, 8))
    assert a.shape == (3, 3, 12, 12)
    assert b.shape == (2, 3, 12, 12)
    assert (test_a.shape, test_b.shape) == ((2, 3, 8, 8), (4, 3, 8, 8))


def broken_label(folder):
    (folder / "labels/train/deep/3.png").unlink()
    return "labels/train/deep/3.png", "cannot be read as an image"


def cut_image(folder):
    path = folder / "images/train/deep/2.png"
    path.write_bytes(path.read_bytes()[:40])
    return "images/train/deep/2.png", "cannot be read as an image"


def other_format(folder):
    Image.fromarray(shade(1)).save(folder / "images/train/deep/2.png", "GIF")
    return "images/train/deep/2.png", "cannot be read as an image"


def colours(folder):
    save(folder / "labels/train/deep/1.png", shade(1))
    return "labels/train/deep/1.png", "holds pixels of the kind RGB"


def class_3(folder):
    save(folder / "labels/test/deep/5.png", np.full((8, 8), 3))
    return "labels/test/deep/5.png", "holds the label 3; the classes are 0 to 2"


def nothing(folder):
    for path in (folder / "images/test").rglob("*.png"):
        path.unlink()
    return "images/test", "holds no images"


def link_out(folder):
    outside = folder.parent / "secret.png"
    save(outside, shade(3))
    path = folder / "images/train/deep/0.png"
    path.unlink()
    path.symlink_to(outside)
    return "images/train/deep/0.png", "leads out of the data set's folder"


def labels_link_out(folder):
    outside = folder.parent / "labels.png"
    save(outside, np.zeros((8, 8)))
    path = folder / "labels/train/deep/0.png"
    path.unlink()
    path.symlink_to(outside)
    return "labels/train/deep/0.png", "leads out of the data set's folder"


@pytest.mark.parametrize(
    "damage",
    [broken_label, cut_image, other_format, colours, class_3, nothing, link_out, labels_link_out],
    ids=lambda damage: damage.__name__,
)
def test_damage_is_one_error_that_names_the_file(tmp_path, damage):
    folder = plain(tmp_path / "data")
    where, told = damage(folder)
    with pytest.raises(DatasetError, match=told) as caught:
        read_segmentation(folder, (8, 8), 3)
    assert str(folder / where) in str(caught.value)


def test_a_link_within_the_folder_is_followed(tmp_path):
    folder = plain(tmp_path)
    (folder / "images/train/deep/0.png").unlink()
    (folder / "images/train/deep/0.png").symlink_to(folder / "images/train/deep/3.png")
    images, *_ = read_segmentation(folder, (8, 8), 3)
    assert (images[0] == 30).all()


def styles(folder, count_a=11, count_b=5):
    for name, count in (("trainA", count_a), ("trainB", count_b), ("testA", 2), ("testB", 2)):
        for k in range(count):
            save(folder / name / f"{k:02}.png", shade(10 * k + (1 if name[-1] == "B" else 0)))
    return DataConfig(name="unpaired", path=folder, size=(8, 8), validation=0.2, augment=False)


def test_the_rarer_style_is_gone_through_again_in_an_order_of_its_own(tmp_path):
    splits = load_data(styles(tmp_path), 0)
    assert (len(splits.train.images), len(splits.train.labels)) == (9, 3)
    assert (len(splits.validation.images), len(splits.validation.labels)) == (2, 2)
    shown = [(a[0, 0, 0, 0].item(), b[0, 0, 0, 0].item()) for a, b in
             batches(splits.train, 1, seed=0, epoch=0)]  # fmt: skip
    first, second = zip(*shown, strict=True)
    assert len(set(first)) == 9
    assert len(set(second)) == 3
    assert {b % 10 for b in second} == {1}
    other = [b[0, 0, 0, 0].item() for _, b in batches(splits.train, 1, seed=0, epoch=1)]
    assert list(second) != other
    rest = [b[0, 0, 0, 0].item() for _, b in batches(splits.train, 1, seed=0, epoch=1, first=4)]
    assert rest == other[4:]


def test_training_images_are_cropped_at_random_and_validation_in_the_middle(tmp_path):
    ramp = np.arange(16, dtype=np.uint8)
    for name in ("trainA", "trainB", "testA", "testB"):
        for k in range(4):
            save(tmp_path / name / f"{k}.png", np.tile(ramp[:, None, None], (1, 16, 3)))
    config = DataConfig(name="unpaired", path=tmp_path, size=(16, 16), crop=(8, 8))
    splits = load_data(config, 0)
    assert splits.shape == (3, 8, 8)
    assert splits.validation.images[0, 0, :, 0].tolist() == list(range(4, 12))
    (images, others), = batches(
        splits.train, 2, seed=0, epoch=0, augmentation=splits.augmentation
    )  # fmt: skip
    assert images.shape == others.shape == (2, 3, 8, 8)
    for image in (*images, *others):
        rows = image[0, :, 0].tolist()
        assert rows == list(range(rows[0], rows[0] + 8))


def test_a_map_is_mirrored_with_its_image():
    images = torch.randint(256, (20, 3, 5, 6), dtype=torch.uint8)
    split = Split(images, images[:, 0].clone())
    seen = 0
    for shown, labels in batches(split, 5, seed=0, epoch=0, augmentation=Augmentation(flip=True)):
        assert torch.equal(shown[:, 0], labels)
        seen += sum(not any(torch.equal(one, other) for other in images) for one in shown)
    assert 3 < seen < 17, "some are mirrored, some are not"


def test_a_turn_moves_pixels_about_the_centre_and_keeps_the_image_upright_at_0():
    image = torch.zeros(200, 1, 9, 9, dtype=torch.uint8)
    image[:, :, 4, 8] = 255
    turned = augment(image, Augmentation(rotation=90), np.random.default_rng(0))
    places = {tuple(place) for place in (turned[:, 0] == 255).nonzero()[:, 1:].tolist()}
    assert {(4, 8), (0, 4), (8, 4)} <= places
    assert all(column >= 4 for _, column in places)
    assert all(3.2 < np.hypot(row - 4, column - 4) < 4.8 for row, column in places)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (DataConfig(name="cityscapes"), "data.path: cityscapes has no usual place"),
        (DataConfig(name="segmentation", path="x", classes=2), "data.size: is needed"),
        (DataConfig(name="segmentation", path="x", size=(8, 8)), "data.classes: is needed"),
        (DataConfig(name="unpaired", path="x"), "data.size: is needed"),
    ],
    ids=["path", "size", "classes", "unpaired"],
)
def test_what_a_folder_does_not_tell_the_config_must(config, told):
    with pytest.raises(ConfigError, match=told):
        load_data(config, 0)
