"""A package to a board over ssh: a local ssh server, whose Python has the emulated pynq."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from typer.testing import CliRunner

import hwsubnet
from hwsubnet.build.deploy import Target, deploy
from hwsubnet.build.tcl import MISSING
from hwsubnet.cli import app
from hwsubnet.errors import ConfigError, DeviceError, Mismatch, ToolError

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh-keygen") is None,
    reason="no sshd here (Debian: apt-get install openssh-server)",
)


@dataclass(frozen=True)
class Server:
    """A board that is this machine, and a folder on it."""

    config: Path
    home: Path
    python: str

    def target(self, **changes: object) -> Target:
        found = {
            "host": "board",
            "folder": str(self.home / "net"),
            "python": self.python,
            "ssh_config": self.config,
        }
        return Target.model_validate(found | changes)


@pytest.fixture
def package(complete_package: Path) -> Path:
    return complete_package


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    config = folder / "ssh_config"
    config.write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder}/user\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
        "  StrictHostKeyChecking accept-new\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd gives its rights up
    command = [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")]
    process = subprocess.Popen(command, stderr=(folder / "log").open("w"))
    try:
        _wait_for(port, process)
        yield Server(config, folder, f"env PYTHONPATH={_board_python(folder)} {sys.executable}")
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = monotonic() + 120
    while monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.1)
    pytest.fail("sshd does not answer")


def _board_python(folder: Path) -> Path:
    """A pynq for the board's Python; the package's own hwsubnet stays in front."""
    dma = folder / "python" / "pynq" / "lib" / "dma.py"
    dma.parent.mkdir(parents=True)
    (dma.parents[1] / "__init__.py").write_text(
        "import hwsubnet\n"
        f"hwsubnet.__path__.append({str(Path(hwsubnet.__file__).parent)!r})\n"
        "from hwsubnet.simulate.emulated.pynq_model import Clocks, MMIO, Overlay, allocate\n"
    )
    (dma.parent / "__init__.py").touch()
    dma.write_text("from hwsubnet.simulate.emulated.pynq_model import DMA\n")
    return folder / "python"


@needs_sshd
def test_a_package_runs_on_the_board(package: Path, server: Server) -> None:
    for _ in range(2):  # the second takes the place of the first
        found = deploy(package, server.target(), frames=3)
        assert found.checked == 5
        assert found.measured["frames"] == 3
    assert sorted(path.name for path in server.home.glob("net*")) == ["net"]
    assert (server.home / "net" / "README.md").is_file()


@needs_sshd
def test_a_wrong_output_is_told(package: Path, server: Server) -> None:
    with np.load(package / "golden.npz") as archive:
        x, y = archive["x"], archive["y"]
    y[0] += 1
    np.savez(package / "golden.npz", x=x, y=y)
    with pytest.raises(Mismatch, match="board: 1 of 5 frames differ from the golden vectors"):
        deploy(package, server.target())


@needs_sshd
def test_what_the_driver_lacks_is_told(package: Path, server: Server) -> None:
    with pytest.raises(DeviceError, match="board: pynq cannot be imported"):
        deploy(package, server.target(python=sys.executable))
    with pytest.raises(DeviceError, match=r"no-python.*not found; log in and run"):
        deploy(package, server.target(python="no-python"))


@needs_sshd
def test_the_command(package: Path, server: Server) -> None:
    arguments = ["deploy", str(package), "--host", "board", "--ssh-config", str(server.config)]
    where = ["--folder", str(server.home / "net"), "--python", server.python]
    run = CliRunner().invoke(app, [*arguments, *where, "--frames", "0", "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["checked"] == 5


def test_a_board_that_is_not_there(package: Path) -> None:
    with pytest.raises(ToolError, match=r"ssh failed with exit code 255: .*; try `ssh 127.0.0.1`"):
        deploy(package, Target(host="127.0.0.1", ssh_config=_closed_port(package.parent)))


def _closed_port(folder: Path) -> Path:
    config = folder / "closed"
    config.write_text("Host *\n  Port 1\n")
    return config


def test_an_incomplete_package_is_refused(package: Path, tmp_path: Path) -> None:
    target = Target(host="board")
    (package / "net.hwh").unlink()
    with pytest.raises(DeviceError, match=r"has no net\.hwh; build the package again"):
        deploy(package, target)
    (package / MISSING).touch()
    with pytest.raises(DeviceError, match=r"is not complete: it has no bitstream; MISSING\.txt"):
        deploy(package, target)
    with pytest.raises(DeviceError, match="holds 0 bitstreams, a package has one"):
        deploy(tmp_path, target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "-oProxyCommand=x"}, "--host: '-oProxyCommand=x' is no host"),
        ({"host": "a b"}, "is no host"),
        ({"folder": "../other"}, "--folder: '../other' is no folder"),
        ({"folder": "a;b"}, "is no folder"),
    ],
    ids=["option", "space", "parent", "shell"],
)
def test_names_that_could_be_commands_are_refused(
    package: Path, change: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        deploy(package, Target.model_validate({"host": "board"} | change))
