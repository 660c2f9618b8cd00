"""Labels that are probably wrong: confident learning on out-of-fold probabilities, ranked for a person."""

from pathlib import PurePath
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from aisle.catalogue.labelled import labelled
from aisle.models.predictions_table import categories, mean_over_repeats, probabilities
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section
from aisle.pretrained.status import ABSENT, NONE, kind


class LabelAuditParams(Section):
    """Section `label_audit`.

    Parameters
    ----------
    predictions
        File of out-of-fold probabilities that the labels are held against.
    filter_by, score
        cleanlab's: what is flagged, and by what it is ranked.
    known_errors
        Products whose label is known to be wrong, with the right category; where the catalogue has them, they
        say how good the audit is.
    """

    predictions: str
    filter_by: Literal["prune_by_noise_rate", "prune_by_class", "both", "confident_learning"]
    score: Literal["normalized_margin", "self_confidence", "confidence_weighted_entropy"]
    known_errors: dict[str, str] | None = Field(None, min_length=1)

    @property
    def model(self) -> str:
        """Name of the model whose predictions these are."""
        return PurePath(self.predictions).stem


COLUMNS = [
    "rank",
    tables.KEY,
    "title",
    "category",
    "suggested",
    "is_issue",
    "label_quality",
    "p_category",
    "p_suggested",
    "group",
]
"""Of reports/label_issues.csv."""


def audit(
    predictions: pd.DataFrame, products: pd.DataFrame, folds: pd.DataFrame, params: LabelAuditParams
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of reports/label_issues.csv and the figures of metrics/label_audit.json.

    Parameters
    ----------
    predictions
        Those that `params.predictions` names; a model whose weights are not available audits nothing.
    products, folds
        product_id and title; product_id and group.
    params
        Section `label_audit`.

    Raises
    ------
    AisleError
        If the products of two tables differ, or the labels cannot be audited.
    """
    weights = predictions.attrs.get("weights", NONE)
    if weights == ABSENT:
        return pd.DataFrame(columns=COLUMNS), {"model": params.model, "weights": kind(weights)}
    table = mean_over_repeats(predictions)
    ids, reference = table[tables.KEY], f"predictions of {params.model}"
    folds = tables.align(labelled(folds), ids, "data/folds.parquet", reference)
    products = products[products[tables.KEY].isin(ids)]
    products = tables.align(products, ids, "data/products.parquet", reference)
    ranked = rank(table, params)
    figures = {
        "model": params.model,
        "products": len(ranked),
        "without_input": len(table) - len(ranked),
        "issues": int(ranked["is_issue"].sum()),
        "issues_share": ranked["is_issue"].mean(),
        **known(ranked, params.known_errors or {}),
        "weights": kind(weights),
    }
    facts = pd.DataFrame({tables.KEY: ids, "title": products["title"], "group": folds["group"]})
    return ranked.merge(facts, on=tables.KEY, validate="one_to_one")[COLUMNS], figures


def rank(table: pd.DataFrame, params: LabelAuditParams) -> pd.DataFrame:
    """Return every product that the model had input for, the most suspect label first.

    Parameters
    ----------
    table
        One row per product, out of fold: from `aisle.models.predictions_table.mean_over_repeats`.
    params
        cleanlab's setting.

    Returns
    -------
    pandas.DataFrame
        rank (from 1, by label_quality), product_id, category (given), suggested (most probable), is_issue,
        label_quality (0: surely wrong, 1: surely right), p_category, p_suggested. A product without input is
        not audited. Northcutt, Jiang and Chuang 2021, Confident learning.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    table = table[table["available"].to_numpy(bool)]
    names, values = np.array(categories(table)), probabilities(table)
    given = pd.Categorical(table["category"], list(names)).codes.astype(int)
    if absent := sorted({*names} - {*table["category"]}):
        raise AisleError(
            f"each category must have a product that the model of label_audit.predictions has input for; "
            f"{some(absent)} has none. Name a model that reads what the products have."
        )
    rows, best = np.arange(len(table)), values.argmax(axis=1)
    if len(names) < 2:  # cleanlab's word for it is a traceback
        raise AisleError(f"there must be two categories at least to audit labels; there is {some(names)}")
    issue = find_label_issues(given, values, filter_by=params.filter_by, n_jobs=1)
    quality = get_label_quality_scores(given, values, method=params.score)
    columns = {
        tables.KEY: table[tables.KEY].to_numpy(),
        "category": table["category"].to_numpy(),
        "suggested": names[best],
        "is_issue": issue,
        "label_quality": quality,
        "p_category": values[rows, given],
        "p_suggested": values[rows, best],
    }
    ranked = pd.DataFrame(columns).sort_values(["label_quality", tables.KEY], ignore_index=True)
    return ranked.assign(rank=np.arange(1, len(ranked) + 1))


def known(ranked: pd.DataFrame, errors: dict[str, str]) -> dict[str, Any]:
    """Return how well the flagged products are those whose label is known to be wrong.

    Parameters
    ----------
    ranked
        From `rank`.
    errors
        Product to its right category.

    Returns
    -------
    dict
        known_errors (k, how many), precision and recall of what is flagged, recall_at_known (share of them
        among the first k; the precision of the first k is the same number), suggestion_accuracy (share of
        them for which the right category is suggested). Empty if no such product is in the catalogue.

    Raises
    ------
    AisleError
        If only some of them are: names the others.
    """
    here = ranked[tables.KEY].isin(list(errors)).to_numpy()
    if not here.any():
        return {}
    if lacking := sorted({*errors} - {*ranked[tables.KEY]}):
        raise AisleError(
            f"label_audit.known_errors must be products of this catalogue that the model has input for; "
            f"{some(lacking)} is none. Correct the id, or remove it."
        )
    k, flagged = len(errors), ranked["is_issue"].to_numpy(bool)
    right = ranked.loc[here, tables.KEY].map(errors).to_numpy(str)
    return {
        "known_errors": k,
        "precision": (flagged & here).sum() / flagged.sum() if flagged.any() else float("nan"),
        "recall": (flagged & here).sum() / k,
        "recall_at_known": here[:k].sum() / k,
        "suggestion_accuracy": (ranked.loc[here, "suggested"].to_numpy(str) == right).mean(),
    }
