import math

import numpy as np
import pytest
from support.dataflow import Builder
from support.rtl_simulation import emitter, random_frames

from hwsubnet.finn_adapter.session import initialize
from hwsubnet.kernels import pipeline
from hwsubnet.simulate.rtlsim import simulate

initialize()


def few_words():
    """Frames of one or two windows or pixels, and the least window that comes word by word."""
    net = Builder()
    windows = [net.windows(net.input((1, 3, w, 2)), simd=2, parallel=True) for w in (3, 4)]
    windows.append(net.windows(net.input((1, 1, 3, 1)), kernel=1, stride=(1, 2)))
    windows.append(net.windows(net.input((1, 2, 1, 1)), kernel=(2, 1)))
    return net.model(*windows)


def test_frames_of_few_words_are_windows_too(tmp_path):
    target = emitter(few_words(), tmp_path)({})
    frames = {stream.tensor: random_frames(stream) for stream in target.graph.inputs}
    expected = target.graph.run(frames)
    run = simulate(target, frames, cache=tmp_path)
    assert run.cycles_per_frame == pipeline(target.graph).cycles_per_frame
    for tensor, values in run.outputs.items():
        assert np.array_equal(values, expected[tensor])


def test_finn_needs_the_mend(tmp_path, monkeypatch):
    from finn.custom_op.fpgadataflow.rtl import convolutioninputgenerator_rtl as generator

    monkeypatch.setattr(generator, "math", math)
    with pytest.raises(ValueError, match="math domain error"):
        emitter(few_words(), tmp_path)({})
