"""Figures that several sections draw: values with intervals, one per row."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from aisle.report.style import styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8a8a8a"
"""Of Okabe and Ito's colours those that are seen on white and on black; grey: untrained, or a reference."""
SYMBOLS = ("circle", "diamond", "square")


def wrapped(label: str, width: int = 24) -> str:
    """Return a label in lines, so that a figure on a phone keeps room for itself."""
    return "<br>".join(textwrap.wrap(label, width)) or label


def error_bars(rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    """Return Plotly's error bars from columns value, low and high."""
    return {
        "array": (rows["high"] - rows["value"]).round(5),
        "arrayminus": (rows["value"] - rows["low"]).round(5),
        **{"color": colour, "thickness": 1.5, "width": 4},
    }


def legend_above(figure: "Figure", height: int) -> "Figure":
    """Give a figure the page's look, with its legend in lines of their own above it: names may be long.

    Parameters
    ----------
    figure
        Changed in place, and returned.
    height
        Of the figure without its legend, in pixels.
    """
    names = [trace.name for trace in figure.data if trace.showlegend is not False and trace.name]
    lines = sum(1 + name.count("<br>") for name in names) if len(names) > 1 else 0
    figure.for_each_xaxis(
        lambda each: each.update(title=wrapped((each.title.text or "").replace("<br>", " "), 28))
    )
    styled(figure, height + 20 * lines)
    legend = {"orientation": "v", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "tracegroupgap": 0}
    return figure.update_layout(legend=legend, margin={"t": 45 + 20 * lines})


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
    figure = go.Figure()
    for number, (name, rows) in enumerate(groups.items()):
        shift = 0.22 * (number - (len(groups) - 1) / 2)
        untrained = rows.get("untrained", pd.Series(False, rows.index)).astype(bool)
        for part, colour, of in (
            (rows[~untrained], colours[number], name),
            (rows[untrained], GREY, f"{name}, untrained"),
        ):
            if part.empty:
                continue
            figure.add_scatter(
                x=part["value"].round(5),
                y=[place[label] + shift for label in part["label"]],
                error_x=error_bars(part, colour),
                text=part["label"],
                customdata=part[["low", "high"]].round(4),
                hovertemplate="%{text}<br>%{x} [%{customdata[0]}, %{customdata[1]}]<extra></extra>",
                mode="markers",
                name=of,
                marker={"size": 9, "color": colour, "symbol": SYMBOLS[number]},
                showlegend=len(groups) > 1 or bool(untrained.any()),
            )
    if zero:
        figure.add_vline(x=0, line={"dash": "dot", "color": GREY})
    lines = [wrapped(label) for label in labels]
    figure.update_layout(
        xaxis={"title": axis, "tickformat": tickformat},
        yaxis={
            **{"tickvals": list(range(len(labels))), "ticktext": lines, "automargin": True},
            **{"range": [len(labels) - 0.4, -0.6], "zeroline": False},
        },
    )
    return legend_above(figure, 110 + sum(31 + 15 * line.count("<br>") for line in lines))
