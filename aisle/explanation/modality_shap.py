"""How much text and picture each moved a prediction of a fusion: exact Shapley values of two players."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aisle.models.decision_fusion import Combination, stacked
from aisle.models.model_folder import SavedModel
from aisle.models.predictions_table import MIN_PROBABILITY, categories, mean_over_repeats
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

TEXT, IMAGE = "text", "image"
COLUMNS = [
    tables.KEY,
    "category",
    "predicted",
    "phi_text",
    "phi_image",
    "base",
    "value",
    "predicted_text",
    "predicted_image",
]
"""Of reports/shap_fusion/<name>.parquet."""
ROWS = 4096
"""Products that are combined at a time: what is made on the way is many times what is given."""


class Coalitions:
    """What a fusion predicts if it is given only some modalities.

    Parameters
    ----------
    combination
        Fitted.
    members
        m tables of one row per product, the same products in the same order (`mean_over_repeats`).
    modalities
        What each member reads: `text`, `image` or both.
    prior
        Shares of the k categories: what is predicted from nothing.
    """

    def __init__(
        self,
        combination: Combination,
        members: Sequence[pd.DataFrame],
        modalities: Sequence[frozenset[str]],
        prior: np.ndarray,
    ) -> None:
        self.combination, self.modalities, self.prior = combination, modalities, prior
        self.each, self.available, _ = stacked(members)

    def probabilities(self, given: frozenset[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the fusion's probabilities (n, k) from the modalities that are given, and for whom (n,).

        A member counts if it had input and all that it reads is given: what a member of both would say
        without one of them is not in its predictions. A product for which no member counts gets the shares.
        """
        able = np.array([read <= given for read in self.modalities])
        available = self.available & able
        found = np.tile(self.prior, (len(self.each), 1))
        there = available.any(axis=1)
        for start in range(0, len(found), ROWS):
            rows = start + np.flatnonzero(there[start : start + ROWS])
            if len(rows):
                found[rows] = self.combination.combine(self.each[rows], available[rows])
        return found, there


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), p kept off 0 and 1 by MIN_PROBABILITY."""
    p = np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.log(p) - np.log1p(-p)


def explain(coalitions: Coalitions, members: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the Shapley values of text and picture for every product.

    The value of a set of modalities is the log-odds that the fusion gives, from them alone, to the category
    that it predicts from both (Shapley 1953; with two players the mean over their two orders).

    Parameters
    ----------
    coalitions, members
        The fusion, and its members' tables.

    Returns
    -------
    pandas.DataFrame
        product_id, category (true), predicted (from both), phi_text, phi_image, base (log-odds of the
        category's share), value (log-odds from both: base + phi_text + phi_image), predicted_text and
        predicted_image (from one alone; null where the product lacks it, whose phi is then 0 if no member
        reads both).
    """
    names = np.array(categories(members[0]))
    sets = {
        name: coalitions.probabilities(frozenset(given))
        for name, given in (("none", ()), (TEXT, (TEXT,)), (IMAGE, (IMAGE,)), ("both", (TEXT, IMAGE)))
    }
    best, rows = sets["both"][0].argmax(axis=1), np.arange(len(members[0]))
    v = {name: log_odds(values[rows, best]) for name, (values, _) in sets.items()}
    alone = {
        name: pd.Series(names[sets[name][0].argmax(axis=1)], dtype=object).where(sets[name][1], None)
        for name in (TEXT, IMAGE)
    }
    return pd.DataFrame(
        {
            tables.KEY: members[0][tables.KEY].to_numpy(),
            "category": members[0]["category"].to_numpy(),
            "predicted": names[best],
            "phi_text": ((v[TEXT] - v["none"]) + (v["both"] - v[IMAGE])) / 2,
            "phi_image": ((v[IMAGE] - v["none"]) + (v["both"] - v[TEXT])) / 2,
            "base": v["none"],
            "value": v["both"],
            "predicted_text": alone[TEXT],
            "predicted_image": alone[IMAGE],
        }
    )[COLUMNS]


def explain_fusion(model: SavedModel, members: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the Shapley values of a fusion's products, and their summary; no rows without its weights.

    Parameters
    ----------
    model
        The fusion, fitted on all out-of-fold predictions.
    members
        Predictions of its members, out of fold.

    Raises
    ------
    AisleError
        If products or categories of a member are not those of the fusion.
    """
    if not model.available:
        return pd.DataFrame(columns=COLUMNS), {}
    modalities = [frozenset(str(table.attrs["modalities"]).split("+")) for table in members]
    means = [mean_over_repeats(table) for table in members]
    ids, reference = means[0][tables.KEY], f"predictions of {model.members[0]}"
    aligned = [
        tables.align(mean, ids, f"predictions of {name}", reference)
        for mean, name in zip(means, model.members, strict=True)
    ]
    for mean, name in zip(aligned, model.members, strict=True):
        if categories(mean) != model.categories:
            raise AisleError(f"predictions of {name} must have the categories of the fusion; run `dvc repro`")
    coalitions = Coalitions(model.estimator, aligned, modalities, np.array(model.prior))
    explained = explain(coalitions, aligned)
    return explained, summarise(explained)


def summarise(explained: pd.DataFrame) -> dict[str, Any]:
    """Return the figures of a fusion in metrics/explain_fusion.json.

    Returns
    -------
    dict
        n; for text and image phi_<modality> (mean size) and changed_by_<modality>_alone (share of the
        products that have it for which it alone predicts another category than both); image_moved_more
        (share of products whose picture moved the prediction more than their text).
    """
    result: dict[str, Any] = {"n": len(explained)}
    for name in (TEXT, IMAGE):
        result[f"phi_{name}"] = explained[f"phi_{name}"].abs().mean()
        there = explained[explained[f"predicted_{name}"].notna()]
        result[f"changed_by_{name}_alone"] = (there[f"predicted_{name}"] != there["predicted"]).mean()
    result["image_moved_more"] = (explained["phi_image"].abs() > explained["phi_text"].abs()).mean()
    return result
