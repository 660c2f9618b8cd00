"""Score a model with folds that ignore near-duplicates, beside its scores with those that do not.

Inputs: what `params.yaml: classifiers.<name>.input` names; data/folds.parquet; predictions/<name>.parquet.
Output: reports/ungrouped/<name>.csv, one row per repeat and fold: accuracy_grouped, accuracy_ungrouped
(scikit-learn's StratifiedKFold, same seeds). No rows where the model's weights are not available.
"""

import pandas as pd

from aisle import classifiers, cli, tables, ungrouped
from aisle.errors import AisleError
from aisle.folds import FoldsParams
from aisle.params import load_params
from aisle.weights import ABSENT, kind

COLUMNS = ["repeat", "fold", "accuracy_grouped", "accuracy_ungrouped", "weights"]


def run(
    inputs: classifiers.Inputs,
    folds: pd.DataFrame,
    grouped: pd.DataFrame,
    model: classifiers.Model,
    params: FoldsParams,
) -> pd.DataFrame:
    """Return the accuracy of each repeat and fold, both ways."""
    if inputs.weights == ABSENT:
        return pd.DataFrame(columns=COLUMNS)
    folds = tables.align(folds, inputs.product_ids, "data/folds.parquet", "the classifier's input")
    arrays = inputs.X, inputs.available
    table = ungrouped.compare(model.estimator(), *arrays, folds, grouped, params)
    return table.assign(weights=kind(inputs.weights))


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        input="texts or features",
        folds="folds",
        predictions="predictions of the model, with the grouped folds",
        output="output: accuracy of each fold",
    )
    parser.add_argument("--classifier", required=True, help="entry of params.yaml: leakage.models")
    args = parser.parse_args()
    params = load_params(args.params, f"classifiers.{args.classifier}", classifiers.ClassifierParams)
    compared = load_params(args.params, f"leakage.models.{args.classifier}", ungrouped.ComparedModel)
    if (compared.classifier, compared.input) != (params.classifier, params.input):
        raise AisleError(
            f"leakage.models.{args.classifier} must have classifier and input as in `classifiers`: "
            f"{params.classifier} and {params.input}, not {compared.classifier} and {compared.input}"
        )
    model = classifiers.create(params)
    inputs, grouped = model.read(args.input), tables.read(args.predictions)
    table = run(
        inputs, tables.read(args.folds), grouped, model, load_params(args.params, "folds", FoldsParams)
    )
    tables.write_csv(table, args.output, inputs.catalogue)


if __name__ == "__main__":
    cli.run(main)
