"""Box plots per category from quantiles: as small for 100,000 products as for 1,000."""

import pandas as pd

from aisle.report.blocks import FigureBlock
from aisle.report.figures.labels import label
from aisle.report.style import colours, styled

KEY = "Box: quartiles and median; whiskers: 5 % and 95 % of the products."


def medians(rows: pd.DataFrame, text: str, digits: int) -> str:
    """Return a sentence on the lowest and the highest median of the categories.

    Parameters
    ----------
    rows
        Of one measure, as in reports/exploration/distributions.parquet; must have a row of all products.
    text
        What is measured, the sentence's subject.
    digits
        After the point.
    """
    overall = rows.loc[rows["category"].eq(""), "median"].iloc[0]
    each = rows[rows["category"].ne("")].sort_values(["median", "category"])
    low, high = each.iloc[0], each.iloc[-1]
    said = f"{text}: median {overall:,.{digits}f}"
    if len(each) == 1:
        return f"{said}."
    return (
        f"{said}; lowest in {low['category']} ({low['median']:,.{digits}f}), "
        f"highest in {high['category']} ({high['median']:,.{digits}f})."
    )


def boxes(
    name: str, rows: pd.DataFrame, caption: str, axis: str, categories: list[str], log: bool = False
) -> FigureBlock:
    """Return the figure of one measure.

    Parameters
    ----------
    name
        Of the figure.
    rows
        Of one measure, as in reports/exploration/distributions.parquet.
    caption
        From `medians`.
    axis
        Title of the axis, with its unit.
    categories
        All of the catalogue's, for the colours.
    log
        Whether the axis is logarithmic; only where every value is above 0.
    """
    import plotly.graph_objects as go

    each = rows[rows["category"].ne("")].sort_values("category", ascending=False)
    colour = colours(categories)
    traces = [
        go.Box(
            orientation="h",
            y=[label(row["category"])],
            name=row["category"],
            q1=[row["q1"]],
            median=[row["median"]],
            q3=[row["q3"]],
            lowerfence=[row["low"]],
            upperfence=[row["high"]],
            marker_color=colour[row["category"]],
            showlegend=False,
        )
        for row in each.round(4).to_dict("records")
    ]
    log = log and bool(each["low"].gt(0).all())
    layout = {"xaxis": {"title": axis, "type": "log" if log else "linear"}}
    figure = styled(go.Figure(traces, layout=layout), 130 + 42 * len(traces))
    return FigureBlock(name, f"{caption} {KEY}", figure)
