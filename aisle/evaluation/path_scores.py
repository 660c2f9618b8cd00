"""Hierarchical scores on the category path."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.evaluation import bootstrap, metrics
from aisle.evaluation.metrics import EvaluationParams


@dataclass(frozen=True)
class PathLevels:
    """The levels of a catalogue's category paths, the same for every model.

    Attributes
    ----------
    first, second
        First segment, and the first two, of the path of each product, indexed by product_id.
    above
        The first segment that most products of a category have, by category.
    """

    first: pd.Series
    second: pd.Series
    above: pd.Series


def path_levels(paths: pd.Series, category: pd.Series) -> PathLevels:
    """Return the levels of category paths.

    Parameters
    ----------
    paths
        Category path of each product, segments joined by PATH_SEPARATOR, indexed by product_id.
    category
        Category of each product, of those that are not scored too: theirs can still be predicted.
    """
    segments = paths.str.split(PATH_SEPARATOR)
    first = segments.str[0]
    above = first[category.index].groupby(category).agg(lambda each: each.mode().iloc[0])
    return PathLevels(first, segments.str[:2].str.join(PATH_SEPARATOR), above)


def path_scores(
    test: pd.DataFrame, levels: PathLevels, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return the hierarchical scores on the category path, with intervals.

    Parameters
    ----------
    test
        Rows of one protocol.
    levels
        See `path_levels`.
    group, params
        As in `aisle.evaluation.bootstrap.scores_of_sums`.

    Returns
    -------
    dict
        accuracy_level_1: share of products put below the right first segment; recall_level_2: mean over the
        first two segments of paths of the share of their products that is put into the right category, so
        that a rare kind of product counts as much as a frequent one.
    """
    ids, predicted = test["product_id"], metrics.predicted(test)
    segments, node = np.unique(levels.second[ids].to_numpy(str), return_inverse=True)
    shape, rows, found = (len(test), len(segments)), np.arange(len(test)), metrics.right(test)
    columns = {
        "rows": np.ones(len(test)),
        "right_above": levels.above[predicted].to_numpy() == levels.first[ids].to_numpy(),
        "products": csr_array((np.ones(len(test)), (rows, node)), shape=shape),
        "found": csr_array((np.ones(found.sum()), (rows[found], node[found])), shape=shape),
    }

    def scores(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        recall = bootstrap.ratio(sums["found"], sums["products"]).sum(axis=-1)
        return {
            "accuracy_level_1": sums["right_above"] / sums["rows"],
            "recall_level_2": recall / (sums["products"] > 0).sum(axis=-1),
        }

    return bootstrap.scores_of_sums(columns, scores, group, params)
