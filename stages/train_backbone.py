"""Train the study's two heads on a backbone's features, with one seed.

Inputs: a backbone's feature file (frozen backbone, global average); data/folds.parquet.
Outputs, for the head `dense` (one layer) and the head `deep` (two): predictions/seeds/<model>-<seed>.parquet,
out of fold, as of any model (see stages/classify.py); models/seeds/<model>-<seed>/, fitted on all products;
reports/histories/<model>-<seed>.csv, one row per epoch of the hold-out's fit: loss and accuracy on the
training part and on the validation part. A model is named <backbone>_<head>.
"""

from functools import partial

import pandas as pd
from tqdm import tqdm

from aisle import cli, neural_models, saved_models, tables
from aisle.dense import DenseHead, Head, HeadParams
from aisle.inputs import Inputs, read_features
from aisle.params import load_params


def run(
    inputs: Inputs, folds: pd.DataFrame, params: HeadParams, name: str, title: str, seed: int
) -> tuple[saved_models.SavedModel, pd.DataFrame, pd.DataFrame]:
    """Return the model of all products, the predictions table and the history."""
    head = DenseHead(params.training, params.layers, params.dropout, params.scaling, seed)
    bar = partial(tqdm, desc=f"{name}, seed {seed}", unit="fit", disable=None)
    table = neural_models.out_of_fold(head, inputs, folds, bar)
    model, epochs = neural_models.finish(head, inputs, folds, name, title)
    return model, table, epochs


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        features="features of pictures",
        folds="folds",
        dense_predictions="output: predictions of the head dense",
        dense_model="output: its model folder",
        dense_history="output: its history",
        deep_predictions="output: predictions of the head deep",
        deep_model="output: its model folder",
        deep_history="output: its history",
    )
    parser.add_argument("--backbone", required=True, help="its name, for that of the model")
    parser.add_argument("--seed", required=True, type=int, help="of weights, dropout and order of the rows")
    args = parser.parse_args()
    params = load_params(args.params, "transfer.heads", dict[Head, HeadParams])
    inputs, folds = read_features(args.features), tables.read(args.folds)
    for head, each in params.items():
        name = f"{args.backbone}_{head}"
        model, table, epochs = run(inputs, folds, each, name, f"{args.backbone}: {each.title}", args.seed)
        places = [getattr(args, f"{head}_{output}") for output in ("predictions", "model", "history")]
        neural_models.write(model, table, epochs, inputs, *places)


if __name__ == "__main__":
    cli.run(main)
