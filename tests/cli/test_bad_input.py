"""Everything that a user can get wrong: one line with the way out, exit code 2, nothing touched."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from hwsubnet.config import SweepConfig
from hwsubnet.flow.run import open_run

QUICK = {
    "model": {"name": "lenet", "width": 0.25},
    "training": {"dense": {"epochs": 1}, "prune": {"epochs": 2}, "qat": {"epochs": 1}},
}


# --- boards and configs ------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sweep", "estimate"])
def test_an_unknown_board(refused, command) -> None:
    model = ["model.onnx"] if command == "estimate" else []
    told = refused(command, *model, "--board", "Pynq-Z3")
    assert told.startswith("there is no board 'Pynq-Z3'; did you mean Pynq-Z2 or Pynq-Z1?")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "mine.yaml: is not valid YAML"),
        ("- 1", "mine.yaml: must be a mapping"),
        ("name: Mine", "Field required"),
        ("!!python/object/apply:os.system ['touch owned']", "is not valid YAML"),
    ],
)
@pytest.mark.parametrize("what", ["board", "config"])
def test_malformed_yaml(refused, tmp_path, what, text, told) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    if what == "board":
        assert told in refused("sweep", "--board", "mine.yaml")
    elif text == "name: Mine":
        assert "colour: Extra inputs" in _config(refused, tmp_path, {"colour": "red"})
    else:
        assert told in refused("sweep", "mine.yaml")


def _config(refused, folder: Path, tree: dict[str, object]) -> str:
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    return refused("sweep", "mine.yaml")


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"training": {"batch": 0}}, "training.batch: Input should be greater than or equal to 1"),
        ({"name": "../../etc"}, "name: String should match pattern"),
        ({"model": {"name": "gpt"}}, "there is no network 'gpt'"),
        ({"model": "lenet"}, "model: Input should be"),
        ({"data": {"name": "imagenet"}}, "data.name: Input should be 'digits'"),
    ],
    ids=["value", "name that leaves the folder", "network", "not a mapping", "data set"],
)
def test_a_config_that_breaks_a_rule(refused, tmp_path, tree, told) -> None:
    assert told in _config(refused, tmp_path, tree)


@pytest.mark.parametrize("command", ["sweep", "train"])
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("pruning.schedule", "--set: must be a field and its value, not 'pruning.schedule'"),
        ("=1", "--set: must be a field and its value, not '=1'"),
        ("seed=[", "--set: must be a field and its value, not 'seed=['"),
        ("pruning.schedule=random", "pruning.schedule: Input should be 'layerwise'"),
        ("pruning.rule=x", "pruning.rule: Extra inputs are not permitted"),
        ("name.first=x", "name: Input should be a valid string"),
    ],
)
def test_settings(refused, command, setting, told) -> None:
    assert told in refused(command, "--set", setting)


def test_a_missing_config_and_an_unknown_preset(refused) -> None:
    assert "none.yaml: cannot be read (No such file" in refused("sweep", "none.yaml")
    assert refused("sweep", "--preset", "nope").startswith(
        "there is no preset 'nope'; choose one of"
    )


# --- levels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sweep", "train"])
@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ("0,1", "pruning.levels.1: Input should be less than 1, not 1.0"),
        ("-0.5", "pruning.levels.0: Input should be greater than or equal to 0, not -0.5"),
        ("nan", "pruning.levels.0: Input should be"),
        ("0.5,0.5", "a level is named twice"),
        ("half", "--levels: must be numbers with commas between, not 'half'"),
        ("", "--levels: must be numbers with commas between, not ''"),
    ],
)
def test_levels(refused, command, levels, told) -> None:
    assert told in refused(command, f"--levels={levels}")


@pytest.mark.parametrize("command", ["sweep", "train"])
@pytest.mark.parametrize("align", ["0", "65", "-4", "4.5", "AUTO", "fast", ""])
def test_align(refused, command, align) -> None:
    told = refused(command, f"--align={align}")
    assert "pruning.align: must be a whole number from 1 to 64, or auto, not " in told


def test_a_level_that_would_empty_a_layer(refused) -> None:
    told = refused("sweep", "--levels", "0,0.99")
    assert "level 0.99 would remove all" in told
    assert "choose a level below" in told


def test_a_level_that_the_run_does_not_have(refused, tmp_path) -> None:
    told = refused("train", "--sparsity", "0.3")
    assert told.startswith("--sparsity: 0.3 is none of the run's levels (0, 0.25, 0.5, 0.75);")


# --- data --------------------------------------------------------------------------------------


def test_a_missing_data_set(refused, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("data: {name: fashion-mnist}")
    told = refused("sweep", "mine.yaml", "--data", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in told
    assert "dataset-fashion-mnist" in told


# --- models ------------------------------------------------------------------------------------


def _graph(*nodes: onnx.NodeProto, external: str | None = None) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones((8, 4), np.float32), "w")
    if external:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=external)
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
            [weight],
        ),
        opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("nowhere", 1)],
    )


FLOAT = _graph(
    helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])
)
UNKNOWN = _graph(
    helper.make_node("MatMul", ["x", "w"], ["h"]),
    helper.make_node("Frobnicate", ["h"], ["y"], domain="nowhere", name="<b>\n\x1b[31mf"),
)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "model.onnx"),
        (b"\x00\xff" * 500, "model.onnx"),
        (b"just some text\n", "model.onnx"),
        (FLOAT.SerializeToString()[:-40], "model.onnx"),
        (FLOAT.SerializeToString(), "quant"),
        (UNKNOWN.SerializeToString(), ""),
    ],
    ids=["empty", "random bytes", "text", "truncated", "float only", "unknown op"],
)
def test_a_file_that_is_no_quantized_model(refused, tmp_path, content, told) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    answer = refused("estimate", "model.onnx")
    assert told in answer
    assert "\x1b" not in answer


def test_a_model_that_is_not_there_or_is_a_folder(refused, tmp_path) -> None:
    assert "none.onnx" in refused("estimate", "none.onnx")
    assert str(tmp_path) in refused("estimate", tmp_path)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname"])
def test_external_data_does_not_leave_the_models_folder(refused, tmp_path, location) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(np.ones((8, 4), np.float32).tobytes())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    (folder / "model.onnx").write_bytes(_graph(node, external=location).SerializeToString())
    assert location in refused("estimate", folder / "model.onnx")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--fps", "1", "--max-fps"], "--fps and --max-fps exclude each other"),
        (["--fps", "1", "--folding", "f.json"], "--fps and --folding exclude each other"),
        (["--fps", "0"], "hardware.fps: Input should be greater than 0, not 0.0"),
        (["--clock", "-5"], "hardware.clock_mhz: Input should be greater than 0, not -5.0"),
        (["--folding", "none.json"], "none.json: cannot be read"),
    ],
)
def test_options_of_an_accelerator(refused, args, told) -> None:
    assert told in refused("estimate", "model.onnx", *args)


# --- output folders ----------------------------------------------------------------------------


def test_an_output_folder_that_cannot_be_written(refused, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    told = refused("train", "--out", "file/run")
    assert told.startswith("file/run: cannot be written (Not a directory); choose another --out")


def test_results_of_something_else_are_left_alone(refused, tmp_path) -> None:
    (tmp_path / "report.json").write_text("precious")
    assert "holds report.json, but no run.json" in refused("sweep", "--out", ".")


def test_a_run_made_with_another_config(refused, tmp_path) -> None:
    with open_run(SweepConfig(), tmp_path / "run"):
        (tmp_path / "run" / "report.json").write_text("precious")
    told = refused("sweep", "--seed", "7", "--out", "run")
    assert told == (
        "run: this run was made with another config: seed was 0, now 7; "
        "choose another --out, or delete the folder to start over"
    )


def test_a_run_that_is_at_work(refused, tmp_path) -> None:
    with open_run(SweepConfig(), tmp_path / "run"):
        assert "another hwsubnet (process" in refused("sweep", "--out", "run")


def test_no_run_to_export_from(refused) -> None:
    assert refused("export", "nowhere").startswith("nowhere: holds no run; make one with")


def test_a_full_disk(tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(QUICK))

    def no_file_above_8_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    done = subprocess.run(
        [sys.executable, "-m", "hwsubnet", "train", "mine.yaml", "--out", "run", "--json"],
        cwd=tmp_path,
        preexec_fn=no_file_above_8_kb,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("hwsubnet: error: run/")
    assert "cannot be written" in done.stderr
    assert "File too large" in done.stderr
    assert "free space on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    kept = {path.name for path in (tmp_path / "run").iterdir() if not path.name.startswith(".")}
    assert kept == {"run.json"}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["seed"] == 0
