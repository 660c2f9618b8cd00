"""Predict every product out of fold with one classifier.

Inputs: what `params.yaml: classifiers.<name>.input` names; data/folds.parquet.
Output: predictions/<name>.parquet, one row per protocol, repeat and product: fold, true category, whether the
product had input, one probability per category. What learns is fitted inside the fold.
"""

from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle import classifiers, cli, predictions, tables
from aisle.params import load_params


def run(
    inputs: classifiers.Inputs, folds: pd.DataFrame, model: classifiers.Model, progress: Any = iter
) -> pd.DataFrame:
    """Return the predictions table."""
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the classifier's input")
    return predictions.out_of_fold(model.estimator(), inputs.X, inputs.available, folds, progress)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(__doc__, input="texts or features", folds="folds", output="output: predictions")
    parser.add_argument("--classifier", required=True, help="entry of params.yaml: classifiers")
    args = parser.parse_args()
    params = load_params(args.params, f"classifiers.{args.classifier}", classifiers.ClassifierParams)
    model = classifiers.create(params)
    inputs = model.read(args.input)
    bar = partial(tqdm, desc=args.classifier, unit="fit", disable=None)
    table = run(inputs, tables.read(args.folds), model, bar)
    tables.write(table, args.output, inputs.catalogue, weights=inputs.weights)


if __name__ == "__main__":
    cli.run(main)
