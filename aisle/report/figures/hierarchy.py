"""Sunbursts of trees that may have any number of nodes: the largest are drawn, the rest as one each."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from aisle.report.figures.labels import label
from aisle.report.style import styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROOT = ""


def pruned(nodes: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return the `limit` largest nodes, and per parent one node for its other children.

    Parameters
    ----------
    nodes
        path (unique), parent (ROOT of the first level), segment, level, count (that of a parent is not
        below its children's sum); other columns are kept.
    limit
        Nodes that are drawn by their own name. A node's parent is always among them.

    Returns
    -------
    pandas.DataFrame
        As `nodes`; the segment of a node for n others is `n others`.
    """
    # a parent has at least its child's count, and a lower level: it comes first
    ordered = nodes.sort_values(["count", "level", "path"], ascending=[False, True, True])
    kept, rest = ordered.iloc[:limit], ordered.iloc[limit:]
    rest = rest[rest["parent"].isin({ROOT, *kept["path"]})]
    if rest.empty:
        return kept.reset_index(drop=True)
    others = rest.groupby("parent", as_index=False).agg(
        count=("count", "sum"), level=("level", "first"), n=("path", "size")
    )
    others["segment"] = others["n"].map("{} others".format)
    others["path"] = others["parent"] + "\n"  # no path has a line break: ingest collapses white space
    return pd.concat([kept, others.drop(columns="n")], ignore_index=True)


def sunburst(nodes: pd.DataFrame, maxdepth: int, colours: Sequence[str]) -> "Figure":
    """Return the figure of a tree from `pruned`.

    Parameters
    ----------
    nodes
        path, parent, segment, count.
    maxdepth
        Levels that are seen at once; selecting a segment shows those below it.
    colours
        Of the nodes.
    """
    import plotly.graph_objects as go

    trace = go.Sunburst(
        ids=nodes["path"],
        labels=nodes["segment"].map(lambda text: "<br>".join(wrap(label(text, 36), 14)) or " "),
        parents=nodes["parent"],
        values=nodes["count"],
        branchvalues="total",
        maxdepth=maxdepth,
        insidetextorientation="radial",
        customdata=nodes["path"].map(lambda text: label(text.strip(), 120)),
        hovertemplate="%{customdata}<br>%{value:,}, %{percentParent:.1%} of %{parent}<extra></extra>",
        marker={"colors": list(colours)},
        leaf={"opacity": 1},  # the text's colour is chosen for the sector's, whatever the page's is
    )
    # what would be too small to read is left to the label under the pointer
    return styled(go.Figure(trace, layout={"uniformtext": {"minsize": 10, "mode": "hide"}}), 560)
