"""Every kernel's schedule agrees with its streams and its cycles, and late words delay it."""

from importlib import import_module

import numpy as np
import pytest

from hwsubnet.kernels import Kernel, make_kernel

OPERATORS = (
    *("accumulate_pool", "concat", "duplicate_streams", "elementwise", "label_select"),
    *("matrix_vector", "padding", "pixel_padding", "pool", "sliding_window", "thresholding"),
    *("upsample", "vector_vector", "width_converter"),
)
KERNELS: dict[str, Kernel] = {
    f"{operator}_{case}": make_kernel(node)
    for operator in OPERATORS
    for case, node in import_module(f"test_{operator}_cosim").CASES.items()
}
FRAMES = 3


def at_once(kernel: Kernel) -> list[np.ndarray]:
    return [np.zeros(FRAMES * stream.words, np.int64) for stream in kernel.inputs]


@pytest.mark.parametrize("name", KERNELS)
def test_a_frame_has_its_words_and_takes_its_cycles(name: str) -> None:
    kernel = KERNELS[name]
    times = kernel.times(at_once(kernel), FRAMES)
    for stream, moved in zip(
        (*kernel.inputs, *kernel.outputs), (*times.taken, *times.given), strict=True
    ):
        assert len(moved) == FRAMES * stream.words
        assert (np.diff(moved) > 0).all(), "one word a cycle"
    for given in times.given:
        ends = given.reshape(FRAMES, -1)[:, -1]
        assert set(np.diff(ends)) == {kernel.cycles}


@pytest.mark.parametrize("name", KERNELS)
def test_a_late_word_delays_what_needs_it_and_nothing_before(name: str) -> None:
    kernel = KERNELS[name]
    before = kernel.times(at_once(kernel), FRAMES)
    arrivals = at_once(kernel)
    late = 10 * FRAMES * kernel.cycles
    arrivals[0][-1] = late
    after = kernel.times(arrivals, FRAMES)
    assert after.taken[0][-1] == late
    for early, delayed in zip(before.given, after.given, strict=True):
        assert (early <= delayed).all()
        assert (delayed[delayed != early] > late).all()
        assert early[0] == delayed[0]
