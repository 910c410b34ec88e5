"""The report as rows: the spreadsheet, and the tables of the page."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwsubnet.artifacts import ChosenWidths, Level, Reckoned, Report
from hwsubnet.report.text import UNKNOWN, change, csv_text, level_name, number, significant
from hwsubnet.report.values import RESOURCES, RUNGS, amount, highest

NONE = "\N{EN DASH}"
"""Stands where a number has no meaning, which is not the same as unknown."""

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def to_csv(report: Report) -> str:
    """Return one row per level under a header that is the same for every report.

    Unknown is an empty cell. Lists (channels by layer, folding by node) are JSON in one cell.
    """
    rows = [_csv_row(report, level) for level in report.levels]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    writer.writerows([_csv_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _csv_cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_text(value) if isinstance(value, str) else repr(value)


def _csv_row(report: Report, level: Level) -> dict[str, Cell]:
    def of(record: object, field: str) -> Any:
        return getattr(record, field) if record is not None else None

    channels, widths = level.channels, level.widths
    row: dict[str, Cell] = {
        "name": report.name,
        "board": report.board,
        "part": report.part,
        "clock_mhz": report.clock_mhz,
        "sparsity": level.sparsity,
        "accuracy_metric": of(level.accuracy, "metric"),
        "accuracy_float": of(level.accuracy, "float_"),
        "accuracy_quantized": of(level.accuracy, "quantized"),
        "accuracy_split": of(level.accuracy, "split"),
        "accuracy_images": of(level.accuracy, "images"),
        "weights_mbit": level.weights_mbit,
        "activations_mbit": level.activations_mbit,
        "activations_mbit_paper": level.activations_mbit_paper,
        "performance_density": level.performance_density,
        "macs": level.macs,
        "bit_operations": level.bit_operations,
        "cycles_per_frame": level.cycles_per_frame,
        "latency_cycles": level.latency_cycles,
        "fps": level.fps,
        "fits": level.fits,
        "infeasible": level.infeasible,
    }
    for rung in RUNGS:
        for resource in RESOURCES:
            row[f"{rung}_{resource}"] = amount(level.resources, rung, resource)
    for resource in RESOURCES:
        row[f"shell_synthesized_{resource}"] = amount(level.shell, "synthesized", resource)
    for resource in RESOURCES:
        row[f"utilization_{resource}"] = level.utilization.get(resource)
    row |= {
        "channels_kept": None if channels is None else sum(c.kept for c in channels.values()),
        "channels_of": None if channels is None else sum(c.of for c in channels.values()),
        "zero_weights": level.zero_weights,
        "align_multiple": of(level.alignment, "multiple"),
        "align_extra_channels": of(level.alignment, "extra_channels"),
        "align_extra_weights": of(level.alignment, "extra_weights"),
        "align_extra_macs": of(level.alignment, "extra_macs"),
        "widths_tried": of(widths, "tried"),
        "widths_plain_fps": of(of(widths, "plain"), "fps"),
        "widths_chosen_fps": of(of(widths, "chosen"), "fps"),
    }
    for name in ("plain", "chosen"):
        used = of(of(widths, name), "resources")
        row |= {f"widths_{name}_{resource}": of(used, resource) for resource in RESOURCES}
    row |= {
        "widths": None if widths is None else _json(_kept_by_layer(widths)),
        "verification_images": of(level.verification, "images"),
        "verification_differing": of(level.verification, "differing"),
        "verification_on_boundary": of(level.verification, "on_boundary"),
        "verification_class_changes": of(level.verification, "class_changes"),
        "speed_rung": level.speed_rung,
        "simulation_backend": of(level.simulation, "backend"),
        "simulation_frames": of(level.simulation, "frames"),
        "simulation_mismatches": of(level.simulation, "mismatches"),
        "simulation_cycles": of(level.simulation, "cycles"),
        "coverage_converted": of(level.coverage, "converted"),
        "coverage_left": None if level.coverage is None else len(level.coverage.left),
        "channels": None if channels is None else _json({k: v.kept for k, v in channels.items()}),
        "folding": _json(
            {f.node: f.model_dump(exclude={"node", "op"}, exclude_none=True) for f in level.folding}
            if level.folding
            else None
        ),
    }
    return row


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


CSV_HEADER: tuple[str, ...] = tuple(
    _csv_row(Report(name="", board="", part="", clock_mhz=1, levels=()), Level(sparsity=0))
)


def _kept_by_layer(widths: ChosenWidths) -> dict[str, dict[str, int]]:
    return {
        group.layer: {"of": group.of, "plain": group.plain, "kept": group.kept}
        for group in widths.groups
    }


def widths_table(report: Report) -> Table:
    """Two rows for each level whose widths were chosen: what the level leaves, and what stays."""
    rows = []
    for level in report.levels:
        if (widths := level.widths) is None:
            continue
        name, plain, chosen = level_name(level.sparsity), widths.plain, widths.chosen
        left = ", ".join(f"{group.layer} {group.plain}" for group in widths.groups)
        kept = ", ".join(f"{group.layer} {group.kept}" for group in widths.groups)
        rows.append((f"{name}, left by the level", left, *_reckoned(plain)))
        rows.append((f"{name}, kept", kept, *_reckoned(chosen, plain)))
    header = ("sparsity", "channels", "frames per second", "cycles per frame", *RESOURCES)
    return Table(header, tuple(rows))


def _reckoned(found: Reckoned | None, before: Reckoned | None = None) -> tuple[str, ...]:
    """Format speed and resources, with the step from those before."""

    def numbers(of: Reckoned) -> list[float | None]:
        return [of.fps, of.cycles_per_frame, *(getattr(of.resources, r) for r in RESOURCES)]

    if found is None:
        return ("does not fit", *[UNKNOWN] * (1 + len(RESOURCES)))
    now = numbers(found)
    cells = []
    for value, earlier in zip(now, numbers(before) if before else now, strict=True):
        step = change(earlier, value)
        cells.append(significant(value) + ("" if step in (None, "same") else f" ({step})"))
    return tuple(cells)


def folding_table(level: Level) -> Table:
    """Every hardware node of a level: its parallelism, its cycles and what it costs."""
    folding = {fold.node: fold for fold in level.folding}
    rungs = {r: _node_rung(level, r) for r in RESOURCES}
    shown = [r for r in RESOURCES if rungs[r] is not None]
    rows = []
    for node in level.nodes:
        fold = folding.pop(node.node, None)
        known = {resource: highest(node.resources, resource) for resource in shown}
        rows.append(
            (
                node.node,
                node.op,
                node.layer,
                _parallelism(fold.PE if fold else None),
                _parallelism(fold.SIMD if fold else None),
                number(node.cycles),
                *(number(k.value, _digits(k.value)) if k else UNKNOWN for k in known.values()),
            )
        )
    for fold in folding.values():  # folded, but without an estimate
        pe, simd = _parallelism(fold.PE), _parallelism(fold.SIMD)
        rows.append((fold.node, fold.op, NONE, pe, simd, UNKNOWN, *[UNKNOWN] * len(shown)))
    header = ("node", "op", "layer", "PE", "SIMD", "cycles per frame")
    return Table((*header, *(f"{r} ({rungs[r]})" for r in shown)), tuple(rows))


def _node_rung(level: Level, resource: Any) -> str | None:
    """Name the rungs of a column, which differ between nodes while synthesis is partial."""
    known = [highest(node.resources, resource) for node in level.nodes]
    rungs = {k.rung for k in known if k}
    return " or ".join(rung for rung in RUNGS if rung in rungs) or None


def _parallelism(value: int | None) -> str:
    return NONE if value is None else number(value)


def _digits(value: float) -> int:
    return 0 if value == int(value) else 1


def coverage_table(report: Report) -> Table:
    """Every node that did not become hardware, with the levels and the reason."""
    levels: dict[tuple[str, str, str], list[str]] = {}
    for level in report.levels:
        for left in level.coverage.left if level.coverage else ():
            key = (left.node, left.op, left.why)
            levels.setdefault(key, []).append(level_name(level.sparsity))
    rows = tuple((*key, ", ".join(names)) for key, names in levels.items())
    return Table(("node", "op", "why it stays on the host", "levels"), rows)


def checks_table(report: Report) -> Table:
    """Tell what was verified, per level."""
    rows = []
    for level in report.levels:
        check, run, coverage = level.verification, level.simulation, level.coverage
        rows.append(
            (
                level_name(level.sparsity),
                number(check.images) if check else "not run",
                number(check.differing) if check else NONE,
                number(check.on_boundary) if check else NONE,
                number(check.class_changes) if check else NONE,
                f"{run.backend}, {number(run.frames)} frames" if run else "not run",
                number(run.mismatches) if run else NONE,
                (number(run.cycles) if run.cycles is not None else "not counted") if run else NONE,
                number(coverage.converted) if coverage else UNKNOWN,
                number(len(coverage.left)) if coverage else UNKNOWN,
            )
        )
    header = (
        "sparsity",
        "images compared",
        "differing",
        "of these on a rounding boundary",
        "class changes",
        "simulation",
        "mismatches",
        "simulated cycles",
        "nodes in hardware",
        "nodes left",
    )
    return Table(header, tuple(rows))


def provenance_table(provenance: Mapping[str, Any]) -> Table:
    """Nested mappings as dotted keys."""
    rows: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            rows.append((prefix, text))

    walk("", provenance)
    return Table(("what", "value"), tuple(rows) if provenance else ())
