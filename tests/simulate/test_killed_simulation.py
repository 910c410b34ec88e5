"""A simulation that is killed, or whose parent is, leaves nothing that is taken for a result."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.processes import alive, wait_for_one
from support.rtl_simulation import random_frames

from hwsubnet.errors import ToolError
from hwsubnet.simulate.rtlsim import Traffic, simulate

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from hwsubnet.artifacts import RtlDesign
from hwsubnet.simulate.rtlsim import Target, Traffic, simulate

folder, cache, result = map(Path, sys.argv[1:])
target = Target.accelerator(RtlDesign.load(folder), folder)
(stream,) = target.graph.inputs
frames = {stream.tensor: np.zeros((4, *stream.shape), np.int64)}
run = simulate(target, frames, cache=cache, traffic=Traffic(pace=10**9))
np.save(result, run.outputs)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_killed_simulation_is_told_and_forgotten(linear, cache):
    _, target = linear
    inputs = {stream.tensor: random_frames(stream) for stream in target.graph.inputs}
    expected = simulate(target, inputs, cache=cache).outputs
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(simulate, target, inputs, cache=cache, traffic=Traffic(pace=10**9))
        os.kill(wait_for_one(os.getpid()), signal.SIGKILL)
        with pytest.raises(ToolError, match=r"Vdut was killed by SIGKILL.*all it said is in"):
            endless.result()
    assert not list(cache.glob(".scratch*"))
    again = simulate(target, inputs, cache=cache).outputs
    assert all(np.array_equal(again[name], values) for name, values in expected.items())


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_simulation_does_not_outlive_its_killed_parent(linear, cache, tmp_path):
    _, target = linear
    inputs = {stream.tensor: random_frames(stream) for stream in target.graph.inputs}
    expected = simulate(target, inputs, cache=cache).outputs
    result = tmp_path / "result.npy"
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, target.folder, cache, result])
    child = wait_for_one(parent.pid)
    parent.kill()
    parent.wait()
    while alive(child):
        time.sleep(0.02)
    assert not result.exists()
    again = simulate(target, inputs, cache=cache).outputs
    assert all(np.array_equal(again[name], values) for name, values in expected.items())
