"""Built simulations as child processes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from hwsubnet import tools
from hwsubnet.errors import ToolError


def run_simulation(
    command: Sequence[str | Path], *, log: Path, kept: Path, cwd: Path | None = None
) -> None:
    """Run a built simulation to its end.

    Parameters
    ----------
    command
        The executable and its arguments.
    log
        File in a folder that does not last, for what it says.
    kept
        Where that goes if it fails, so that it can be read.
    cwd
        Working folder.

    Raises
    ------
    ToolError
        If it fails or is killed: the first error that it reported, and where all is.
    """
    try:
        tools.run(command, log=log, cwd=cwd)
    except ToolError as error:
        shutil.copyfile(log, kept)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        # Verilator says that it aborts after what made it do so.
        reported = next((line.strip() for line in lines if "%Error" in line), None)
        what = error.what if reported is None else f"{Path(command[0]).name}: {reported[:400]}"
        raise ToolError(what, fix=f"all it said is in {kept}") from error
