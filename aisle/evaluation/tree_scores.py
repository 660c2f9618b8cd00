"""Scores of predictions whose categories are nodes of a tree, and the decision how deep to go."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from aisle.catalogue.taxonomy import PATH_SEPARATOR, Tree
from aisle.evaluation import bootstrap, calibration, selective
from aisle.evaluation.bootstrap import ratio
from aisle.evaluation.metrics import EvaluationParams
from aisle.evaluation.tree_ways import Ways, decided_depth, ways
from aisle.models.predictions_table import TEST, categories, probabilities

HALF = float(np.nextafter(0.5, 1))
"""The least threshold. Above one half the certain nodes of a product are on one way from the root."""
TABLES = {
    "tree": [
        "node",
        "depth",
        "is_label",
        "products",
        "precision",
        "recall",
        "f1",
        "stopped",
        "stopped_right",
    ],
    "siblings": ["parent", "actual", "predicted", "products"],
}
"""Columns of the tables of `tables`, without the model."""


def decided_right(found: Ways, depth: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return whether the node of the decided depth is on the true way, boolean (n,); False at depth 0.

    Parameters
    ----------
    found, depth
        Of n products; from `decided_depth`.
    true
        Node of the true label at each depth, (n, height), -1 below it: rows of `Tree.above`.
    """
    rows, level = np.arange(len(depth)), np.maximum(depth - 1, 0)
    return (depth > 0) & (found.node[rows, level] == true[rows, level])


def thresholds_by_depth(found: Ways, true: np.ndarray, target_error: float, confidence: float) -> np.ndarray:
    """Return a threshold for each depth, (height,); infinity from the first depth on that allows none.

    At every depth at once, the share of wrong nodes among the products that are put there or deeper is at
    most the target error, with this confidence: what may go wrong is shared out over the depths (Bonferroni).
    The thresholds never fall with depth, so that a product's node has the nodes above it decided as well.

    Parameters
    ----------
    found, true
        As in `decided_right`, of one product of each near-duplicate group.
    target_error, confidence
        See `selective.sequence`.
    """
    height = true.shape[1]
    least, chosen = HALF, np.full(height, np.inf)
    for level in range(height):
        wrong = found.node[:, level] != true[:, level]
        each = 1 - (1 - confidence) / height
        sure = found.probability[:, level]
        allowed = selective.sequence(sure, wrong, target_error, each, HALF).thresholds
        allowed = allowed[allowed >= least]
        if not len(allowed):
            break
        least = chosen[level] = allowed[-1]
    return chosen


