"""scikit-learn's handwritten digits: 1,797 images of 8×8 pixels, on every machine."""

import numpy as np

from hwsubnet.data.splits import Images, Labels, stratified

TEST_SHARE = 0.2


def read_digits(seed: int) -> tuple[Images, Labels, Images, Labels]:
    """Give the digits, a fifth of every class as test images.

    The pixels, 0 to 16 in the original, become round(255/16 · pixel), halves upwards, so that the
    full range of a byte is used as in the other data sets.

    Returns
    -------
    Training images (N, 1, 8, 8) and labels (N,), test images and labels.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    images = ((pixels.astype(np.int64) * 255 + 8) // 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)
    train, test = stratified(labels, TEST_SHARE, seed)
    return images[train], labels[train], images[test], labels[test]
