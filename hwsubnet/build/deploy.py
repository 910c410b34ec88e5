"""A package on a board, over ssh: copied, checked against its golden vectors, measured."""

import json
import re
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

from hwsubnet import tools
from hwsubnet.artifacts import Record
from hwsubnet.build.tcl import MISSING
from hwsubnet.errors import ConfigError, DeviceError, Mismatch, ToolError

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]*")
_FOLDER = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
# No password is asked for: a script would wait for it for ever.
_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20")
_EXIT = re.compile(r"^HWSUBNET_EXIT (\d+)$", re.MULTILINE)
_ERROR = re.compile(r"^hwsubnet: error: (.*)$", re.MULTILINE)


class Target(Record):
    """Where a package goes, and how it is run there."""

    host: str
    """As ssh takes it."""
    folder: str | None = None
    """On the board, relative to the user's home; ``hwsubnet/NAME`` if not given."""
    python: str = "python3"
    """Command that starts PYNQ's Python there, in a login shell."""
    ssh_config: Path | None = None
    """Instead of the user's own."""


class Deployed(Record):
    """What the board answered."""

    host: str
    folder: str
    checked: int
    """Golden frames, all of them right."""
    measured: dict[str, float]
    """As of the driver's `benchmark`; empty if it was not asked for."""


def deploy(package: Path, target: Target, *, frames: int = 1000) -> Deployed:
    """Copy a complete package to a board, and run its golden vectors there.

    The copy takes the place of an earlier one only when it is complete.

    Parameters
    ----------
    package
        Folder that `hwsubnet build` made.
    target
        The board.
    frames
        To measure with; 0: do not.

    Raises
    ------
    ConfigError
        If the host or the folder cannot be one.
    DeviceError
        If the package is not complete, or the driver fails on the board.
    Mismatch
        If the board gives other outputs than the golden ones.
    ToolError
        If ssh is missing, or the board cannot be reached.
    """
    name = _complete(package)
    folder = target.folder or f"hwsubnet/{name}"
    if not _HOST.fullmatch(target.host):
        raise ConfigError(f"{target.host!r} is no host for ssh", where="--host")
    if not _FOLDER.fullmatch(folder) or ".." in Path(folder).parts:
        raise ConfigError(f"{folder!r} is no folder that is safe to replace", where="--folder")
    tools.require_all("ssh", "scp")
    with TemporaryDirectory(prefix="hwsubnet-") as scratch:
        session = _Session(target, Path(scratch))
        fresh, old, there = (shlex.quote(folder + suffix) for suffix in (".new", ".old", ""))
        session.command(f"rm -rf {fresh} {old} && mkdir -p $(dirname {there})")
        session.copy(package, f"{folder}.new")
        session.command(
            f"if [ -e {there} ]; then mv {there} {old}; fi && mv {fresh} {there} && rm -rf {old}"
        )
        run = f"{target.python} -m hwsubnet.driver {shlex.quote(name)}.bit --frames {frames:d}"
        inner = f"cd {there} && {run}; echo HWSUBNET_EXIT $?"
        said = session.command(f"bash -lc {shlex.quote(inner)}")
    return _answer(said, target.host, folder)


def _complete(package: Path) -> str:
    """Return the name of a package that has all its files.

    Raises
    ------
    DeviceError
        If it has not.
    """
    if (package / MISSING).exists():
        raise DeviceError(
            "is not complete: it has no bitstream",
            where=package,
            fix=f"{MISSING} in it says how to make one",
        )
    names = sorted(path.stem for path in package.glob("*.bit"))
    if len(names) != 1:
        raise DeviceError(
            f"holds {len(names)} bitstreams, a package has one",
            where=package,
            fix="give the folder package/ that `hwsubnet build` made",
        )
    for suffix in (".hwh", ".json"):
        if not (package / f"{names[0]}{suffix}").is_file():
            raise DeviceError(
                f"has no {names[0]}{suffix}", where=package, fix="build the package again"
            )
    return names[0]


class _Session:
    """Commands over ssh, each logged."""

    def __init__(self, target: Target, scratch: Path) -> None:
        self._host = target.host
        config = ("-F", str(target.ssh_config.resolve())) if target.ssh_config else ()
        self._options = (*config, *_OPTIONS)
        self._log = scratch / "log"

    def command(self, text: str) -> str:
        """Run a shell command on the board; return what it wrote."""
        return self._run("ssh", *self._options, "--", self._host, text)

    def copy(self, source: Path, target: str) -> None:
        """Copy a folder to the board."""
        self._run(
            "scp", *self._options, "-q", "-r", str(source.resolve()), f"{self._host}:{target}"
        )

    def _run(self, *command: str) -> str:
        try:
            return tools.run(command, log=self._log)
        except ToolError as error:  # the log is gone when the message is read
            raise ToolError(
                error.what,
                where=self._host,
                fix=f"try `ssh {self._host}`; keys, not passwords, must open it",
            ) from error


def _answer(said: str, host: str, folder: str) -> Deployed:
    """Read what the driver wrote on the board."""
    code = _EXIT.findall(said)
    error = _ERROR.findall(said)
    if code[-1:] == ["0"]:
        report = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
        checked = report.pop("checked")
        return Deployed(host=host, folder=folder, checked=checked, measured=report)
    lines = [line for line in said.splitlines() if line and not line.startswith("HWSUBNET_EXIT")]
    what = error[-1] if error else (lines or ["the driver said nothing"])[-1][:300]
    if code[-1:] == ["1"] and error:
        raise Mismatch(what, where=host)
    raise DeviceError(
        what, where=host, fix=f"log in and run `python3 -m hwsubnet.driver` in {folder}"
    )
