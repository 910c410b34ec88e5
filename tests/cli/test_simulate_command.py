import json
from pathlib import Path

import numpy as np
import pytest
from support.quantized_networks import exported, images
from typer.testing import CliRunner

from hwsubnet.cli import app
from hwsubnet.errors import BadInput, ModelError

FRAMES = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    np.savez(folder / "x.npz", x=images("mlp", FRAMES))
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


def simulate(*options: str):
    arguments = ["simulate", str(exported("mlp")), "--board", "Pynq-Z2", "--fps", "50000"]
    run = CliRunner().invoke(app, [*arguments, *options, "--json"])
    if run.exception and not isinstance(run.exception, SystemExit):
        raise run.exception
    return run


def test_three_backends_give_the_same(folder):
    results, outputs = {}, {}
    for backend in ("golden", "cppsim", "rtlsim"):
        file = folder / f"{backend}.npz"
        run = simulate(
            *("--inputs", str(folder / "x.npz"), "--outputs", str(file), "--backend", backend),
        )
        assert run.exit_code == 0
        results[backend] = json.loads(run.stdout)
        outputs[backend] = np.load(file)["y"]
    for backend, result in results.items():
        assert result["simulation"]["backend"] == backend
        assert result["simulation"]["frames"] == FRAMES
        assert result["simulation"]["mismatches"] == 0
        assert np.array_equal(outputs[backend], outputs["golden"])
    assert outputs["golden"].shape[0] == FRAMES
    assert results["golden"]["simulation"]["cycles"] is None
    assert results["cppsim"]["simulation"]["stalls"] is None
    watched = results["rtlsim"]["simulation"]
    assert set(watched["stalls"]) == {node["node"] for node in results["rtlsim"]["nodes"]}
    assert max(watched["fullest"].values()) > 0
    assert all(0 <= n < watched["cycles"] for s in watched["stalls"].values() for n in s.values())
    assert results["rtlsim"]["simulation"]["cycles"] > results["rtlsim"]["latency_cycles"] > 0


def test_wrong_units_are_told_before_anything_is_built(folder):
    np.savez(folder / "bytes.npz", x=255 * images("mlp", 1))
    with pytest.raises(ModelError, match="leave the model's range"):
        simulate("--inputs", str(folder / "bytes.npz"), "--backend", "rtlsim")


def test_an_archive_without_x(folder):
    np.savez(folder / "other.npz", images=images("mlp", 1))
    with pytest.raises(BadInput, match="holds no array x, only images"):
        simulate("--inputs", str(folder / "other.npz"))


def test_a_file_that_is_no_archive(folder):
    (folder / "text.npz").write_text("x")
    with pytest.raises(BadInput, match=r"is not a readable \.npz file"):
        simulate("--inputs", str(folder / "text.npz"))


def test_pickled_objects_are_refused(folder):
    np.savez(folder / "objects.npz", x=np.array([{}], dtype=object))
    with pytest.raises(BadInput, match=r"is not a readable \.npz file"):
        simulate("--inputs", str(folder / "objects.npz"))
