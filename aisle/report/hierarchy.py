"""Sunbursts of trees that may have any number of nodes: the largest are drawn, the rest as one each."""

import pandas as pd

from aisle.report.labels import label

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


def sunburst(nodes: pd.DataFrame, maxdepth: int, **marker: object) -> object:
    """Return Plotly's trace of a tree from `pruned`; `marker` is passed on."""
    import plotly.graph_objects as go

    return go.Sunburst(
        ids=nodes["path"],
        labels=nodes["segment"].map(lambda text: label(text, 24)),
        parents=nodes["parent"],
        values=nodes["count"],
        branchvalues="total",
        maxdepth=maxdepth,
        insidetextorientation="radial",
        hovertemplate="%{id}<br>%{value:,}, %{percentParent:.1%} of %{parent}<extra></extra>",
        marker=marker,
    )
