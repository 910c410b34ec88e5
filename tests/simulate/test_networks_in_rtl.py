"""Whole networks at every level, on both families: the same integers, and the model's cycles."""

import pytest
from support.levels import CASES, case_accelerator, compare_levels

from hwsubnet.kernels import pipeline

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("board", ["Pynq-Z2", "ZCU104"])
@pytest.mark.parametrize("name", CASES)
def test_every_level_gives_the_same_integers(name, board, tmp_path):
    accelerator = case_accelerator(name, board, tmp_path / "network")
    levels = compare_levels(accelerator, CASES[name].frames, tmp_path / "cache")
    assert set(levels.differing.values()) == {0}, levels.differing
    timing = pipeline(levels.target.graph)
    assert levels.run.cycles_per_frame == pytest.approx(timing.cycles_per_frame, rel=0.02)
    assert levels.run.latency == pytest.approx(timing.latency_cycles, rel=0.1)
