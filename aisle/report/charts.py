"""Figures that several sections draw: values with intervals, one per row."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from aisle.report.style import styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#8a8a8a"
"""Of Okabe and Ito's colours those that are seen on white and on black; grey: untrained, or a reference."""


def wrapped(label: str, width: int = 24) -> str:
    """Return a label in lines, so that a figure on a phone keeps room for itself."""
    return "<br>".join(textwrap.wrap(label, width)) or label


def error_bars(rows: pd.DataFrame) -> dict[str, Any]:
    """Return Plotly's error bars from columns value, low and high."""
    return {
        "array": (rows["high"] - rows["value"]).round(5),
        "arrayminus": (rows["value"] - rows["low"]).round(5),
        "thickness": 1.5,
        "width": 4,
    }


def forest(
    groups: dict[str, pd.DataFrame],
    axis: str,
    colours: Sequence[str] = (BLUE, ORANGE, GREEN),
    zero: bool = False,
    tickformat: str = ".3~f",
) -> "Figure":
    """Return values with their intervals, one below the other: the first row on top.

    Parameters
    ----------
    groups
        Name of a kind of point to rows with label, value, low, high; `untrained` makes a point grey. Those of
        one label stand in one row of the figure.
    axis
        Title of the axis of values.
    colours
        Of the groups.
    zero
        Whether a line marks 0: differences.
    tickformat
        Of the values, as in d3.
    """
    import plotly.graph_objects as go

    labels = list(dict.fromkeys(label for rows in groups.values() for label in rows["label"]))
    place = {label: i for i, label in enumerate(labels)}
    spread = 0.18 * (len(groups) > 1)
    figure = go.Figure()
    for number, (name, rows) in enumerate(groups.items()):
        untrained = rows["untrained"] if "untrained" in rows else pd.Series(False, rows.index)
        shift = spread * (2 * number - len(groups) + 1) if len(groups) < 3 else 0.24 * (number - 1)
        figure.add_scatter(
            x=rows["value"].round(5),
            y=[place[label] + shift for label in rows["label"]],
            error_x=error_bars(rows),
            text=rows["label"],
            customdata=rows[["low", "high"]].round(5),
            hovertemplate="%{text}<br>%{x} [%{customdata[0]}, %{customdata[1]}]<extra></extra>",
            mode="markers",
            name=name,
            marker={"size": 9, "color": [GREY if each else colours[number] for each in untrained]},
            showlegend=len(groups) > 1,
        )
    if zero:
        figure.add_vline(x=0, line={"dash": "dot", "color": GREY})
    lines = [wrapped(label) for label in labels]
    rows_high = sum(max(28, 17 * line.count("<br>") + 28) for line in lines)
    figure.update_layout(
        xaxis={"title": axis, "tickformat": tickformat},
        yaxis={
            **{"tickvals": list(range(len(labels))), "ticktext": lines, "automargin": True},
            **{"range": [len(labels) - 0.4, -0.6], "zeroline": False},
        },
    )
    return styled(figure, 130 + rows_high + 30 * (len(groups) > 1))
