"""Print a sweep's report.json as the Markdown table of docs/results.md.

Usage: ``python docs/results_table.py runs/fashion-cnv``
"""

import sys
from collections.abc import Callable
from pathlib import Path

from hwsubnet.artifacts import Level, Report

ROWS: tuple[tuple[str, Callable[[Level], str]], ...] = (
    ("channels kept", lambda v: " ".join(f"{k.kept}/{k.of}" for k in (v.channels or {}).values())),
    ("float, test %", lambda v: _percent(v.accuracy and v.accuracy.float_)),
    ("W4A4, test %", lambda v: _percent(v.accuracy and v.accuracy.quantized)),
    ("weights, Mbit", lambda v: _number(v.weights_mbit, 3)),
    ("million MACs", lambda v: _number(v.macs and v.macs / 1e6, 2)),
    ("cycles per frame (simulated)", lambda v: _number(v.cycles_per_frame)),
    ("latency, cycles (simulated)", lambda v: _number(v.latency_cycles)),
    ("frames per second", lambda v: _number(v.fps)),
    *(
        (f"{name} (synthesized)", lambda v, name=name: _synthesized(v, name))
        for name in ("LUT", "FF", "BRAM18", "DSP")
    ),
    ("images compared, differing", lambda v: _pair(v.verification, "images", "differing")),
    ("frames in RTL, mismatches", lambda v: _pair(v.simulation, "frames", "mismatches")),
)


def table(report: Report) -> str:
    """Give the table: a row per number, a column per level."""
    head = "| | " + " | ".join(f"{level.sparsity:.0%}" for level in report.levels) + " |"
    rule = "|---|" + "--:|" * len(report.levels)
    rows = [
        f"| {title} | " + " | ".join(cell(level) for level in report.levels) + " |"
        for title, cell in ROWS
    ]
    return "\n".join([head, rule, *rows])


def _number(value: float | None, digits: int = 0) -> str:
    return "unknown" if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.2f}"


def _synthesized(level: Level, name: str) -> str:
    found = level.resources.get("synthesized")
    return _number(found and getattr(found, name))


def _pair(record: object | None, first: str, second: str) -> str:
    if record is None:
        return "unknown"
    return f"{getattr(record, first):,}, {getattr(record, second):,}"


if __name__ == "__main__":
    sys.stdout.write(table(Report.load(Path(sys.argv[1]))) + "\n")
