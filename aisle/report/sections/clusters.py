"""The feature sets without labels: ARI of all, and a map of each."""

import pandas as pd

from aisle.report.blocks import Block, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import colours, styled, with_sd


def section(results: Results) -> Section:
    """Return the comparison of the feature sets and the t-SNE map of each."""
    metrics = {name: results.metrics[f"cluster/{name}"] for name in results.clusters}
    table = pd.DataFrame(
        [
            {
                "feature set": name,
                "products": scores["n"],
                "components": scores.get("components", "too few products"),
                "ARI": with_sd(scores["ari"], scores["ari_sd"]),
                "silhouette of the clusters": with_sd(scores["silhouette"], scores["silhouette_sd"]),
            }
            for name, scores in metrics.items()
        ]
    )
    how = (
        "Each feature set: scaled, principal components, t-SNE to two dimensions, KMeans with as many "
        "clusters as there are categories. ARI 0 is chance, 1 is perfect. Mean ± standard deviation over the "
        "seeds."
    )
    blocks: list[Block] = [Paragraph(how), TableBlock("Clusters against categories", table)]
    scored = {name: scores for name, scores in metrics.items() if scores["ari"] is not None}
    if scored:
        blocks.append(_comparison(scored))
    blocks += [_map(results, name, scores) for name, scores in scored.items()]
    return Section("clusters", "Without labels", blocks)


def _comparison(scored: dict[str, dict[str, float]]) -> FigureBlock:
    import plotly.graph_objects as go

    order = sorted(scored, key=lambda name: scored[name]["ari"])
    points = go.Bar(
        x=[scored[name]["ari"] for name in order],
        y=order,
        error_x={"array": [scored[name]["ari_sd"] for name in order]},
        orientation="h",
        marker_color="#0072B2",
    )
    best = scored[order[-1]]
    caption = f"{order[-1]} is nearest to the categories: ARI {with_sd(best['ari'], best['ari_sd'])}."
    layout = {"xaxis_title": "adjusted Rand index (bar: mean, whisker: sd over seeds)"}
    return FigureBlock("ari", caption, styled(go.Figure(points, layout=layout), 120 + 40 * len(order)))


def _map(results: Results, name: str, scores: dict[str, float]) -> FigureBlock:
    import plotly.graph_objects as go

    points = results.clusters[name].merge(
        results.products[["product_id", "title", "category"]], on="product_id"
    )
    colour = colours(list(results.products["category"].unique()))
    traces = [
        go.Scattergl(
            x=rows["x"].round(3),
            y=rows["y"].round(3),
            mode="markers",
            name=category,
            text=rows["title"].str.slice(0, 80),
            hovertemplate="%{text}<br>" + str(category) + "<extra></extra>",
            marker={"color": colour[str(category)], "size": 6, "opacity": 0.8},
        )
        for category, rows in points.groupby("category")
    ]
    caption = (
        f"{name}: t-SNE of {scores['n']:,} products by category (first seed); "
        f"ARI over all seeds {with_sd(scores['ari'], scores['ari_sd'])}."
    )
    hidden = {"visible": False}
    return FigureBlock(
        f"map-{name}", caption, styled(go.Figure(traces, layout={"xaxis": hidden, "yaxis": hidden}), 520)
    )
