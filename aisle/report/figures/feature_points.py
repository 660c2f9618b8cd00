"""Figures of one feature set whose points are components or products: variance, map, silhouettes."""

import numpy as np
import pandas as pd

from aisle.report.blocks import FigureBlock
from aisle.report.figures.feature_set import GREY, FeatureSet
from aisle.report.style import with_sd

SHOWN = 3_000
"""Products drawn in a map and in a silhouette plot, at most: each is a point of the page."""
CURVE = 150
"""Points of a curve, at most."""


def sampled(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return at most `SHOWN` rows, in their order, and what a caption has to say of that."""
    if len(rows) <= SHOWN:
        return rows, ""
    return (
        rows.sample(SHOWN, random_state=0).sort_index(),
        f" Drawn: a random sample of {SHOWN:,} of {len(rows):,}.",
    )


def variance(found: FeatureSet) -> FigureBlock:
    """Return what each principal component explains, and the elbow."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    m, elbow = len(found.curve), found.scores["elbow"]
    kept = {*range(min(25, m)), elbow - 1, *np.linspace(0, m - 1, CURVE).round().astype(int)}
    curve = found.curve.iloc[sorted(kept)]
    x, share, total = (curve[name].round(5).tolist() for name in ("component", "variance", "cumulative"))
    at = float(found.curve["cumulative"].iloc[elbow - 1])
    figure = make_subplots(cols=2)
    line, dots = {"color": "#0072B2"}, {"color": GREY, "dash": "dot"}
    figure.add_scatter(x=x, y=share, mode="lines", line=line, name="a component", col=1, row=1)
    figure.add_scatter(x=[1, m], y=[1 / m] * 2, mode="lines", line=dots, name="the average one", col=1, row=1)
    figure.add_scatter(x=[0, *x], y=[0, *total], mode="lines", line=line, name="the first ones", col=2, row=1)
    figure.add_scatter(x=[0, m], y=[0, 1], mode="lines", line=dots, name="if all were alike", col=2, row=1)
    for column, y in ((1, float(found.curve["variance"].iloc[elbow - 1])), (2, at)):
        figure.add_scatter(
            x=[elbow],
            y=[round(y, 5)],
            mode="markers",
            marker={"size": 12, "color": "#D55E00", "symbol": "diamond"},
            name=f"elbow: {elbow:,}",
            legendgroup="elbow",
            showlegend=column == 1,
            col=column,
            row=1,
        )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(xaxis_title="each component", xaxis2_title="the first ones together")
    half = int((found.curve["cumulative"] < 0.5).sum()) + 1
    caption = (
        f"the elbow is at {elbow:,} of {m:,} components, which explain {at:.0%} of the variance; "
        f"the first {half:,} explain half."
    )
    return found.block("variance", caption, go.Figure(figure), 380)


def maps(found: FeatureSet) -> FigureBlock:
    """Return the t-SNE map twice: by category and by cluster. The legend switches both."""
    from plotly.subplots import make_subplots

    points, note = sampled(found.points)
    matched = found.matched
    figure = make_subplots(cols=2, horizontal_spacing=0.02)

    def draw(rows: pd.DataFrame, column: int, name: str, category: str | None) -> None:
        figure.add_scatter(
            x=rows["x"].round(2).tolist(),
            y=rows["y"].round(2).tolist(),
            mode="markers",
            name=name,
            legendgroup=category or name,
            showlegend=column == 1 or category is None,
            marker={
                "color": found.colour.get(str(category), GREY),
                "size": 5,
                "opacity": 0.8,
            },
            customdata=rows["product_id"].tolist(),
            meta="products",
            text=("cluster " + rows["cluster"].astype(str)).tolist(),
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
            col=column,
            row=1,
        )

    for category, rows in points.groupby("category"):
        draw(rows, 1, str(category), str(category))
    for cluster, rows in points.groupby("cluster"):
        draw(rows, 2, f"cluster {cluster}", matched.get(int(str(cluster))))
    figure.update_xaxes(matches="x", showticklabels=False, showgrid=False, zeroline=False, ticks="")
    figure.update_yaxes(visible=False, matches="y")
    figure.update_layout(
        xaxis_title="by category", xaxis2_title="by cluster", legend={"itemsizing": "constant"}
    )
    caption = (
        f"t-SNE of {len(found.points):,} products (first seed) by category and by cluster; a cluster has the "
        "colour of the category that most of its products agree with, one to one: ARI over all seeds "
        f"{with_sd(found.scores['ari'], found.scores['ari_sd'])}.{note}"
    )
    return found.block("map", caption, figure, 520)


def silhouettes(found: FeatureSet) -> FigureBlock:
    """Return each product's silhouette, sorted within its category."""
    import plotly.graph_objects as go

    every = found.points.dropna(subset="silhouette")
    points, note = sampled(every)
    if len(every) < len(found.points):
        note = f" Found of a random sample of {len(every):,} of {len(found.points):,} products.{note}"
    figure, ticks, start = go.Figure(), {}, 0
    means = every.groupby("category")["silhouette"].mean()
    gap = max(len(points) // 60, 1)
    for category, rows in points.groupby("category"):
        rows = rows.sort_values("silhouette", ascending=False, kind="stable")
        ticks[f"{category} {means[category]:.2f}"] = start + len(rows) / 2
        figure.add_scatter(
            x=rows["silhouette"].round(3).tolist(),
            y=list(range(start, start + len(rows))),
            mode="lines",
            line={"width": 1, "color": found.colour[str(category)]},
            fill="tozerox",
            fillcolor=found.colour[str(category)],
            name=str(category),
            customdata=rows["product_id"].tolist(),
            meta="products",
            text=("silhouette " + rows["silhouette"].map("{:.2f}".format)).tolist(),
            hovertemplate="%{customdata}<br>%{text}<extra></extra>",
            showlegend=False,
        )
        start += len(rows) + gap
    mean = every["silhouette"].mean()
    figure.add_vline(x=round(mean, 4), line={"color": GREY, "dash": "dash", "width": 2})
    figure.update_layout(
        xaxis_title="silhouette (dashed: mean)",
        hovermode="y",  # a product is where its line is, not only at the line's end
        yaxis={
            "tickvals": list(ticks.values()),
            "ticktext": list(ticks),
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
        },
    )
    caption = (
        f"mean silhouette {mean:.3f}; {(every['silhouette'] < 0).mean():.0%} of the products are nearer to "
        f"another category than to their own (below 0). {means.idxmax()} stands apart most "
        f"({means.max():.2f}), {means.idxmin()} least ({means.min():.2f}).{note}"
    )
    return found.block("silhouette", caption, figure, 160 + 45 * len(means))
