"""Train one network on text and picture together, all seeds.

Inputs: a fused feature file; data/folds.parquet.
Outputs: folders with a file for each seed: predictions/networks/<network>/<network>-<seed>.parquet, out of
fold, as of any model (see stages/classify.py), of a network with attention also `weight_text`,
`weight_image`; models/networks/<network>/<network>-<seed>/, fitted on all products;
reports/histories/networks/<network>/<network>-<seed>.csv, one row per epoch of the hold-out's fit.
"""

from aisle.models import fit_all
from aisle.models.fusion_networks.networks import NetworkParams
from aisle.models.fusion_networks.training import tasks
from aisle.models.model_input import read_features
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, train, write files."""
    parser = cli.parser(
        __doc__,
        features="fused features",
        folds="folds",
        predictions="output: folder of predictions",
        models="output: folder of model folders",
        histories="output: folder of histories",
    )
    parser.add_argument("--network", required=True, help="entry of params.yaml: fusion_networks.networks")
    args = parser.parse_args()
    title = load_params(args.params, f"fusion_networks.names.{args.network}", str)
    params = load_params(args.params, f"fusion_networks.networks.{args.network}", NetworkParams)
    inputs, folds = read_features(args.features), tables.read(args.folds)
    seeds = load_params(args.params, "seeds", list[int])
    planned = tasks(args.network, title, params, inputs.parts, seeds)
    fit_all.train_all(planned, inputs, folds, args.predictions, args.models, args.histories)


if __name__ == "__main__":
    cli.run(main)
