"""Train one network on text and picture together, with one seed.

Inputs: a fused feature file; data/folds.parquet.
Outputs: predictions/seeds/<network>-<seed>.parquet, out of fold, as of any model (see stages/classify.py),
of a network with attention also `weight_text`, `weight_image`; models/seeds/<network>-<seed>/, fitted on all
products; reports/histories/<network>-<seed>.csv, one row per epoch of the hold-out's fit.
"""

from functools import partial

import pandas as pd
from tqdm import tqdm

from aisle import cli, neural_models, saved_models, tables
from aisle.fusion_networks import NetworkParams, create
from aisle.inputs import Inputs, read_features
from aisle.params import load_params


def run(
    inputs: Inputs, folds: pd.DataFrame, params: NetworkParams, name: str, seed: int
) -> tuple[saved_models.SavedModel, pd.DataFrame, pd.DataFrame]:
    """Return the model of all products, the predictions table and the history."""
    network = create(params, inputs.parts, seed)
    bar = partial(tqdm, desc=f"{name}, seed {seed}", unit="fit", disable=None)
    table = neural_models.out_of_fold(network, inputs, folds, bar)
    model, epochs = neural_models.finish(network, inputs, folds, name, params.title)
    return model, table, epochs


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        features="fused features",
        folds="folds",
        predictions="output: predictions",
        model="output: model folder",
        history="output: history",
    )
    parser.add_argument("--network", required=True, help="entry of params.yaml: fusion_networks.networks")
    parser.add_argument("--seed", required=True, type=int, help="of weights, dropout and order of the rows")
    args = parser.parse_args()
    params = load_params(args.params, f"fusion_networks.networks.{args.network}", NetworkParams)
    inputs, folds = read_features(args.features), tables.read(args.folds)
    model, table, epochs = run(inputs, folds, params, args.network, args.seed)
    neural_models.write(model, table, epochs, inputs, args.predictions, args.model, args.history)


if __name__ == "__main__":
    cli.run(main)
