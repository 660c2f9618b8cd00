"""Classify pictures without training, by prompts made of the category names.

Inputs: a feature file of pictures; data/folds.parquet; the folder of models/pretrained/ whose text tower
shares the pictures' space.
Output: predictions/classifiers/<name>.parquet, as of any model (see stages/classify.py), so that it is scored
with the others.
"""

from aisle.models.zero_shot import ZeroShotParams, classify
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params
from aisle.representations import vectors_file


def main() -> None:
    """Read files, classify, write the predictions."""
    parser = cli.parser(
        __doc__,
        features="features of pictures",
        folds="folds",
        weights="folder of models/pretrained",
        output="output: predictions",
    )
    parser.add_argument("--zero-shot", required=True, help="entry of params.yaml: zero_shot")
    args = parser.parse_args()
    params = load_params(args.params, f"zero_shot.{args.zero_shot}", ZeroShotParams)
    data = vectors_file.read(args.features)
    table = classify(data, tables.read(args.folds), params, args.weights)
    about = {"weights": data.metadata["weights"], "modalities": "image", "title": params.title}
    tables.write(table, args.output, data.metadata["catalogue"], **about)


if __name__ == "__main__":
    cli.run(main)
