"""Score cheap models with folds that ignore near-duplicates, beside their scores with those that do not.

Inputs: predictions/classifiers/<name>.parquet, for each name of leakage.models, which says what classifier
made it; data/text.parquet and features/, as its `input` names; data/folds.parquet.
Output: reports/ungrouped.csv, one row per model, repeat and fold: accuracy_grouped, accuracy_ungrouped
(scikit-learn's StratifiedKFold, same seeds). No rows of a model whose weights are not available.
"""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from aisle.catalogue.splits import FoldsParams
from aisle.evaluation.ungrouped_scores import compare_all
from aisle.models.classifiers import registry
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, score, write the table."""
    parser = cli.parser(
        __doc__,
        texts="texts",
        features="folder of features",
        folds="folds",
        predictions="folder of predictions, with the grouped folds",
        output="output: accuracy of each model and fold",
    )
    args = parser.parse_args()
    folds, params = tables.read(args.folds), load_params(args.params, "folds", FoldsParams)
    names = load_params(args.params, "leakage.models", list[str])
    places = Path(args.texts), Path(args.features), Path(args.predictions)
    chosen = {name: registry.made_by(places[-1] / f"{name}.parquet") for name in names}
    bar = partial(tqdm, desc="ungrouped folds", unit="model", disable=None)
    table = compare_all(chosen, *places, folds, params, bar)
    tables.write_csv(table, args.output, folds.attrs["catalogue"])


if __name__ == "__main__":
    cli.run(main)
