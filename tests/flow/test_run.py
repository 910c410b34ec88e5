"""A run's folder belongs to one config, one board and one process."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hwsubnet.boards import load_board
from hwsubnet.config import SweepConfig, load_config
from hwsubnet.errors import BoardError, ConfigError, OutputError
from hwsubnet.flow.run import RunRecord, open_run, recorded_config
from hwsubnet.resources import shipped


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_a_new_run_says_what_it_is_made_with(tmp_path) -> None:
    out = tmp_path / "deep" / "run"
    config = load_config(overrides={"seed": 3, "hardware.board": "zcu104"})
    with open_run(config, out) as run:
        assert run.board == load_board("ZCU104")
        assert run.clock_mhz == run.board.clock_mhz
    assert recorded_config(out) == config
    assert RunRecord.load(out).board.part == "xczu7ev-ffvc1156-2-e"


def test_the_configs_clock_wins_over_the_boards(tmp_path) -> None:
    with open_run(load_config(overrides={"hardware.clock_mhz": 50}), tmp_path) as run:
        assert run.clock_mhz == 50


def test_the_same_config_goes_on(tmp_path) -> None:
    with open_run(SweepConfig(), tmp_path):
        (tmp_path / "dense").mkdir()
    before = snapshot(tmp_path)
    with open_run(SweepConfig(), tmp_path):
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("seed", 1, "seed was 0, now 1"),
        ("hardware.board", "ZCU104", "hardware.board was 'Pynq-Z2', now 'ZCU104'"),
        ("hardware.clock_mhz", 50, "hardware.clock_mhz was None, now 50.0"),
        ("pruning.levels", [0.5], "pruning.levels was [0.0, 0.25, 0.5, 0.75], now [0.5]"),
        ("training.qat.epochs", 9, "training.qat.epochs was 3, now 9"),
    ],
)
def test_another_config_is_refused_and_nothing_touched(tmp_path, field, value, told) -> None:
    with open_run(SweepConfig(), tmp_path):
        (tmp_path / "report.json").write_text("{}")
    before = snapshot(tmp_path)
    with (
        pytest.raises(ConfigError) as caught,
        open_run(load_config(overrides={field: value}), tmp_path),
    ):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: this run was made with another config: {told}; "
        "choose another --out, or delete the folder to start over"
    )
    assert snapshot(tmp_path) == before


def test_a_board_file_that_was_edited_makes_another_run(tmp_path) -> None:
    mine = tmp_path / "mine.yaml"
    board = yaml.safe_load((shipped("boards") / "Pynq-Z2.yaml").read_text())
    mine.write_text(yaml.safe_dump(board))
    config = load_config(overrides={"hardware.board": str(mine)})
    with open_run(config, tmp_path / "run"):
        pass
    mine.write_text(yaml.safe_dump(board | {"clock_mhz": 142}))
    with (
        pytest.raises(ConfigError, match=r"board\.clock_mhz was 100\.0, now 142\.0"),
        open_run(config, tmp_path / "run"),
    ):
        pass


def test_an_unknown_board_makes_no_folder(tmp_path) -> None:
    config = load_config(overrides={"hardware.board": "nope"})
    with pytest.raises(BoardError), open_run(config, tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["report.json", "dense/weights", "level-0.5/x"])
def test_results_of_no_known_run_are_not_overwritten(tmp_path, name) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with (
        pytest.raises(OutputError, match=r"but no run\.json .* choose another --out"),
        open_run(SweepConfig(), tmp_path),
    ):
        pass
    assert snapshot(tmp_path) == {name: b"precious"}


def test_a_folder_with_other_files_may_be_used(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with open_run(SweepConfig(), tmp_path):
        assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_damaged_run_record_is_told(tmp_path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with (
        pytest.raises(OutputError, match=r"run\.json: is not a readable run record"),
        open_run(SweepConfig(), tmp_path),
    ):
        pass


def test_a_folder_that_cannot_be_made(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    told = r"file/run: cannot be written \(Not a directory\)"
    with pytest.raises(OutputError, match=told), open_run(SweepConfig(), tmp_path / "file" / "run"):
        pass


def test_no_run_to_go_on_with(tmp_path) -> None:
    with pytest.raises(OutputError, match="holds no run; make one with `hwsubnet train --out`"):
        recorded_config(tmp_path)


HOLD = """
import sys
from pathlib import Path
from hwsubnet.config import SweepConfig
from hwsubnet.flow.run import open_run
with open_run(SweepConfig(), Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


def test_two_processes_do_not_share_a_folder(tmp_path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(OutputError) as caught, open_run(SweepConfig(), tmp_path):
                pass
            assert f"another hwsubnet (process {other.pid}) works in it" in str(caught.value)
        finally:
            other.kill()
    with open_run(SweepConfig(), tmp_path):  # the lock went with the process
        pass
