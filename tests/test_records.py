"""Files that are written at once or not at all, and folders that do not stay."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwsubnet import records
from hwsubnet.errors import OutputError
from hwsubnet.records import check_writable, replacing, scratch_folder

HOLD = """
import sys, time
from pathlib import Path
from hwsubnet.records import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def at_once(monkeypatch) -> None:
    """A fresh folder of another process is looked at right away."""
    monkeypatch.setattr(records, "_UNLOCKED_SECONDS", -1)


def _holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.usefixtures("at_once")
def test_what_a_killed_process_left_goes_with_the_next_use(tmp_path) -> None:
    _end(_holder(tmp_path))
    (left,) = tmp_path.iterdir()
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
        assert folder != left
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("at_once")
def test_what_another_process_uses_stays(tmp_path) -> None:
    process = _holder(tmp_path)
    (used,) = tmp_path.iterdir()
    try:
        with scratch_folder(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == [used]
        assert (used / "half").read_text() == "half"
    finally:
        _end(process)


def test_a_kill_while_a_file_is_written_leaves_the_old_one(tmp_path) -> None:
    target = tmp_path / "y"
    target.write_text("old")
    child = os.fork()
    if child == 0:
        with replacing(target) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "told"),
    [("folder", "Is a directory"), ("file/y", "Not a directory"), ("file/a/y", "Not a directory")],
)
def test_a_place_that_cannot_be_written_is_told_and_not_touched(tmp_path, name, told) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=rf"{name}: cannot be written \({told}\); choose another"):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "new" / "er" / "y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
