"""The figure: how much rankings agree, layer by layer."""

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from hwsubnet.analysis.predecessors import Comparison

COLORS = ("#74808f", "#2f78d6", "#7f63d2", "#d5582f")
"""Of the dense network and of three sparsities: the report's colours of levels."""
ROWS: tuple[tuple[str, Callable[[Comparison], float]], ...] = (
    ("Kendall's tau-a", lambda c: c.tau),
    ("Levenshtein distance / channels", lambda c: c.edited),
)


def rankings_figure(found: Mapping[str, Sequence[Comparison]]) -> go.Figure:
    """Draw both measures for each kind of network, a box over the models for each sparsity.

    Parameters
    ----------
    found
        Comparisons of all models, by the kind's name.
    """
    figure = make_subplots(
        rows=len(ROWS),
        cols=len(found),
        shared_xaxes=True,
        shared_yaxes="rows",
        horizontal_spacing=0.04,
        vertical_spacing=0.08,
        subplot_titles=[f"{kind}s" for kind in found],
        column_widths=[len({c.layer for c in group}) for group in found.values()],
    )
    sparsities = sorted({c.sparsity for group in found.values() for c in group})
    for row, (title, value) in enumerate(ROWS, start=1):
        for column, group in enumerate(found.values(), start=1):
            for place, sparsity in enumerate(sparsities):
                chosen = [c for c in group if c.sparsity == sparsity]
                color = COLORS[place % len(COLORS)]
                figure.add_box(
                    x=[c.layer for c in chosen],
                    y=[value(c) for c in chosen],
                    name=f"{sparsity:.0%} pruned ahead" if sparsity else "dense, other images",
                    legendgroup=str(sparsity),
                    showlegend=row == column == 1,
                    offsetgroup=str(sparsity),
                    marker={"color": color, "size": 3},
                    line={"width": 1.5},
                    row=row,
                    col=column,
                )
        figure.update_yaxes(title=title, row=row, col=1)
    figure.update_yaxes(range=[-0.02, 1.02], row=len(ROWS))
    figure.update_layout(
        template="plotly_white",
        boxmode="group",
        height=620,
        width=1000,
        font={"size": 13},
        margin={"l": 70, "r": 20, "t": 70, "b": 40},
        legend={"orientation": "h", "x": 0, "y": 1.13},
    )
    return figure
