"""Why a model says what it says: Grad-CAM of pictures, SHAP of words."""

import pandas as pd

from aisle.pretrained.status import ABSENT, UNTRAINED
from aisle.report.blocks import Block, Details, FigureBlock, Leaf, Paragraph, Picture, PicturesBlock, Section
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREY, ORANGE, legend_above, wrapped
from aisle.report.figures.labels import cut
from aisle.report.style import with_interval

CATEGORIES = 40
"""Of which words are shown, the largest."""


def section(results: Results) -> Section:
    """Return where in pictures, and from which words, predictions come."""
    blocks = [*_grad_cam(results), *_words(results), *_examples(results)]
    return Section("explanation", "Why", blocks)


def _grad_cam(results: Results) -> list[Block]:
    found, rows = results.metrics["grad_cam"], results.grad_cam
    if found["weights"] == ABSENT or rows.empty:
        return [Paragraph("Grad-CAM: there are no examples, because weights or pictures are not available.")]
    untrained = found["weights"] == UNTRAINED
    title = str(rows.attrs.get("title", found["model"])) + " (untrained)" * untrained
    titles = results.products.set_index("product_id")["title"]
    pictures = [
        Picture(
            row["original"],
            f"{titles[row['product_id']]}, with the heat map of {row['predicted']} over it",
            [
                cut(titles[row["product_id"]]),
                f"is {row['true']}",
                f"{'right' if row['right'] else 'wrong'}: {row['predicted']} {row['probability']:.1%}",
            ],
            row["activation"],
        )
        for row in rows.to_dict("records")
    ]
    right = int(rows["right"].sum())
    caption = (
        f"{title}: where in the picture the prediction comes from (Grad-CAM, red speaks for the predicted "
        f"category), {right} right and {len(rows) - right} wrong examples of the hold-out's test part, the "
        "most "
        "certain of each."
    )
    blocks: list[Block] = [PicturesBlock("grad-cam", caption, pictures, untrained)]
    if "difference" in found:
        blocks.append(_faithfulness(results, found, title, untrained))
    return blocks


def _faithfulness(results: Results, found: dict[str, float], title: str, untrained: bool) -> FigureBlock:
    import plotly.graph_objects as go

    names = {"drop_hottest": "without the hottest region", "drop_random": "without a random region"}
    values = [found[key] for key in names]
    bars = go.Bar(
        x=values,
        y=[wrapped(name, 18) for name in names.values()],
        orientation="h",
        marker_color=[ORANGE, GREY],
        name="mean drop",
    )
    figure = go.Figure(bars)
    figure.add_scatter(
        x=[found["difference"]],
        y=["difference"],
        error_x={
            "color": BLUE,
            "array": [found["difference_high"] - found["difference"]],
            "arrayminus": [found["difference"] - found["difference_low"]],
        },
        mode="markers",
        marker={"size": 10, "color": BLUE},
        name=f"difference, {results.confidence:.0%} interval",
    )
    figure.update_layout(
        xaxis={"title": "drop of the predicted category's log-probability"},
        yaxis={"automargin": True, "autorange": "reversed"},
    )
    interval = with_interval(found["difference"], found["difference_low"], found["difference_high"])
    sure = found["difference_low"] > 0 or found["difference_high"] < 0
    more = "more" if found["difference"] > 0 else "less"
    told = f"counts {more} than a random one" if sure else "cannot be told from a random one"
    caption = (
        f"Is the heat map true to {title}? On {found['n']} test pictures the hottest region {told}: without "
        "it the "
        f"log-probability drops by {interval} more."
    )
    return FigureBlock("faithfulness", caption, legend_above(figure, 240), untrained)


def _words(results: Results) -> list[Block]:
    """Return the words that push towards each category."""
    words = results.shap_words
    if words.empty:
        return []
    of = "each category"
    if words["category"].nunique() > CATEGORIES:
        largest = results.products["category"].value_counts().index[:CATEGORIES]
        words, of = words[words["category"].isin(largest)], f"each of the {CATEGORIES} largest categories"
    first = words.sort_values("rank").drop_duplicates("category").sort_values("category")
    told = ", ".join(f"{row.category}: {row.word}" for row in first.itertuples(index=False))
    how = (
        "SHAP values of the text model that params.yaml: explain.text names: what a word adds to a "
        "category's "
        f"score before the softmax. The word that counts most for {of}: {told}."
    )
    figures: list[Leaf] = [_category(str(name), rows) for name, rows in words.groupby("category")]
    return [Paragraph(how), Details("Words of each category", figures)]


def _category(category: str, rows: pd.DataFrame) -> FigureBlock:
    import plotly.graph_objects as go

    rows = rows.sort_values("rank")
    figure = go.Figure(
        go.Bar(
            x=rows["mean_shap"].round(4),
            y=[wrapped(str(word), 22) for word in rows["word"]],
            orientation="h",
            marker_color=BLUE,
            customdata=rows["texts"],
            hovertemplate="%{y}: %{x}, in %{customdata} texts<extra></extra>",
        ),
        layout={
            "xaxis_title": "mean SHAP over its texts",
            "yaxis": {"autorange": "reversed", "automargin": True},
        },
    )
    top = rows.iloc[0]
    caption = (
        f"{category}: {top['word']} adds {top['mean_shap']:+.3f} on average, "
        f"and stands in {top['texts']:,} texts."
    )
    return FigureBlock(f"words-{category}", caption, legend_above(figure, 110 + 24 * len(rows)))


def _examples(results: Results) -> list[Block]:
    """Return word by word what made the examples right and wrong."""
    rows = results.shap_examples
    if rows.empty:
        return []
    blocks: list[Block] = []
    for right, word in ((True, "right"), (False, "wrong")):
        part = rows[rows["right"].astype(str) == str(right)]
        figures: list[Leaf] = [
            _example(f"shap-{word}-{number}", each.sort_values("rank"), right)
            for number, (_, each) in enumerate(part.groupby("product_id", sort=False))
        ]
        if figures:
            blocks.append(Details(f"Words of {len(figures)} products predicted {word}", figures))
    return blocks


def _example(name: str, rows: pd.DataFrame, right: bool) -> FigureBlock:
    import plotly.graph_objects as go

    one = rows.iloc[0]
    labels = [wrapped(str(word), 22) for word in rows["word"]]
    figure = go.Figure(layout={"yaxis": {"autorange": "reversed", "automargin": True}, "barmode": "group"})
    figure.add_bar(
        x=rows["shap_predicted"].round(4),
        y=labels,
        orientation="h",
        marker_color=BLUE if right else ORANGE,
        name=f"for {one['predicted']}" + ("" if right else ", predicted"),
        showlegend=True,
    )
    if not right:
        figure.add_bar(
            x=rows["shap_true"].round(4),
            y=labels,
            orientation="h",
            marker_color=BLUE,
            name=f"for {one['category']}, true",
        )
    figure.update_layout(xaxis_title="added to the score before the softmax")
    top = rows.sort_values("shap_predicted").iloc[-1]
    verdict = f"rightly {one['predicted']}" if right else f"{one['predicted']}, but is {one['category']}"
    caption = (
        f"{cut(str(one['title']))}: predicted {verdict}, {one['probability']:.1%}; {top['word']} "
        "speaks most "
        f"for it ({top['shap_predicted']:+.2f})."
    )
    return FigureBlock(name, caption, legend_above(figure, 110 + (24 if right else 34) * len(rows)))
