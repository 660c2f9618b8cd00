"""Groups of near-duplicates that have chained to a large part of a catalogue, and the links that hold them.

A is like B, B like C: so a group grows until it holds products that are not alike at all, and since no split
may tear it apart it decides what the folds look like. Who reads its weakest links sees whether the texts
share something that is no product's own, or the limits are too loose.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from aisle.catalogue.splits import FoldsParams
from aisle.pipeline import tables

LARGE = 0.05
"""Share of the products: a quarter of a fold of five."""
FEWEST = 50
"""Products; a small catalogue may have a few variants of one product that are more than its share."""
LINKS = 3
"""Told of each group."""


@dataclass(frozen=True)
class Link:
    """The strongest pair between two sides of a group: without it and all no stronger, it falls apart.

    Parameters
    ----------
    left, right
        Product ids.
    kind
        text or picture.
    value
        Cosine; bits.
    sides
        How many products the smaller side has, and the larger.
    """

    left: str
    right: str
    kind: str
    value: float
    sides: tuple[int, int]

    def __str__(self) -> str:
        """Return the pair, and what it joins, in words."""
        unit = f"bits {self.value:.0f}" if self.kind == "picture" else f"cosine {self.value:.2f}"
        return (
            f"{self.left} and {self.right} ({self.kind}, {unit}) between {self.sides[0]:,} and "
            f"{self.sides[1]:,} of them"
        )


def chained(
    folds: pd.DataFrame, pairs: pd.DataFrame, params: FoldsParams
) -> Iterator[tuple[int, list[Link]]]:
    """Yield the size of each large group, the largest first, and the links that hold it.

    Of the tree of its strongest links, those that tie many products although they are near the limit: the
    products on the smaller side times how weak the link is, 0 where it is a text or picture twice.

    Parameters
    ----------
    folds, pairs
        From `aisle.catalogue.folds_table.make_folds`.
    params
        The limits.
    """
    size = folds["group"].value_counts()
    large = size[size >= max(LARGE * len(folds), FEWEST)]
    if large.empty:
        return
    group = folds.set_index(tables.KEY)["group"]
    text = pairs["kind"] == "text"
    limits = max(1 - params.text_similarity, 1e-9), max(params.picture_distance, 1e-9)
    weak = np.where(text, (1 - pairs["value"]) / limits[0], pairs["value"] / limits[1])
    table = pairs.assign(weak=np.clip(weak, 0, 1), group=group[pairs["product_id_left"]].to_numpy())
    for number, count in large.items():
        yield int(count), _links(table[table["group"] == number])


def told(folds: pd.DataFrame, pairs: pd.DataFrame, params: FoldsParams) -> list[str]:
    """Return each large group in words."""
    found = []
    for count, links in chained(folds, pairs, params):
        why = (
            f"It hangs together by {'; '.join(map(str, links))}. Look at these, and make "
            "folds.text_similarity or folds.picture_distance stricter, or folds.shared_text lower, if they "
            "are not the same product"
            if links
            else "The same text or picture is on all of them: remove it if it is no product's own"
        )
        found.append(
            f"{count:,} of {len(folds):,} products are one group of near-duplicates, which no split may tear "
            f"apart. {why}"
        )
    return found


def _links(pairs: pd.DataFrame) -> list[Link]:
    """Return the weakest links that tie the most, of one group's pairs."""
    pairs = pairs.sort_values("weak", kind="stable")
    ids = pd.Index(np.unique(pairs[["product_id_left", "product_id_right"]]))
    ends = np.sort([ids.get_indexer(pairs[f"product_id_{side}"]) for side in ("left", "right")], axis=0)
    pairs = pairs.assign(low=ends[0], high=ends[1]).drop_duplicates(["low", "high"])
    n = len(ids)
    graph = coo_array((1 + pairs["weak"], (pairs["low"], pairs["high"])), shape=(n, n))  # 0 would be no link
    tree = minimum_spanning_tree(graph.tocsr())
    order, parent = breadth_first_order(tree, 0, directed=False)
    below = np.ones(n, int)
    for node in order[:0:-1]:
        below[parent[node]] += below[node]
    nodes = order[1:]
    rows = pairs.set_index(["low", "high"]).loc[
        list(zip(np.minimum(nodes, parent[nodes]), np.maximum(nodes, parent[nodes]), strict=True))
    ]
    smaller = np.minimum(below[nodes], n - below[nodes])
    score = smaller * rows["weak"].to_numpy()
    best = [i for i in np.argsort(-score, kind="stable")[:LINKS] if score[i] > 0]
    found, values = [], rows["value"].to_numpy(float)
    for i in best:
        row = rows.iloc[i]
        left, right = (str(row[f"product_id_{side}"]) for side in ("left", "right"))
        sides = int(smaller[i]), int(n - smaller[i])
        found.append(Link(left, right, str(row["kind"]), float(values[i]), sides))
    return found
