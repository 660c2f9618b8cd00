"""Predict every product out of fold with one classifier.

Inputs: what `params.yaml: classifiers.<name>.input` names; data/folds.parquet.
Outputs: predictions/classifiers/<name>.parquet, one row per protocol, repeat and product: fold, true
category, whether the product had input, one probability per category, what learns fitted inside the fold, and
inner rows (see aisle/models/predictions_table.py); models/<name>/: the model fitted on all products, to
predict new ones.
"""

from functools import partial

from tqdm import tqdm

from aisle.models import cross_fitting, fit_all, model_folder
from aisle.models.classifiers import registry
from aisle.models.model_input import labelled
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params
from aisle.representations import recipes


def main() -> None:
    """Read files, fit, write files."""
    parser = cli.parser(
        __doc__,
        input="texts or features",
        folds="folds",
        output="output: predictions",
        model="output: model folder",
    )
    parser.add_argument("--classifier", required=True, help="entry of params.yaml: classifiers")
    args = parser.parse_args()
    params = load_params(args.params, f"classifiers.{args.classifier}", registry.ClassifierParams)
    model = registry.create(params)
    inputs = model.read(args.input)
    inputs, folds = labelled(inputs, tables.read(args.folds), "the classifier's input")
    bar = partial(tqdm, desc=args.classifier, unit="fit", disable=None)
    table = cross_fitting.out_of_fold(model.estimator(), inputs.X, inputs.available, folds, bar)
    kinds = "+".join(sorted(recipes.modalities(inputs.recipe)))
    attrs = {"weights": inputs.weights, "modalities": kinds, "title": params.title}
    attrs[registry.ENTRY] = params.model_dump_json()
    tables.write(table, args.output, inputs.catalogue, **attrs)
    about = {"classifiers": params.model_dump(mode="json")}
    fitted = fit_all.fit_all(model.estimator(), inputs, folds, args.classifier, params.title, about)
    model_folder.write(fitted, args.model)


if __name__ == "__main__":
    cli.run(main)
