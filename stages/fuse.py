"""Combine the predictions of several classifiers, for each fusion of params.yaml.

Input: the folder predictions/classifiers/.
Outputs: predictions/fusions/<fusion>.parquet, rows as of its members: what is learned (weights, stacking) is
learned in the inner folds, and a product without a picture (or without text) is predicted from what is there;
models/fusions/<fusion>/: the combination fitted on all out-of-fold predictions, to be used with its members.
"""

from pathlib import Path

from tqdm import tqdm

from aisle.models import decision_fusion, model_folder, predictions_table
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, combine, write files."""
    parser = cli.parser(
        __doc__,
        predictions="folder of the classifiers' predictions",
        output="output: folder of predictions",
        models="output: folder of model folders",
    )
    args = parser.parse_args()
    fusions = load_params(args.params, "fusions", dict[str, decision_fusion.FusionParams])
    Path(args.output).mkdir(parents=True, exist_ok=True)  # DVC wants its outputs, of no fusion too
    Path(args.models).mkdir(parents=True, exist_ok=True)
    for name, params in tqdm(fusions.items(), desc="fusions", unit="fusion", disable=None):
        paths = {member: Path(args.predictions) / f"{member}.parquet" for member in params.models}
        members = {member: predictions_table.read(path) for member, path in paths.items()}
        table, model = decision_fusion.run(name, params, members)
        attrs = {str(key): str(value) for key, value in table.attrs.items()}
        catalogue = members[params.models[0]].attrs["catalogue"]
        del members  # most of the memory, and not needed to write
        tables.write(table, Path(args.output) / f"{name}.parquet", catalogue, **attrs)
        model_folder.write(model, Path(args.models) / name)


if __name__ == "__main__":
    cli.run(main)
