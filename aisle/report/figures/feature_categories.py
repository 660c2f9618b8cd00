"""Figures of one feature set whose cells are categories: distances, clusters, and a table of both."""

from itertools import combinations

import numpy as np
import pandas as pd

from aisle.report.blocks import FigureBlock, TableBlock
from aisle.report.figures.feature_set import FeatureSet

PRINTED = 15
"""Categories above which a heatmap's values are no longer readable in its cells."""


def distances(found: FeatureSet) -> FigureBlock:
    """Return how far the centres of the categories are from each other."""
    import plotly.graph_objects as go

    grid = found.distances
    between = grid.to_numpy(float)
    pairs = {
        (str(grid.index[i]), str(grid.index[j])): float(between[i, j])
        for i, j in combinations(range(len(grid)), 2)
    }
    near, far = min(pairs, key=lambda pair: pairs[pair]), max(pairs, key=lambda pair: pairs[pair])
    heatmap = go.Heatmap(
        z=grid.round(3).to_numpy().tolist(),
        x=list(grid.columns),
        y=list(grid.index),
        colorscale="Blues",
        texttemplate="%{z:.2f}" if len(grid) <= PRINTED else None,
        hovertemplate="%{y} to %{x}: %{z:.3f}<extra></extra>",
        colorbar={"title": "distance"},
    )
    caption = (
        f"nearest to each other are the centres of {near[0]} and {near[1]} ({pairs[near]:.2f}), farthest "
        f"apart those of {far[0]} and {far[1]} ({pairs[far]:.2f}; Euclidean, on the components)."
    )
    layout = {"yaxis": {"autorange": "reversed"}}
    return found.block("distances", caption, go.Figure(heatmap, layout=layout), 200 + 36 * len(grid))


def clusters(found: FeatureSet) -> FigureBlock:
    """Return how many products of each category are in each cluster."""
    import plotly.graph_objects as go

    matched = found.matched
    names = list(found.matrix.index)
    place = {category: position for position, category in enumerate(names)}
    order = sorted(
        [int(str(number)) for number in found.matrix],
        key=lambda number: place.get(matched.get(number, ""), len(names)),
    )
    counts = found.matrix[order]
    heatmap = go.Heatmap(
        z=counts.div(counts.sum(axis=1), axis=0).round(4).to_numpy().tolist(),
        x=[f"cluster {number}" for number in order],
        y=names,
        text=counts.to_numpy().tolist(),
        texttemplate="%{text}" if len(names) <= PRINTED else None,
        hovertemplate="%{y}, %{x}: %{text} products, %{z:.1%} of the category<extra></extra>",
        colorscale="Blues",
        zmin=0,
        zmax=1,
        colorbar={"title": "share of<br>category", "tickformat": ".0%"},
    )
    cells = {
        (category, number): count
        for category, row in zip(names, counts.to_numpy().tolist(), strict=True)
        for number, count in zip(order, row, strict=True)
    }
    share = sum(cells[category, number] for number, category in matched.items()) / found.scores["n"]
    caption = f"{share:.0%} of the products are in the cluster matched with their category"
    apart = {cell: count for cell, count in cells.items() if matched.get(cell[1]) != cell[0]}
    category, number = max(apart, key=lambda cell: apart[cell])
    if most := apart[category, number]:
        of = f"that of {matched[number]}" if number in matched else "which no category matches"
        caption += f"; the largest group elsewhere is {most:,} of {category} in cluster {number}, {of}"
    layout = {"yaxis": {"autorange": "reversed"}}
    return found.block(
        "clusters", f"{caption} (first seed).", go.Figure(heatmap, layout=layout), 200 + 36 * len(names)
    )


def categories(found: FeatureSet) -> TableBlock:
    """Return the categories' silhouettes, nearest others and clusters."""
    grid = found.distances
    others = grid.where(~np.eye(len(grid), dtype=bool))
    cluster = {category: number for number, category in found.matched.items()}
    rows = [
        {
            "category": category,
            "products": f"{products:,}",
            "silhouette": "" if pd.isna(silhouette) else f"{silhouette:.3f}",
            "nearest category": f"{others.loc[category].idxmin()} ({others.loc[category].min():.2f})",
            "cluster": cluster.get(category, ""),
            "share in it": f"{found.matrix.at[category, cluster[category]] / products:.0%}"
            if category in cluster
            else "",
        }
        for category, products, silhouette in zip(
            found.table["category"],
            found.table["products"],
            pd.to_numeric(found.table["silhouette"]),
            strict=True,
        )
    ]
    return TableBlock(
        f"{found.named}: silhouette, nearest category and matched cluster of each category",
        pd.DataFrame(rows),
    )
