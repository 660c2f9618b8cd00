"""Train every head on a frozen backbone's features, all seeds: a model is named <backbone>_<head>.

Inputs: a backbone's feature file (frozen backbone, global average); data/folds.parquet.
Outputs: folders with a file for each head and seed: predictions/heads/<backbone>/<model>-<seed>.parquet, out
of fold, as of any model (see stages/classify.py); models/heads/<backbone>/<model>-<seed>/, fitted on all
products; reports/histories/heads/<backbone>/<model>-<seed>.csv, one row per epoch of the hold-out's fit: loss
and accuracy on the training part and on the validation part.
"""

from aisle.models import fit_all
from aisle.models.heads.mlp import HeadParams
from aisle.models.heads.training import tasks
from aisle.models.model_input import read_features
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, train, write files."""
    parser = cli.parser(
        __doc__,
        features="features of pictures",
        folds="folds",
        predictions="output: folder of predictions",
        models="output: folder of model folders",
        histories="output: folder of histories",
    )
    parser.add_argument("--backbone", required=True, help="its name, for that of the models")
    args = parser.parse_args()
    heads = load_params(args.params, "transfer.heads", dict[str, HeadParams])
    planned = tasks(args.backbone, heads, load_params(args.params, "seeds", list[int]))
    inputs, folds = read_features(args.features), tables.read(args.folds)
    fit_all.train_all(planned, inputs, folds, args.predictions, args.models, args.histories)


if __name__ == "__main__":
    cli.run(main)
