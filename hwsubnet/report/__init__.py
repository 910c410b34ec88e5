"""One level per pruning step, joined: ``report.json``, ``report.csv`` and ``report.html``."""

from pathlib import Path

from hwsubnet.artifacts import Report, write_text
from hwsubnet.report.page import render
from hwsubnet.report.tables import to_csv

__all__ = ["write_report"]


def write_report(report: Report, out: Path) -> None:
    """Write the three forms of a report into the folder `out`.

    The same report gives the same bytes. ``report.html`` holds everything it needs and requests
    nothing from a network. ``report.json`` is written last: where it is, the others are complete.

    Raises
    ------
    OutputError
        If `out` cannot be written or the disk is full.
    """
    spreadsheet, page = to_csv(report), render(report)
    write_text(out / "report.csv", spreadsheet)
    write_text(out / "report.html", page)
    report.save(out)