def packaged_thresholds(
    first: Ways, true: np.ndarray, fewer: np.ndarray, more: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return `threshold_depth_<d>` of a package, for each depth from 1; infinity where there is none.

    Parameters
    ----------
    first, true
        As of `thresholds_by_depth`, out of fold: what is promised.
    fewer, more
        (m, height) and (n, height), see `selective.matched`: a package learns from all products.
    params
        Target error and confidence.
    """
    found = thresholds_by_depth(first, true, params.target_error, params.confidence)
    raised = [
        selective.matched(each, fewer[:, level], more[:, level]) if np.isfinite(each) else np.inf
        for level, each in enumerate(found)
    ]
    never_fall = np.maximum.accumulate(raised)
    return {f"threshold_depth_{level}": float(each) for level, each in enumerate(never_fall, 1)}


def decide(table: pd.DataFrame, tree: Tree, group: pd.Series, params: EvaluationParams) -> pd.DataFrame:
    """Return the test rows of calibrated predictions with how deep each product is put.

    Each test fold's thresholds are chosen on its inner rows, of one product of each near-duplicate `group`
    (by product_id).

    Returns
    -------
    pandas.DataFrame
        `tree_depth`, `tree_right` and, for each depth from 1, `node_<depth>` (most probable node), by the
        index of `table`; test rows only, in the order of `table`.
    """
    found, above = ways(probabilities(table), tree), tree.above[calibration.true_index(table)]
    inner = table["inner_fold"].to_numpy() != TEST
    chosen = np.full((len(table), tree.height), np.inf)
    ids = table[["product_id"]].reset_index(drop=True)
    for where in table.groupby(["seed", "protocol", "repeat", "fold"]).indices.values():
        learn = selective.one_of_each(ids.iloc[where[inner[where]]], group).index.to_numpy()
        of_inner = Ways(found.node[learn], found.probability[learn])
        chosen[where] = thresholds_by_depth(of_inner, above[learn], params.target_error, params.confidence)
    depth = decided_depth(found, chosen)
    columns = {f"node_{level + 1}": found.node[:, level] for level in range(tree.height)}
    right = decided_right(found, depth, above)
    made = pd.DataFrame({"tree_depth": depth, "tree_right": right, **columns}, index=table.index)
    return made[~inner]


def tree_scores(
    test: pd.DataFrame, decided: pd.DataFrame, tree: Tree, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return the scores on the tree, each with `_low` and `_high` (bootstrap by group).

    Parameters
    ----------
    test
        Test rows of one protocol, n of them.
    decided
        The same rows of `decide`.
    tree
        Of the labels.
    group, params
        As in `aisle.evaluation.bootstrap.scores_of_sums`.

    Returns
    -------
    dict
        tree_accuracy_depth_<d>: of the products whose label is at least so deep, the share whose most
        probable node at that depth is the true one; tree_h_precision, tree_h_recall, tree_h_f1: of the most
        probable label against the true one, sums over ancestor sets (Kiritchenko et al. 2005);
        tree_macro_f1: mean F1 of the nodes; tree_decided: share of products that are put anywhere,
        tree_decided_depth_<d>: exactly so deep; tree_decided_accuracy and tree_decided_accuracy_depth_<d>:
        share of those that is right.
    """
    said = tree.above[probabilities(test).argmax(axis=1)]
    true = tree.above[calibration.true_index(test)]
    levels = np.arange(1, tree.height + 1)
    nodes = decided[[f"node_{level}" for level in levels]].to_numpy()
    at = decided["tree_depth"].to_numpy()[:, None] == levels
    both = (said == true) & (true >= 0)
    columns = {
        "rows": np.ones(len(test)),
        "deep": true >= 0,
        "deep_right": (nodes == true) & (true >= 0),
        "said": (said >= 0).sum(axis=1),
        "true": (true >= 0).sum(axis=1),
        "both": both.sum(axis=1),
        "decided": at,
        "decided_right": at & decided["tree_right"].to_numpy(bool)[:, None],
        "node_said": _indicator(said, tree),
        "node_true": _indicator(true, tree),
        "node_both": _indicator(np.where(both, true, -1), tree),
    }
    return bootstrap.scores_of_sums(columns, _scores, group, params)


def _scores(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the scores of `tree_scores` from the sums of its columns."""
    rows, right, decided = sums["rows"], sums["decided_right"], sums["decided"]
    total = decided.sum(axis=-1)
    each = sums["node_said"] + sums["node_true"]
    found = {
        "tree_h_precision": ratio(sums["both"], sums["said"]),
        "tree_h_recall": ratio(sums["both"], sums["true"]),
        "tree_h_f1": ratio(2 * sums["both"], sums["said"] + sums["true"]),
        "tree_macro_f1": ratio(ratio(2 * sums["node_both"], each).sum(axis=-1), (each > 0).sum(axis=-1)),
        "tree_decided": total / rows,
        "tree_decided_accuracy": ratio(right.sum(axis=-1), total),
    }
    for level in range(decided.shape[-1]):
        deep, here = sums["deep"][..., level], decided[..., level]
        found[f"tree_accuracy_depth_{level + 1}"] = ratio(sums["deep_right"][..., level], deep)
        found[f"tree_decided_depth_{level + 1}"] = here / rows
        found[f"tree_decided_accuracy_depth_{level + 1}"] = ratio(right[..., level], here)
    return found


def _indicator(nodes: np.ndarray, tree: Tree) -> csr_array:
    """Return which nodes each row has, sparse (n, nodes), from their places (n, height), -1 for none."""
    row, level = np.nonzero(nodes >= 0)
    shape = (len(nodes), len(tree.nodes))
    return csr_array((np.ones(len(row)), (row, nodes[row, level])), shape=shape)


def tables(test: pd.DataFrame, decided: pd.DataFrame, tree: Tree) -> dict[str, pd.DataFrame]:
    """Return the tables `tree` (a row per node) and `siblings` (per pair confused), empty of a flat list.

    Parameters
    ----------
    test, decided
        As of `tree_scores`; of several repeats and seeds: products are means over them.
    """
    if tree.height < 2:
        return {name: pd.DataFrame(columns=columns) for name, columns in TABLES.items()}
    runs = len(test[["seed", "repeat"]].drop_duplicates())
    label = calibration.true_index(test)
    said, true = tree.above[probabilities(test).argmax(axis=1)], tree.above[label]
    sums = {
        name: np.asarray(_indicator(nodes, tree).sum(axis=0)).ravel()
        for name, nodes in (("said", said), ("true", true), ("both", np.where(said == true, true, -1)))
    }
    depth, right = decided["tree_depth"].to_numpy(), decided["tree_right"].to_numpy(bool)
    nodes = decided[[f"node_{level}" for level in range(1, tree.height + 1)]].to_numpy()
    at = np.where(depth > 0, nodes[np.arange(len(depth)), np.maximum(depth - 1, 0)], len(tree.nodes))
    stopped = np.bincount(at, minlength=len(tree.nodes) + 1)[:-1]
    right_there = np.bincount(at[right], minlength=len(tree.nodes) + 1)[:-1]
    of_nodes = pd.DataFrame(
        {
            "node": tree.nodes,
            "depth": tree.depths,
            "is_label": np.isin(tree.nodes, tree.labels),
            "products": sums["true"] / runs,
            "precision": ratio(sums["both"], sums["said"]),
            "recall": ratio(sums["both"], sums["true"]),
            "f1": ratio(2 * sums["both"], sums["said"] + sums["true"]),
            "stopped": stopped / runs,
            "stopped_right": ratio(right_there, stopped),
        }
    )
    return {"tree": of_nodes, "siblings": _siblings(said, true, tree, runs)}


def _siblings(said: np.ndarray, true: np.ndarray, tree: Tree, runs: int) -> pd.DataFrame:
    """Return how often a node is taken for another child of its parent, the most often first."""
    differ = (said != true) & (said >= 0) & (true >= 0)
    rows, level = np.flatnonzero(differ.any(axis=1)), differ.argmax(axis=1)
    names = np.array(tree.nodes, dtype=object)
    pairs = pd.DataFrame(
        {
            "actual": names[true[rows, level[rows]]],
            "predicted": names[said[rows, level[rows]]],
        }
    )
    counted = pairs.value_counts(sort=False).rename("products").div(runs).reset_index()
    parent = counted["actual"].str.rpartition(PATH_SEPARATOR)[0] if len(counted) else counted["actual"]
    counted.insert(0, "parent", parent)
    order = ["products", "actual", "predicted"]
    return counted.sort_values(order, ascending=[False, True, True], ignore_index=True)


def tree_of(table: pd.DataFrame) -> Tree:
    """Return the tree of a predictions table's categories."""
    return Tree(tuple(categories(table)))
