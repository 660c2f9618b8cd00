"""The tree of categories: scores at each depth, where products stop, which siblings are confused."""

from typing import TYPE_CHECKING

import pandas as pd

from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREY, ORANGE, error_bars, legend_above
from aisle.report.figures.labels import label
from aisle.report.sections.answer import three

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LISTED = 20
"""Nodes and pairs of siblings that a table shows; the files have all."""
DRAWN = 400
"""Nodes of the treemap: more are too small to select."""


def section(results: Results) -> Section:
    """Return the scores on the tree, or one line where the categories are a flat list."""
    if results.tables["tree"].empty:
        flat = "The categories are a flat list: `catalogue.category.level: tree` takes the whole tree."
        return Section("tree", "The tree of categories", [Paragraph(flat)])
    blocks: list[Block] = [
        Paragraph(
            "A product's category is the deepest node of the tree that has enough products. The probability "
            "of a node is the sum of those at and below it; a product is put to the deepest node whose "
            "calibrated probability reaches the threshold, chosen without the test part for at most "
            f"{results.target_error:.1%} wrong decisions. Hierarchical precision, recall and F count "
            "the nodes on the way to the predicted category that are on the way to the true one, and the "
            "other way round (Kiritchenko et al. 2005)."
        ),
        _scores(results),
        _depths(results),
        _map(results),
        _siblings(results),
        Details("Where products stop, and nodes that are found least", [_stops(results), _hardest(results)]),
    ]
    return Section("tree", "The tree of categories", blocks)


def _nodes(results: Results) -> pd.DataFrame:
    """Return the tree's table of the most accurate model."""
    table = results.tables["tree"]
    return table[table["model"] == results.best].reset_index(drop=True)


def _scores(results: Results) -> TableBlock:
    rows = [
        {
            "model": results.title(name),
            "hierarchical F": three(scores, "cv_tree_h_f1"),
            "precision": three(scores, "cv_tree_h_precision"),
            "recall": three(scores, "cv_tree_h_recall"),
            "macro F1 of the nodes": three(scores, "cv_tree_macro_f1"),
            "decided at some depth": three(scores, "cv_tree_decided"),
            "right among these": three(scores, "cv_tree_decided_accuracy"),
        }
        for name, scores in results.compared.items()
    ]
    nodes = _nodes(results)
    categories = int(nodes["is_label"].astype(bool).sum())
    caption = (
        f"Scores on the tree of {len(nodes)} nodes, {categories} of them categories, "
        f"{int(nodes['depth'].max())} deep; out of fold, with {results.confidence:.0%} intervals"
    )
    return TableBlock(caption, pd.DataFrame(rows))


def _depths(results: Results) -> FigureBlock:
    """Return for each depth how many are right, how many are put there, and how many of those are right."""
    import plotly.graph_objects as go

    scores = results.models[results.best]
    levels = range(1, int(_nodes(results)["depth"].max()) + 1)
    figure = go.Figure()
    parts = {
        "right at this depth": ("cv_tree_accuracy_depth", BLUE),
        "put exactly here": ("cv_tree_decided_depth", GREY),
        "right among those put here": ("cv_tree_decided_accuracy_depth", ORANGE),
    }
    for name, (key, colour) in parts.items():
        found = [[scores[f"{key}_{level}{end}"] for end in ("", "_low", "_high")] for level in levels]
        rows = pd.DataFrame(found, columns=["value", "low", "high"])
        figure.add_bar(
            x=[f"depth {level}" for level in levels],
            y=rows["value"].round(4),
            error_y=error_bars(rows, colour),
            name=name,
            marker_color=colour,
        )
    figure.update_layout(barmode="group", yaxis={"tickformat": ".0%", "range": [0, 1.02]})
    first = scores["cv_tree_accuracy_depth_1"]
    caption = (
        f"{results.title(results.best)}: {first:.1%} of the products are right at the first depth; "
        f"{scores['cv_tree_decided']:.1%} are put to a node without a person, "
        f"{scores['cv_tree_decided_accuracy']:.1%} of these rightly."
    )
    return FigureBlock("tree-depths", caption, legend_above(figure, 380))


