"""Train a head on a picture backbone, with augmentation or the last block unfrozen, on the hold-out.

Inputs: data/images.parquet; data/folds.parquet; the pretrained files that weights.yaml names.
Outputs: predictions/fine_tuned/<name>.parquet, as of any model (see stages/classify.py), but of the hold-out
alone: trained on train, stopped on validation, tested on test; models/<name>/: the tuned backbone
(OpenVINO), its weights.json, and its head; reports/histories/fine_tuned/<name>.csv, one row per epoch.
"""

import shutil
from pathlib import Path

from aisle.models.fine_tuning.base import FineTuneParams
from aisle.models.hold_out_tuning import fine_tune
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params
from aisle.pretrained.sources import WeightsParams, label


def main() -> None:
    """Read files, train, write files."""
    parser = cli.parser(
        __doc__,
        pictures="pictures",
        folds="folds",
        weights_file="weights.yaml",
        output="output: predictions",
        model="output: model folder",
        history="output: history",
    )
    parser.add_argument("--fine-tune", required=True, help="entry of params.yaml: fine_tunes")
    args = parser.parse_args()
    params = load_params(args.params, f"fine_tunes.{args.fine_tune}", FineTuneParams)
    pretrained = load_params(args.weights_file, f"weights.{params.weights}", WeightsParams)
    pictures, folds = tables.read(args.pictures, [tables.KEY, "picture"]), tables.read(args.folds)
    folder, about = Path(args.model), {"weights": label(pretrained), "modalities": "image"}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table, history = fine_tune(pictures, folds, args.fine_tune, params, pretrained, folder)
    catalogue = folds.attrs["catalogue"]
    tables.write(table, args.output, catalogue, **about, title=params.title)
    tables.write_csv(history, args.history, catalogue)


if __name__ == "__main__":
    cli.run(main)
