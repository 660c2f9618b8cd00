"""The feature sets without labels: one comparison of all, and the figures of each, folded away."""

from typing import Any

import pandas as pd

from aisle.pretrained.status import ABSENT, UNTRAINED
from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.feature_categories import categories, clusters, distances
from aisle.report.figures.feature_points import maps, silhouettes, variance
from aisle.report.figures.feature_set import GREY, FeatureSet, named
from aisle.report.style import colours, styled, with_sd


def section(results: Results) -> Section:
    """Return the comparison of the feature sets and, folded away, the details of each."""
    metrics = _metrics(results)
    how = (
        "Each feature set: scaled, turned to its principal components, t-SNE to two dimensions, KMeans. "
        "The ARI sets the clusters against the categories: 0 is chance, 1 is perfect. Mean ± standard "
        "deviation over the seeds: t-SNE starts at the first two components, with noise. The best K has the "
        "highest silhouette on the map and is found without the categories; the elbow is the number of "
        "components that explain more than the average one. The silhouette of the categories is on the "
        "components: how far they are apart before t-SNE."
    )
    blocks: list[Block] = [Paragraph(how)]
    scored = {name: scores for name, scores in metrics.items() if scores["ari"] is not None}
    if scored:
        blocks += [_comparison(metrics), _table(scored)]
    for reason, absent in (
        ("their weights are not available here", True),
        ("they have too few products", False),
    ):
        names = [
            name + ("" if scores.get("published_ari") is None else f" ({scores['published_ari']:.3f})")
            for name, scores in metrics.items()
            if name not in scored and (scores["weights"] == ABSENT) == absent
        ]
        if names:
            published = " (published ARI)" * any("(" in name for name in names)
            blocks.append(Paragraph(f"Not clustered{published}, for {reason}: {', '.join(names)}."))
    blocks += [_details(results, name) for name in scored]
    return Section("clusters", "Without labels", blocks)


def _metrics(results: Results) -> dict[str, dict[str, Any]]:
    return {name: results.metrics[f"cluster/{name}"] for name in results.clusters}


COMPARED = (
    "weights",
    "n",
    "k",
    "ari",
    "ari_sd",
    "published_ari",
    "silhouette",
    "silhouette_sd",
    "best_k",
    "ari_best_k",
    "ari_best_k_sd",
    "components",
    "elbow",
    "silhouette_categories",
)


def compared(results: Results) -> pd.DataFrame:
    """Return a row of figures for each feature set that has them, in params.yaml's order, for `dvc plots`."""
    rows = [
        {"feature_set": name, **{key: scores.get(key) for key in COMPARED}}
        for name, scores in _metrics(results).items()
        if scores["ari"] is not None
    ]
    return pd.DataFrame(rows, columns=["feature_set", *COMPARED])


def _table(scored: dict[str, dict[str, Any]]) -> TableBlock:
    """Return the figures of each feature set, with the published one beside ours."""
    table = pd.DataFrame(
        {
            "feature set": name,
            "weights": scores["weights"],
            "products": f"{scores['n']:,}",
            "ARI": with_sd(scores["ari"], scores["ari_sd"]),
            "published ARI": "" if scores.get("published_ari") is None else f"{scores['published_ari']:.3f}",
            "silhouette": with_sd(scores["silhouette"], scores["silhouette_sd"]),
            "best K": scores["best_k"],
            "ARI, best K": with_sd(scores["ari_best_k"], scores["ari_best_k_sd"]),
            "elbow": scores["elbow"],
            "silhouette of the categories": f"{scores['silhouette_categories']:.3f}",
        }
        for name, scores in scored.items()
    )
    table = table.map(lambda cell: str(cell).replace(" ± ", "\u00a0±\u00a0"))  # a figure on one line
    if not table["published ARI"].any():
        table = table.drop(columns="published ARI")
    k = max(scores["k"] for scores in scored.values())
    return TableBlock(f"Clusters of {len(scored)} feature sets against {k} categories", table)


def _comparison(metrics: dict[str, dict[str, Any]]) -> FigureBlock:
    """Return the ARI of each feature set, with its spread, and the published one beside it."""
    import plotly.graph_objects as go

    shown = {
        name: scores
        for name, scores in metrics.items()
        if scores["ari"] is not None or scores.get("published_ari") is not None
    }
    scored = {name: scores for name, scores in shown.items() if scores["ari"] is not None}
    without = [name for name in shown if name not in scored]
    order = [*without, *sorted(scored, key=lambda name: scored[name]["ari"])]
    label = {
        name: named(name, scores) + (" (no weights)" if name in without else "")
        for name, scores in shown.items()
    }
    measured = [name for name in order if name in scored]
    untrained = [scored[name]["weights"] == UNTRAINED for name in measured]
    figure = go.Figure(
        go.Bar(
            x=[scored[name]["ari"] for name in measured],
            y=[label[name] for name in measured],
            error_x={"array": [scored[name]["ari_sd"] for name in measured], "color": GREY},
            orientation="h",
            marker_color=["#BBBBBB" if each else "#0072B2" for each in untrained],
            name="here: mean, whisker: sd over seeds",
        )
    )
    # random weights may have a part in a good set, whose other part is what is good
    best = next((name for name in reversed(measured) if scored[name]["weights"] != UNTRAINED), order[-1])
    ari = with_sd(scored[best]["ari"], scored[best]["ari_sd"])
    among = "Of the sets without random weights, " * any(untrained)
    caption = f"{among}{label[best]} is nearest to the categories: ARI {ari}."
    published = {name: scores.get("published_ari") for name, scores in shown.items()}
    known = [name for name in order if published[name] is not None]
    if known:
        figure.add_scatter(
            x=[published[name] for name in known],
            y=[label[name] for name in known],
            mode="markers",
            marker={"symbol": "diamond", "size": 11, "color": "#D55E00"},
            name="published by another study",
        )
        both = [name for name in reversed(known) if name in scored]
        told = [f"{name} {scored[name]['ari']:.3f} here, {published[name]:.3f} published" for name in both]
        caption += f" Beside a published figure: {'; '.join(told)}." if told else ""
        if absent := [name for name in known if name not in scored]:
            caption += f" Published alone, for the weights are not available here: {', '.join(absent)}."
    if any(untrained):
        caption += " Grey: untrained."
    figure.update_layout(
        xaxis_title="adjusted Rand index",
        yaxis={"categoryorder": "array", "categoryarray": [label[name] for name in order]},
    )
    return FigureBlock("ari", caption, styled(figure, 150 + 28 * len(order)), any(untrained))


def _details(results: Results, name: str) -> Details:
    """Return all of one feature set, to be folded away."""
    found = FeatureSet(
        name,
        results.metrics[f"cluster/{name}"],
        results.clusters[name].merge(results.products[["product_id", "category"]], on="product_id"),
        results.cluster_tables[name],
        results.cluster_curves[name],
        colours(list(results.products["category"].unique())),
    )
    blocks = [variance(found), maps(found), silhouettes(found), distances(found), clusters(found)]
    ari = with_sd(found.scores["ari"], found.scores["ari_sd"])
    return Details(f"{found.named}: ARI {ari}", [*blocks, categories(found)])
