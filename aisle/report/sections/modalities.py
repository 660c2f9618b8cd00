"""How much text and picture each move the predictions of models that read both."""

import numpy as np
import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock
from aisle.report.data.results import Results
from aisle.report.figures import labels
from aisle.report.figures.charts import BLUE, ORANGE, legend_above, wrapped

SAMPLED = 2000
"""Points of a figure at most; of more products a sample is drawn."""


def _box(values: pd.Series) -> dict[str, list[float]]:
    """Return the quartiles and the 5 % and 95 % quantiles: the page then needs no single value."""
    low, first, median, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]).round(3)
    return {"lowerfence": [low], "q1": [first], "median": [median], "q3": [third], "upperfence": [high]}


def moved(results: Results) -> list[Block]:
    """Return the Shapley values of text and picture of each fusion, and those of the first by product."""
    import plotly.graph_objects as go

    tables = {name: rows for name, rows in results.shap_fusion.items() if len(rows)}
    if not tables:
        return []
    colour = {"text": BLUE, "image": ORANGE}
    boxes = [
        go.Box(
            **_box(rows[f"phi_{modality}"]),
            y=[wrapped(results.title(name))],
            name={"image": "picture"}.get(modality, modality),
            orientation="h",
            marker={"color": colour[modality]},
            legendgroup=modality,
            offsetgroup=modality,
            showlegend=name == next(iter(tables)),
        )
        for modality in ("text", "image")
        for name, rows in tables.items()
    ]
    more = {name: (rows["phi_image"].abs() > rows["phi_text"].abs()).mean() for name, rows in tables.items()}
    told = "; ".join(f"{results.title(name)}: {share:.1%}" for name, share in more.items())
    caption = (
        "How far text and picture each move a prediction (Shapley values; box: quartiles, whiskers: 5 % to "
        f"95 % of the products). Share of products that the picture moves more than the text: {told}."
    )
    title = "added to the log-odds of the predicted category"
    layout = {
        "boxmode": "group",
        "xaxis": {"title": title, "zeroline": True},
        "yaxis": {"automargin": True, "autorange": "reversed"},
    }
    untrained = any(results.is_untrained(name) for name in tables)
    figure = legend_above(go.Figure(boxes, layout=layout), 130 + 80 * len(tables))
    blocks: list[Block] = [FigureBlock("fusion-shap", caption, figure, untrained)]
    name = max(tables, key=lambda each: results.models[each].get("cv_accuracy", 0))
    return [*blocks, Details(f"{results.title(name)}, product by product", [_products(results, name)])]


def _products(results: Results, name: str) -> FigureBlock:
    """Return what text and picture did to each product's prediction by one fusion."""
    import plotly.graph_objects as go

    rows = results.shap_fusion[name]
    n = len(rows)
    rows = rows.sort_values("product_id")
    rows = rows.sample(SAMPLED, random_state=0).sort_values("product_id") if n > SAMPLED else rows
    titles = results.products.set_index("product_id")["title"]
    figure = go.Figure(layout={"xaxis_title": "text, log-odds", "yaxis_title": "picture, log-odds"})
    right = rows["category"] == rows["predicted"]
    for label, kept, colour, symbol in (
        ("category as given", right, BLUE, "circle"),
        ("another category", ~right, ORANGE, "diamond"),
    ):
        part = rows[kept]
        figure.add_scatter(
            x=part["phi_text"].round(2),
            y=part["phi_image"].round(2),
            mode="markers",
            name=label,
            customdata=part["product_id"],
            meta="products",
            text=[labels.label(titles[key], 60) for key in part["product_id"]],
            hovertemplate="%{text}<extra></extra>",
            marker={"size": 6, "color": colour, "symbol": symbol, "opacity": 0.7},
        )
    against = int((rows["phi_image"] < 0).sum())
    sampled = f" A sample of {SAMPLED:,} of {n:,} products." if n > SAMPLED else ""
    caption = (
        f"{results.title(name)}: of {len(rows):,} products the picture speaks against the predicted category "
        f"of {against:,}, the text of {int((rows['phi_text'] < 0).sum()):,}; the model explained learned "
        "from all "
        f"products.{sampled}"
    )
    return FigureBlock("fusion-shap-products", caption, legend_above(figure, 440), results.is_untrained(name))


def weights(results: Results) -> list[Block]:
    """Return how models that weigh text and picture product by product do so, out of fold."""
    import plotly.graph_objects as go

    said = results.tables["products"]
    blocks: list[Block] = []
    if "weight_text" not in said:
        return blocks
    for name, rows in said[said["weight_text"].notna()].groupby("model", observed=True):
        weight, edges = rows["weight_text"], np.linspace(0, 1, 21)
        figure = go.Figure(layout={"barmode": "stack"})
        right = rows["right_share"] > 0.5
        for label, kept, colour in (("right", right, BLUE), ("wrong in most repeats", ~right, ORANGE)):
            counts = np.histogram(weight[kept], edges)[0]
            figure.add_bar(
                x=((edges[:-1] + edges[1:]) / 2).round(3), y=counts, name=label, marker_color=colour
            )
        figure.update_layout(
            xaxis={"title": "weight of the text (the picture has the rest)", "range": [0, 1]},
            yaxis={"title": "products"},
        )
        caption = (
            f"{results.title(str(name))}: the median of the text's weight is {weight.median():.2f}; it is "
            f"less than the picture's for {int((weight < 0.5).sum()):,} of {len(rows):,} products."
        )
        block = FigureBlock(
            f"weights-{name}", caption, legend_above(figure, 320), results.is_untrained(str(name))
        )
        blocks.append(block)
    return blocks
