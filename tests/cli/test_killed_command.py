"""`simulate` killed at several moments: no result, and the next run gives the right one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from support.processes import simulations_of
from support.quantized_networks import exported, images

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
]

FRAMES = 4000
"""Enough that the simulation of the last design takes seconds."""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    np.savez(tmp_path / "x.npz", x=images("mlp", FRAMES))
    (tmp_path / "y.npz").write_text("precious")
    return tmp_path


def start(folder: Path, backend: str = "rtlsim") -> subprocess.Popen[str]:
    """Start `simulate`; what it says goes to pipes."""
    command = [sys.executable, "-m", "hwsubnet", "simulate", exported("mlp"), "--fps", "50000"]
    files = ["--inputs", "x.npz", "--outputs", "y.npz", "--backend", backend]
    return subprocess.Popen(
        [*command, *files],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def designs(folder: Path) -> int:
    """Count the simulations that were built completely."""
    return len(list((folder / "cache").glob("hwsubnet/simulations/*/Vdut")))


MOMENTS: dict[str, Callable[[Path, int], bool]] = {
    "at its start": lambda folder, process: True,
    "while it builds": lambda folder, process: any(
        (folder / "cache").glob("hwsubnet/simulations/.scratch*/built/*")
    ),
    "while it sizes FIFOs": lambda folder, process: designs(folder) == 1,
    "while it simulates": lambda folder, process: (
        designs(folder) == 2 and bool(simulations_of(process))
    ),
}


def test_a_killed_command_leaves_no_result(folder) -> None:
    for moment, reached in MOMENTS.items():
        command = start(folder)
        while not reached(folder, command.pid):
            assert command.poll() is None, f"{moment}: {command.communicate()}"
            time.sleep(0.01)
        command.kill()
        command.communicate()
        assert (folder / "y.npz").read_text() == "precious", moment
    command = start(folder)
    while command.poll() is None:
        for simulation in simulations_of(command.pid):
            with suppress(ProcessLookupError):  # it has ended
                os.kill(simulation, signal.SIGKILL)
        time.sleep(0.01)
    out, err = command.communicate()
    assert command.returncode == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert "Vdut was killed by SIGKILL" in err
    assert (folder / "y.npz").read_text() == "precious"
    outputs = []
    for backend in ("golden", "rtlsim"):
        command = start(folder, backend)
        _, err = command.communicate()
        assert command.returncode == 0, err
        outputs.append(np.load(folder / "y.npz")["y"])
    assert np.array_equal(*outputs)
    assert sorted(path.name for path in folder.iterdir()) == ["cache", "x.npz", "y.npz"]
