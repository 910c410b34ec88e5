"""Running Vivado: progress from its log, its errors in one line, its reports read back."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

from hwsubnet import tools
from hwsubnet.artifacts import Resources
from hwsubnet.build.record import VendorRun
from hwsubnet.build.tcl import STEPS
from hwsubnet.errors import ToolError
from hwsubnet.progress import progress

LOG = "vivado.log"
_OPTIONS = ("-mode", "batch", "-nojournal", "-nolog", "-source", "build.tcl")
_POLL_SECONDS = 0.5
_STEP = re.compile(r"^HWSUBNET_STEP (\d+)/\d+", re.MULTILINE)
_ERROR = re.compile(r"^ERROR: .*$", re.MULTILINE)
_RUN_LOGS = "project/project.runs/*/runme.log"
"""Of each synthesis and of the implementation, which Vivado runs in processes of their own."""
_ROWS = {
    "LUT": ("Slice LUTs", "CLB LUTs"),
    "FF": ("Slice Registers", "CLB Registers"),
    "BRAM18": ("Block RAM Tile",),
    "URAM": ("URAM",),
    "DSP": ("DSPs",),
}
"""Rows of Vivado's utilization report, on 7-series and UltraScale+."""


def run_vivado(folder: Path, vivado: tools.Tool, clock_mhz: float, family: str) -> VendorRun:
    """Run ``build.tcl`` to its end, and read what came of it.

    Parameters
    ----------
    folder
        Where the script and its sources are.
    vivado
        The tool, ready to be used.
    clock_mhz, family
        Of the design.

    Raises
    ------
    ToolError
        If Vivado fails or is killed: the step, its first error, and the log's place.
    """
    log, stop = folder / LOG, Event()
    with ThreadPoolExecutor(1) as pool, progress() as display:
        task = display.add_task("Vivado", total=len(STEPS))
        command = [vivado.path or "vivado", *_OPTIONS]
        run = pool.submit(tools.run, command, log=log, cwd=folder, stop=stop)
        try:
            while wait([run], _POLL_SECONDS).not_done:
                step = _step(log)
                display.update(
                    task,
                    completed=max(0, step - 1),
                    description=f"Vivado: {STEPS[max(0, step - 1)]}",
                )
        finally:  # an interrupt must not wait for Vivado
            stop.set()
            display.remove_task(task)
        try:
            run.result()
        except ToolError as error:
            raise _explained(error, log) from error
    return read_results(folder, f"Vivado {vivado.version}", clock_mhz, family)


def read_results(folder: Path, tool: str, clock_mhz: float, family: str) -> VendorRun:
    """Read resources and slack of a finished run.

    Raises
    ------
    ToolError
        If a report is missing or has another form.
    """
    reports = folder / "reports"
    try:
        utilization = (reports / "utilization.rpt").read_text(encoding="utf-8")
        slack = float((reports / "slack.txt").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolError(
            f"Vivado left no readable reports ({error})", where=reports, fix="run build.tcl again"
        ) from error
    used = {name: _row(utilization, rows) for name, rows in _ROWS.items()}
    if family == "xc7":
        used["URAM"] = 0  # the family has none, and the report no row
    missing = [name for name, value in used.items() if value is None]
    if missing:
        raise ToolError(
            f"Vivado's report has no row for {', '.join(missing)}",
            where=reports / "utilization.rpt",
            fix="report this with the file",
        )
    return VendorRun(
        tool=tool,
        resources=Resources(**_in_halves(used)),
        slack_ns=slack,
        clock_mhz=1000 / (1000 / clock_mhz - slack),
    )


def _step(log: Path) -> int:
    """Return the number of the step that runs, by the log; 0 before the first."""
    found = _STEP.findall(_text(log))
    return int(found[-1]) if found else 0


def _text(path: Path) -> str:
    """Return what a file holds; nothing if it is not there yet."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _explained(error: ToolError, log: Path) -> ToolError:
    """Tell the step and the first error, which a run's own log may hold alone."""
    runs = sorted(log.parent.glob(_RUN_LOGS), key=lambda path: path.stat().st_mtime)
    found = ((path, _ERROR.search(_text(path))) for path in (*runs, log))
    place, first = next(((path, error) for path, error in found if error), (log, None))
    step = _step(log)
    doing = f" in step {step}, {STEPS[step - 1]}" if step else ""
    said = first[0].removeprefix("ERROR: ")[:300] if first else error.what
    return ToolError(f"Vivado failed{doing}: {said}", fix=f"all it said is in {place}")


def _row(report: str, names: tuple[str, ...]) -> float | None:
    """Return the number used, from the first row of one of the names."""
    for name in names:
        found = re.search(rf"^\| +{re.escape(name)}\*? +\| +([0-9.]+) +\|", report, re.MULTILINE)
        if found:
            return float(found[1])
    return None


def _in_halves(used: Mapping[str, float | None]) -> dict[str, float | None]:
    """Count block RAMs in halves of 18 Kbit; Vivado counts tiles of 36."""
    tiles = used["BRAM18"]
    return {**used, "BRAM18": None if tiles is None else 2 * tiles}