def _map(results: Results) -> FigureBlock:
    """Return the tree as a treemap: a node's size is its products, its colour the F1."""
    nodes = _nodes(results)
    worst = nodes[nodes["products"] > 0].sort_values(["f1", "node"]).iloc[0]
    caption = (
        f"The tree with its scores, {results.title(results.best)}: area is products, colour F1. Select a "
        f"node to see those below it. Lowest: {shown(worst['node'])}, F1 {worst['f1']:.2f}."
    )
    return FigureBlock("tree-scores", caption, _treemap(nodes.nlargest(DRAWN, "products", keep="all")))


def _treemap(nodes: pd.DataFrame) -> "Figure":
    import plotly.graph_objects as go

    from aisle.report.style import styled

    parts = nodes["node"].str.rpartition(PATH_SEPARATOR)
    trace = go.Treemap(
        ids=nodes["node"],
        labels=parts[2].map(label),
        parents=parts[0],
        values=nodes["products"].round(2),
        branchvalues="total",
        maxdepth=3,
        customdata=[
            [label(node, 120), *figures]
            for node, *figures in nodes[["node", "precision", "recall", "f1", "stopped"]].round(3).to_numpy()
        ],
        hovertemplate="%{customdata[0]}<br>%{value:,.0f} products<br>precision %{customdata[1]:.3f}, recall "
        "%{customdata[2]:.3f}, F1 %{customdata[3]:.3f}<br>%{customdata[4]:,.0f} are put exactly here"
        "<extra></extra>",
        marker={
            "colors": nodes["f1"].round(3),
            "colorscale": "Viridis",
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": "F1"},
        },
    )
    return styled(go.Figure(trace), 560)


def _stops(results: Results) -> TableBlock:
    """Return the nodes that most products are put to and that are no category's end: there it stops early."""
    nodes = _nodes(results)
    inner = set(nodes["node"].str.rpartition(PATH_SEPARATOR)[0])
    found = nodes[nodes["node"].isin(inner)]
    found = found.sort_values(["stopped", "node"], ascending=[False, True]).head(LISTED)
    table = pd.DataFrame(
        {
            "node": found["node"].map(shown),
            "depth": found["depth"],
            "products at or below it": found["products"].round().astype(int),
            "put exactly here": found["stopped"].round().astype(int),
            "rightly": found["stopped_right"].round(3),
        }
    )
    return TableBlock(f"{results.title(results.best)}: inner nodes that products stop at", table)


def _hardest(results: Results) -> TableBlock:
    nodes = _nodes(results).sort_values(["recall", "node"]).head(LISTED)
    table = nodes[["precision", "recall", "f1"]].round(3)
    table.insert(0, "products", nodes["products"].round().astype(int))
    table.insert(0, "node", nodes["node"].map(shown))
    table = table.rename(columns={"f1": "F1"})
    return TableBlock(f"{results.title(results.best)}: the {len(table)} nodes with the lowest recall", table)


def _siblings(results: Results) -> TableBlock | Paragraph:
    table = results.tables["siblings"]
    pairs = table[table["model"] == results.best].head(LISTED)
    if pairs.empty:
        return Paragraph(f"{results.title(results.best)} takes no node for a sibling of it.")
    rows = pd.DataFrame(
        {
            "below": pairs["parent"].fillna("").map(lambda node: shown(node) or "the root"),
            "is": pairs["actual"].str.rpartition(PATH_SEPARATOR)[2],
            "is taken for": pairs["predicted"].str.rpartition(PATH_SEPARATOR)[2],
            "products": pairs["products"].round(1),
        }
    )
    return TableBlock(f"{results.title(results.best)}: the siblings that are confused most often", rows)


def shown(node: str) -> str:
    """Return a node's path, short enough for a table: its beginning gives way."""
    return node if len(node) <= 80 else f"... {node[-76:]}"
