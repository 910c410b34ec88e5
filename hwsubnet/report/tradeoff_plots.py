"""What pruning buys: accuracy against cost and against speed, one point per level."""

from collections.abc import Sequence

import plotly.graph_objects as go

from hwsubnet.artifacts import Report
from hwsubnet.report.colors import level_colors
from hwsubnet.report.plot import Plot, level_legend, level_names, styled
from hwsubnet.report.quality import quality, quantized
from hwsubnet.report.tables import Table
from hwsubnet.report.text import UNKNOWN, significant
from hwsubnet.report.values import comparable, speed_rung


def tradeoffs(report: Report) -> tuple[Plot, Plot]:
    """Accuracy against what it costs, and against how fast it runs."""
    return _accuracy_by_resource(report), _accuracy_by_fps(report)


def _title(report: Report) -> str:
    name = quality(report).name
    return f"{name[0].upper()}{name[1:]}"


def _accuracy_by_resource(report: Report) -> Plot:
    series = comparable(report.levels)
    resource = series.resource if series else "LUT"
    rung = series.rung if series else None
    values = series.values if series else (None,) * len(report.levels)
    notes: tuple[str, ...] = ()
    if series and resource != "LUT":
        notes = (f"LUT is unknown at these levels, so the plot shows {resource}.",)
    return _accuracy_plot(
        report,
        values,
        id="accuracy-resource",
        title=f"{_title(report)} against {resource}",
        axis=f"{resource} ({rung}); further left is cheaper",
        column=f"{resource} ({rung or UNKNOWN})",
        caption=f"Further {quality(report).direction} is better, further left is cheaper. "
        f"{resource} is the sum over the whole accelerator.",
        rung=rung,
        notes=notes,
    )


def _accuracy_by_fps(report: Report) -> Plot:
    rung = speed_rung(report.levels)
    cycles = "measured in RTL" if rung == "simulated" else "of the slowest node"
    return _accuracy_plot(
        report,
        tuple(level.fps for level in report.levels),
        id="accuracy-fps",
        title=f"{_title(report)} against speed",
        axis=f"frames per second ({rung}); further right is faster",
        column=f"frames per second ({rung})",
        caption=f"Further {quality(report).direction} is better, further right is faster. Frames "
        f"per second are the clock, {report.clock_mhz:g} MHz, divided by the cycles per frame, "
        f"{cycles}.",
        rung=rung,
        notes=(),
    )


def _accuracy_plot(
    report: Report,
    values: Sequence[float | None],
    *,
    id: str,
    title: str,
    axis: str,
    column: str,
    caption: str,
    rung: str | None,
    notes: tuple[str, ...],
) -> Plot:
    names, measure = level_names(report), quality(report)
    accuracies = [quantized(level) for level in report.levels]
    colors = level_colors([level.sparsity for level in report.levels])
    points = [
        (name, x, y, color)
        for name, x, y, color in zip(names, values, accuracies, colors, strict=True)
        if x is not None and y is not None
    ]
    missing = [name for name in names if name not in {point[0] for point in points}]
    if points and missing:
        notes += (f"Not shown, because unknown: {', '.join(missing)}.",)
    table = Table(
        ("sparsity", column, f"{measure.name}, quantized"),
        tuple(
            (name, significant(x), measure.exact(y))
            for name, x, y in zip(names, values, accuracies, strict=True)
        ),
    )
    if not points:
        what = measure.name if any(x is not None for x in values) else column.split(" (")[0]
        reason = f"Nothing to draw yet: {what} is unknown at every level."
        return Plot(id, title, reason, None, table)
    labels, xs, ys, marks = zip(*points, strict=True)
    labelled = _uncrowded(xs, ys)
    figure = go.Figure(
        go.Scatter(
            x=xs,
            y=[measure.scale * y for y in ys],
            text=[name if shown else "" for name, shown in zip(labels, labelled, strict=True)],
            mode="lines+markers+text",
            textposition="top center",
            textfont={"size": 13},
            line={"color": "#8b95a3", "width": 1.5, "dash": "dot"},
            marker={"size": 15, "color": marks, "opacity": 1},
            hovertext=[
                f"<b>{name} sparsity</b><br>{measure.exact(y)} {measure.name}<br>{significant(x)} "
                f"{axis.split(' (')[0]}"
                for name, x, y, _ in points
            ],
            hoverinfo="text",
            cliponaxis=False,
        )
    )
    low, high = measure.scale * min(ys), measure.scale * max(ys)
    margin = max(0.25 * (high - low), 0.5)
    figure.update_yaxes(
        title=f"{measure.name}, quantized{measure.unit}",
        range=[low - margin, high + margin],
        tickformat="~r",
    )
    figure.update_xaxes(
        title=axis, range=[0, 1.12 * max(xs) or 1], tickformat="~s", showgrid=True, nticks=7
    )
    return Plot(
        id,
        title,
        caption,
        styled(figure, 380),
        table,
        rung,
        legend=() if all(labelled) else level_legend(report),
        notes=notes,
    )


def _uncrowded(xs: Sequence[float], ys: Sequence[float]) -> list[bool]:
    """Choose the points that get a label: those clear of every point labelled before them."""
    wide, high = max(xs) or 1, (max(ys) - min(ys)) or 1
    shown: list[tuple[float, float]] = []
    chosen = []
    for x, y in zip(xs, ys, strict=True):
        place = (x / wide, y / high)
        free = all(abs(place[0] - a) > 0.1 or abs(place[1] - b) > 0.09 for a, b in shown)
        chosen.append(free)
        shown += [place] if free else []
    return chosen
