"""Choose the model to use, and make packages that predict from raw products: champion and challenger.

Inputs: metrics/models.json; reports/evaluation/ (folds.csv, decisions.csv); models/ (model folders,
pretrained/); data/text.parquet, data/images.parquet and features/, to predict every product.
Outputs: packages/champion/, packages/challenger/ (aisle/packaging.py; the second is empty if there is one
model only); reports/champion.csv, one row per candidate; reports/champion_predictions.parquet, one row per
product: what the champion, fitted on all of them, predicts from the files that it was trained on;
metrics/champion.json. The rule stands in docs/decisions/0011-champion.md.
"""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from aisle import champion, cli, packaging, tables
from aisle.images import ImagesParams
from aisle.params import load_params
from aisle.predictor import Predictor
from aisle.stored_inputs import StoredInputs
from aisle.text import TextParams


def run(
    scores: dict[str, Any],
    folds: pd.DataFrame,
    models: Path,
    pretrained: Path,
    params: champion.ChampionParams,
) -> champion.Choice:
    """Return the choice among the models that have a folder."""
    n_bytes = {
        name: packaging.n_bytes(name, models, pretrained)
        for name in champion.candidates(scores)
        if packaging.exists(name, models)
    }
    return champion.choose(scores, folds, n_bytes, params)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        scores="scores of every model",
        evaluation="folder of the evaluation's tables",
        models="folder of model folders",
        texts="texts",
        pictures="pictures",
        features="folder of feature files",
        champion="output: package",
        challenger="output: package",
        candidates="output: table of candidates",
        predictions="output: the champion's predictions of every product",
        metrics="output: champion and challenger",
    )
    args = parser.parse_args()
    params = load_params(args.params, "champion", champion.ChampionParams)
    text = load_params(args.params, "text", TextParams)
    images = load_params(args.params, "images", ImagesParams)
    models, scores, evaluation = Path(args.models), tables.read_json(args.scores), Path(args.evaluation)
    pretrained = models / packaging.PRETRAINED
    choice = run(scores, tables.read_csv(evaluation / "folds.csv"), models, pretrained, params)
    decided = packaging.decisions(tables.read_csv(evaluation / "decisions.csv"))
    label = scores["catalogue"]
    prepared = text.model_dump(), images.model_dump()
    for name, target in ((choice.champion, args.champion), (choice.challenger, args.challenger)):
        shutil.rmtree(target, ignore_errors=True)
        Path(target).mkdir(parents=True)
        if name:
            packaging.assemble(
                name, models, pretrained, Path(target), label, *prepared, decision=decided[name]
            )
    inputs = StoredInputs(Path(args.texts), Path(args.pictures), Path(args.features))
    predicted = Predictor(args.champion).decide(inputs)
    predicted.insert(0, tables.KEY, inputs.product_ids)
    tables.write(predicted, args.predictions, label, model=choice.champion)
    tables.write_csv(choice.table, args.candidates, label)
    metrics = champion.metrics(choice, scores, params)
    tables.write_metrics(metrics, args.metrics, label)
    print(f"champion {choice.champion}, challenger {choice.challenger}; {metrics['tied']} tied")


if __name__ == "__main__":
    cli.run(main)
