"""Choose the model to use, and make packages that predict from raw products: champion and challenger.

Inputs: metrics/models.json; reports/evaluation/; models/; data/text, images, folds; features/ (decision 11).
Outputs: packages/; metrics/champion.json, review/; reports/champion*; data/predicted.* (without a category).
"""

from pathlib import Path

from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.images import ImagesParams
from aisle.catalogue.text_forms import TextParams
from aisle.deployment import field_promises, packaging, review, stored_products
from aisle.evaluation import champion
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, choose, package, predict, write files."""
    parser = cli.parser(
        __doc__, scores="of every model", evaluation="tables", models="models", folds="folds", texts="texts",
        pictures="pictures", features="features", champion="output: package", challenger="output: package",
        candidates="output: table", predictions="output: of the champion", metrics="output: the choice",
        review="output: for people", predicted="output: without a category", predicted_csv="output: the same",
    )  # fmt: skip
    args = parser.parse_args()
    each = [load_params(args.params, "text", TextParams), load_params(args.params, "images", ImagesParams)]
    each.append(load_params(args.params, "catalogue", CatalogueParams).columns)
    baseline = load_params(args.params, "evaluation.baseline", str)
    params = load_params(args.params, "champion", champion.ChampionParams)
    scores, evaluation = tables.read_json(args.scores), Path(args.evaluation)
    source = packaging.Source.of(Path(args.models), evaluation, scores["catalogue"], each, args.pictures)
    sizes, label = source.sizes(champion.candidates(scores)), source.catalogue
    choice = champion.choose(scores, tables.read_csv(evaluation / "folds.csv"), sizes, params)
    source.publish({choice.champion: args.champion, choice.challenger: args.challenger})
    inputs = stored_products.StoredInputs(args.texts, args.pictures, args.features)
    promised = field_promises.add([args.champion, args.challenger], inputs, args.folds)
    predicted = stored_products.predict_all(args.champion, inputs)
    tables.write(predicted, args.predictions, label, model=choice.champion)
    stored_products.write_unlabelled(predicted, args.folds, args.texts, args.predicted, args.predicted_csv)
    tables.write_csv(choice.table, args.candidates, label)
    metrics = champion.metrics(choice, scores, params) | {"by_fields": promised[args.champion]}
    tables.write_metrics(metrics, args.metrics, label)
    review.write(args.review, evaluation, args.champion, baseline, metrics, args.folds, label)
    print(f"champion {choice.champion}, challenger {choice.challenger}")


if __name__ == "__main__":
    cli.run(main)
