"""Predict every product out of fold with one classifier.

Inputs: what `params.yaml: classifiers.<name>.input` names; data/folds.parquet.
Outputs: predictions/<name>.parquet, one row per protocol, repeat and product: fold, true category, whether
the product had input, one probability per category, what learns fitted inside the fold, and inner rows (see
aisle/predictions.py); models/<name>/: the model fitted on all products, to predict new ones.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from aisle import classifiers, cli, predictions, recipes, saved_models, tables
from aisle.params import load_params


def run(
    inputs: classifiers.Inputs, folds: pd.DataFrame, model: classifiers.Model, progress: Any = iter
) -> pd.DataFrame:
    """Return the predictions table."""
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the classifier's input")
    return predictions.out_of_fold(model.estimator(), inputs.X, inputs.available, folds, progress)


def fit(
    inputs: classifiers.Inputs, folds: pd.DataFrame, model: classifiers.Model, name: str, title: str
) -> saved_models.SavedModel:
    """Return the model fitted on all products; without an estimator where nothing can be learned."""
    category = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the classifier's input")[
        "category"
    ]
    prior = category.value_counts(normalize=True).sort_index()
    y = category.to_numpy(str)[inputs.available]
    estimator = None
    if len(np.unique(y)) > 1:
        estimator = model.estimator().fit(inputs.X[inputs.available], y)
    facts = (
        [str(each) for each in prior.index],
        [float(each) for each in prior],
        inputs.weights,
        inputs.recipe,
    )
    return saved_models.SavedModel(name, title, *facts, estimator=estimator)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        input="texts or features",
        folds="folds",
        output="output: predictions",
        model="output: model folder",
    )
    parser.add_argument("--classifier", required=True, help="entry of params.yaml: classifiers")
    args = parser.parse_args()
    params = load_params(args.params, f"classifiers.{args.classifier}", classifiers.ClassifierParams)
    model = classifiers.create(params)
    inputs = model.read(args.input)
    bar = partial(tqdm, desc=args.classifier, unit="fit", disable=None)
    folds = tables.read(args.folds)
    kinds = "+".join(sorted(recipes.modalities(inputs.recipe)))
    table = run(inputs, folds, model, bar)
    tables.write(
        table, args.output, inputs.catalogue, weights=inputs.weights, modalities=kinds, title=params.title
    )
    saved_models.write(fit(inputs, folds, model, args.classifier, params.title), args.model)


if __name__ == "__main__":
    cli.run(main)
