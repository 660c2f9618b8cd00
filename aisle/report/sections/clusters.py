"""The feature sets without labels: one comparison of all, and the map and the categories of each."""

from typing import Any

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Leaf, Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import colours, styled, with_sd
from aisle.weights import ABSENT, UNTRAINED

MANY = 5_000
"""Points above which a map is drawn by WebGL; a page can have but a few such figures."""


def section(results: Results) -> Section:
    """Return the comparison of the feature sets and, folded away, the details of each."""
    metrics = {name: results.metrics[f"cluster/{name}"] for name in results.clusters}
    table = pd.DataFrame([{"feature set": name, **_row(scores)} for name, scores in metrics.items()])
    published = [scores.get("published_ari") for scores in metrics.values()]
    if any(published):
        column = ["" if ari is None else f"{ari:.3f}" for ari in published]
        table.insert(list(table).index("ARI") + 1, "published ARI", pd.Series(column))
    k = max(scores["k"] for scores in metrics.values())
    how = (
        "Each feature set: scaled, turned to its principal components, t-SNE to two dimensions, KMeans. "
        "The ARI sets the clusters against the categories: 0 is chance, 1 is perfect. Mean ± standard "
        "deviation over the seeds: t-SNE starts at the first two components, with noise. The best K has the "
        "highest silhouette on the map and is found without the categories; the elbow is the number of "
        "components that explain more than the average one. The silhouette of the categories is on the "
        "components: how far they are apart before t-SNE."
    )
    blocks: list[Block] = [Paragraph(how), TableBlock(f"Clusters against {k} categories", table)]
    scored = {name: scores for name, scores in metrics.items() if scores["ari"] is not None}
    if scored:
        blocks.append(_comparison(scored))
    blocks += [_details(results, name, scores) for name, scores in scored.items()]
    return Section("clusters", "Without labels", blocks)


def _row(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the comparison's cells for one feature set."""
    row = {"weights": scores["weights"], "products": scores["n"]}
    if scores["ari"] is None:
        missing = scores["weights"] == ABSENT
        return (
            row
            | {"ARI": "weights not available" if missing else "too few products"}
            | dict.fromkeys(
                [
                    "silhouette",
                    "best K",
                    "ARI, best K",
                    "components",
                    "elbow",
                    "silhouette of the categories",
                ],
                "",
            )
        )
    return row | {
        "ARI": with_sd(scores["ari"], scores["ari_sd"]),
        "silhouette": with_sd(scores["silhouette"], scores["silhouette_sd"]),
        "best K": scores["best_k"],
        "ARI, best K": with_sd(scores["ari_best_k"], scores["ari_best_k_sd"]),
        "components": scores["components"],
        "elbow": scores["elbow"],
        "silhouette of the categories": f"{scores['silhouette_categories']:.3f}",
    }


def _named(name: str, scores: dict[str, Any]) -> str:
    """Return the name, with a word where random weights made the features."""
    return f"{name} (untrained)" if scores["weights"] == UNTRAINED else name


def _comparison(scored: dict[str, dict[str, Any]]) -> FigureBlock:
    import plotly.graph_objects as go

    order = sorted(scored, key=lambda name: scored[name]["ari"])
    points = go.Bar(
        x=[scored[name]["ari"] for name in order],
        y=[_named(name, scored[name]) for name in order],
        error_x={"array": [scored[name]["ari_sd"] for name in order]},
        orientation="h",
        marker_color=["#999999" if scored[name]["weights"] == UNTRAINED else "#0072B2" for name in order],
    )
    best = scored[order[-1]]
    caption = (
        f"{_named(order[-1], best)} is nearest to the categories: ARI {with_sd(best['ari'], best['ari_sd'])}."
    )
    if any(scores["weights"] == UNTRAINED for scores in scored.values()):
        caption += " Grey: untrained."
    layout = {"xaxis_title": "adjusted Rand index (bar: mean, whisker: sd over seeds)"}
    return FigureBlock("ari", caption, styled(go.Figure(points, layout=layout), 120 + 28 * len(order)))


def _details(results: Results, name: str, scores: dict[str, Any]) -> Details:
    """Return the map of one feature set, and its categories' silhouettes, distances and clusters."""
    named, table = _named(name, scores), results.cluster_tables[name]
    silhouette = pd.to_numeric(table["silhouette"]).map(
        lambda value: "" if pd.isna(value) else f"{value:.3f}"
    )
    distances = table.filter(regex="^distance_").rename(
        columns=lambda column: column.removeprefix("distance_")
    )
    clusters = table.filter(regex="^cluster_").rename(columns=lambda column: column.replace("_", " "))
    far = pd.concat([table["category"], silhouette, distances.map("{:.2f}".format)], axis=1)
    counts = pd.concat([table[["category", "products"]], clusters], axis=1)
    blocks: list[Leaf] = [
        _map(results, name, scores),
        TableBlock(f"{named}: silhouette of each category, and distances between their centres", far),
        TableBlock(f"{named}: products of each category in each cluster (first seed)", counts),
    ]
    return Details(f"{named}: ARI {with_sd(scores['ari'], scores['ari_sd'])}", blocks)


def _map(results: Results, name: str, scores: dict[str, Any]) -> FigureBlock:
    import plotly.graph_objects as go

    points = results.clusters[name].merge(
        results.products[["product_id", "title", "category"]], on="product_id"
    )
    colour = colours(list(results.products["category"].unique()))
    draw = go.Scattergl if len(points) > MANY else go.Scatter
    traces = [
        draw(
            x=rows["x"].round(2),
            y=rows["y"].round(2),
            mode="markers",
            name=category,
            text=rows["title"].str.slice(0, 60) + "<br>cluster " + rows["cluster"].astype(str),
            hovertemplate="%{text}<br>" + str(category) + "<extra></extra>",
            marker={"color": colour[str(category)], "size": 6, "opacity": 0.8},
        )
        for category, rows in points.groupby("category")
    ]
    caption = (
        f"{_named(name, scores)}: t-SNE of {scores['n']:,} products by category (first seed); "
        f"ARI over all seeds {with_sd(scores['ari'], scores['ari_sd'])}."
    )
    hidden = {"visible": False}
    return FigureBlock(
        f"map-{name}", caption, styled(go.Figure(traces, layout={"xaxis": hidden, "yaxis": hidden}), 520)
    )
