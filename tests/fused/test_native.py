"""The kernels are built once, and never in the way of training."""

import ctypes
import logging
import subprocess
import sys

import pytest

from hwsubnet import tools
from hwsubnet.errors import ToolError
from hwsubnet.fused import native

pytestmark = pytest.mark.skipif(native.kernels() is None, reason="no C++ compiler")


@pytest.fixture
def afresh():
    native.kernels.cache_clear()
    yield
    native.kernels.cache_clear()


@pytest.fixture
def quick(monkeypatch):
    """Compile without optimization, which is much faster."""
    monkeypatch.setattr(native, "_FLAGS", (*native._FLAGS, "-O0"))


@pytest.fixture
def commands(monkeypatch):
    """What is run, and run it."""
    told = []
    original = tools.run

    def run(command, **options):
        told.append([str(part) for part in command])
        return original(command, **options)

    monkeypatch.setattr(native.tools, "run", run)
    return told


def compiles(commands):
    return [command for command in commands if "-c" in command]


def test_they_are_compiled_once_for_what_decides(tmp_path, quick, commands, monkeypatch):
    library = native.build(tmp_path)
    assert native.build(tmp_path) == library
    assert len(compiles(commands)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [library.name], "nothing is left behind"
    monkeypatch.setattr(native, "_FLAGS", (*native._FLAGS, "-g0"))
    assert native.build(tmp_path) != library
    assert len(compiles(commands)) == 2


def test_kernels_share_the_openmp_of_pytorch():
    # In a process of its own: other libraries bring an OpenMP, too.
    script = (
        "from hwsubnet.fused import native\n"
        "assert native.kernels() is not None\n"
        "lines = open('/proc/self/maps', encoding='utf-8').read().splitlines()\n"
        "print(*{line.split()[-1] for line in lines if 'libgomp' in line or 'libiomp' in line})"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert len(run.stdout.split()) == 1


def test_a_missing_compiler_is_told_once_in_a_line(afresh, monkeypatch, caplog):
    def missing(name):
        raise ToolError("g++ is not installed", fix="install a C++ compiler")

    monkeypatch.setattr(native.tools, "require", missing)
    with caplog.at_level(logging.WARNING):
        assert native.kernels() is None
        assert native.kernels() is None
    (record,) = caplog.records
    assert record.getMessage() == (
        "training without the compiled kernels, which is slower: "
        "g++ is not installed; install a C++ compiler"
    )


def test_a_compiler_that_fails_is_told(afresh, monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(native, "_FLAGS", ("-no-such-flag",))
    monkeypatch.setattr(native.tools, "cache_folder", lambda name: tmp_path)
    assert native.kernels() is None
    assert "no-such-flag" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told(afresh, monkeypatch, caplog, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(native.tools, "cache_folder", lambda name: tmp_path / "file" / "kernels")
    assert native.kernels() is None
    assert "cannot be written" in caplog.text


def test_a_damaged_library_is_built_again(afresh, quick, monkeypatch, tmp_path):
    monkeypatch.setattr(native.tools, "cache_folder", lambda name: tmp_path)
    native.build(tmp_path).write_bytes(b"not a library")
    assert isinstance(native.kernels(), ctypes.CDLL)
