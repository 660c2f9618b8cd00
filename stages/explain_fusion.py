"""Explain how much text and picture each moved the predictions of a fusion (Shapley values).

Inputs: the fusion's model folder; the predictions files of its three models.
Outputs: reports/shap_fusion/<fusion>.parquet, one row per product: true and predicted category, phi_text,
phi_image (log-odds), what each alone predicts; metrics/explain_fusion/<fusion>.json: means and shares. The
models' probabilities are out of fold; the combination is the one fitted on all of them. No rows where weights
are not available.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from aisle import cli, predictions, saved_models, tables
from aisle.errors import AisleError
from aisle.explain import modalities
from aisle.repeats import mean_over_repeats
from aisle.weights import kind


def run(
    model: saved_models.SavedModel, members: Sequence[pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the products' Shapley values and their summary."""
    if not model.available:
        return pd.DataFrame(columns=modalities.COLUMNS), {}
    read = [frozenset(str(table.attrs["modalities"]).split("+")) for table in members]
    first = mean_over_repeats(members[0])
    reference = f"predictions of {model.members[0]}"
    means = [
        tables.align(mean_over_repeats(table), first["product_id"], f"predictions of {name}", reference)
        for table, name in zip(members, model.members, strict=True)
    ]
    for table, name in zip(means, model.members, strict=True):
        if predictions.categories(table) != model.categories:
            raise AisleError(f"predictions of {name} must have the categories of the fusion; run `dvc repro`")
    coalitions = modalities.Coalitions(model.estimator, means, read, np.array(model.prior))
    explained = modalities.explain(coalitions, means)
    return explained, modalities.summarise(explained)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        model="model folder of the fusion",
        first="predictions of the first model",
        second="of the second",
        third="of the third",
        output="output: values of each product",
        metrics="output: their summary",
    )
    args = parser.parse_args()
    model = saved_models.read(args.model)
    members = [tables.read(path) for path in (args.first, args.second, args.third)]
    explained, metrics = run(model, members)
    label = members[0].attrs["catalogue"]
    tables.write(explained, args.output, label)
    tables.write_metrics(metrics | {"weights": kind(model.weights)}, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
