"""What pruning buys: accuracy against cost and against speed, one point per level."""

from collections.abc import Sequence

import plotly.graph_objects as go

from hwsubnet.artifacts import Report
from hwsubnet.report.colors import level_colors
from hwsubnet.report.headline import accuracy
from hwsubnet.report.plot import Plot, level_legend, level_names, styled
from hwsubnet.report.tables import Table
from hwsubnet.report.text import UNKNOWN, percent, significant
from hwsubnet.report.values import comparable, speed_rung


def tradeoffs(report: Report) -> tuple[Plot, Plot]:
    """Accuracy against what it costs, and against how fast it runs."""
    return _accuracy_by_resource(report), _accuracy_by_fps(report)


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
        title=f"Accuracy against {resource}",
        axis=f"{resource} ({rung}); further left is cheaper",
        column=f"{resource} ({rung or UNKNOWN})",
        caption=f"Further up is more accurate, further left is cheaper. {resource} is the sum over "
        "the whole accelerator.",
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
        title="Accuracy against speed",
        axis=f"frames per second ({rung}); further right is faster",
        column=f"frames per second ({rung})",
        caption="Further up is more accurate, further right is faster. Frames per second are the "
        f"clock, {report.clock_mhz:g} MHz, divided by the cycles per frame, {cycles}.",
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
    names = level_names(report)
    accuracies = [accuracy(level) for level in report.levels]
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
        ("sparsity", column, "accuracy, quantized"),
        tuple(
            (name, significant(x), percent(y, 2))
            for name, x, y in zip(names, values, accuracies, strict=True)
        ),
    )
    if not points:
        what = "accuracy" if any(x is not None for x in values) else column.split(" (")[0]
        reason = f"Nothing to draw yet: {what} is unknown at every level."
        return Plot(id, title, reason, None, table)
    labels, xs, ys, marks = zip(*points, strict=True)
    labelled = _uncrowded(xs, ys)
    figure = go.Figure(
        go.Scatter(
            x=xs,
            y=[100 * y for y in ys],
            text=[name if shown else "" for name, shown in zip(labels, labelled, strict=True)],
            mode="lines+markers+text",
            textposition="top center",
            textfont={"size": 13},
            line={"color": "#8b95a3", "width": 1.5, "dash": "dot"},
            marker={"size": 15, "color": marks, "opacity": 1},
            hovertext=[
                f"<b>{name} sparsity</b><br>{percent(y, 2)} accuracy<br>{significant(x)} "
                f"{axis.split(' (')[0]}"
                for name, x, y, _ in points
            ],
            hoverinfo="text",
            cliponaxis=False,
        )
    )
    low, high = 100 * min(ys), 100 * max(ys)
    margin = max(0.25 * (high - low), 0.5)
    figure.update_yaxes(
        title="accuracy, quantized (%)", range=[low - margin, high + margin], tickformat="~r"
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
