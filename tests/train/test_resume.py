"""Stopped anywhere, a training goes on and ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from safetensors import safe_open
from tiny_training import Stopped, files, tiny

from hwsubnet.errors import ConfigError
from hwsubnet.models import build
from hwsubnet.train import stages, train_dense, train_level
from hwsubnet.train.run import CHECKPOINT


@pytest.fixture(scope="module")
def level(config, dense, tmp_path_factory):
    folder = tmp_path_factory.mktemp("level")
    train_level(config, *dense, 0.5, folder)
    return files(folder)


# 10 steps an epoch, a checkpoint each step: 20 of pruning, then 20 of quantization-aware training.
# Layerwise windows: 2-4, 5-7, 8-10, 11-13; activations are quantized from step 0 of QAT (0.05
# epochs), weights from step 5.
@pytest.mark.parametrize(
    "stops",
    [(1,), (4,), (10,), (14,), (20,), (21,), (25,), (26,), (40,), (3, 6, 9, 12)],
    ids=lambda stops: "-".join(map(str, stops)),
)
def test_a_level_stopped_and_resumed_ends_the_same(dense, level, stops, stop_after, tmp_path):
    config = tiny(training={"checkpoint_every": 1})
    for stop in stops:
        stop_after(stop)
        with pytest.raises(Stopped):
            train_level(config, *dense, 0.5, tmp_path)
        assert list(files(tmp_path)) == [CHECKPOINT]
    train_level(config, *dense, 0.5, tmp_path)
    assert files(tmp_path) == level


def test_unstructured_zeros_are_resumed_in_either_phase(dense, stop_after, tmp_path):
    config = tiny(pruning={"schedule": "unstructured"}, training={"checkpoint_every": 1})
    train_level(config, *dense, 0.5, tmp_path / "whole")
    for stop in (7, 18):  # between two of the five steps, then in quantization-aware training
        stop_after(stop)
        with pytest.raises(Stopped):
            train_level(config, *dense, 0.5, tmp_path / "part")
    train_level(config, *dense, 0.5, tmp_path / "part")
    assert files(tmp_path / "part") == files(tmp_path / "whole")


def test_a_checkpoint_that_is_not_of_the_last_step_is_enough(dense, level, stop_after, tmp_path):
    config = tiny(training={"checkpoint_every": 7})
    stop_after(4)  # after step 20, the end of the phase
    with pytest.raises(Stopped):
        train_level(config, *dense, 0.5, tmp_path)
    train_level(config, *dense, 0.5, tmp_path)
    assert files(tmp_path) == level


def test_resuming_is_exact_in_bfloat16_too(dense, stop_after, tmp_path):
    config = tiny(training={"arithmetic": "bfloat16", "checkpoint_every": 13})
    train_level(config, *dense, 0.5, tmp_path / "whole")
    for _ in range(2):  # in the last window of pruning, then in quantization-aware training
        stop_after(1)
        with pytest.raises(Stopped):
            train_level(config, *dense, 0.5, tmp_path / "resumed")
    train_level(config, *dense, 0.5, tmp_path / "resumed")
    assert files(tmp_path / "resumed") == files(tmp_path / "whole")


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny_training import tiny
from hwsubnet.train import train_dense
train_dense(tiny(training={{"checkpoint_every": 1}}), Path({out!r}))
"""


def test_killed_it_goes_on_and_ends_the_same(config, dense, tmp_path):
    script = KILLED.format(tests=str(Path(__file__).parent), out=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        for _ in range(1200):
            if (tmp_path / CHECKPOINT).exists() or process.poll() is not None:
                break
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
    _, told = process.communicate()
    assert process.returncode == -signal.SIGKILL, told.decode()
    assert (tmp_path / CHECKPOINT).exists(), told.decode()
    assert not (tmp_path / "trained.json").exists(), "it was over before it could be killed"
    for leftover in tmp_path.glob(".*"):  # of a write that was cut short
        leftover.unlink()
    train_dense(config, tmp_path)
    assert files(tmp_path) == files(dense[1])


def test_every_file_is_safetensors_or_json(config, dense, stop_after, tmp_path):
    stop_after(2)
    with pytest.raises(Stopped):
        train_level(tiny(training={"checkpoint_every": 18}), *dense, 0.5, tmp_path)
    for path in [*tmp_path.iterdir(), *dense[1].iterdir()]:
        assert not zipfile.is_zipfile(path)
        if path.suffix == ".json":
            json.loads(path.read_text())
        else:
            with safe_open(path, "pt") as file:
                assert file.keys()


def test_a_checkpoint_of_another_recipe_is_refused(dense, stop_after, tmp_path):
    stop_after(1)
    with pytest.raises(Stopped):
        train_level(tiny(), *dense, 0.5, tmp_path)
    before = files(tmp_path)
    other = tiny(training={"qat": {"epochs": 3}})
    with pytest.raises(ConfigError, match=r"of another recipe.*choose another --out"):
        train_level(other, *dense, 0.5, tmp_path)
    with pytest.raises(ConfigError, match="of another recipe"):
        train_level(tiny(), *dense, 0.25, tmp_path)
    assert files(tmp_path) == before


def test_a_checkpoint_of_a_network_that_has_changed_is_refused(stop_after, monkeypatch, tmp_path):
    stop_after(1)
    with pytest.raises(Stopped):
        train_dense(tiny(), tmp_path)

    def wider(spec):
        return build(spec.model_copy(update={"width": 1.0}))

    monkeypatch.setattr(stages, "build", wider)  # as a later version may
    with pytest.raises(ConfigError, match="of another recipe, data set or version"):
        train_dense(tiny(), tmp_path)


def test_a_damaged_checkpoint_is_told_and_started_over(dense, level, stop_after, tmp_path, caplog):
    stop_after(1)
    with pytest.raises(Stopped):
        train_level(tiny(), *dense, 0.5, tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-5])
    train_level(tiny(), *dense, 0.5, tmp_path)
    assert "is not a readable checkpoint" in caplog.text
    assert "from its start" in caplog.text
    assert files(tmp_path) == level


def test_how_often_checkpoints_are_written_may_change(dense, level, stop_after, tmp_path):
    stop_after(1)
    with pytest.raises(Stopped):
        train_level(tiny(training={"checkpoint_every": 3}), *dense, 0.5, tmp_path)
    train_level(tiny(training={"checkpoint_every": 11}), *dense, 0.5, tmp_path)
    assert files(tmp_path) == level
