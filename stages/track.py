"""Log every model to MLflow, register champion and challenger. Running it again logs nothing twice.

Inputs: data/listing.json; metrics/; reports/evaluation/, reports/histories/; models/; packages/;
data/products.parquet and data/images.parquet, for the models' input example.
Outputs: none of the pipeline: runs in mlflow.db and mlruns/, or where MLFLOW_TRACKING_URI says.
"""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.images import ImagesParams
from aisle.catalogue.text_forms import TextParams
from aisle.deployment import mlflow_store, packaging, run_record
from aisle.models import listing
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, log them."""
    parser = cli.parser(
        __doc__, listing="of the models", scores="of every model", seed_scores="of each seed",
        choice="champion", evaluation="tables", models="models", packages="packages", products="products",
        pictures="pictures", histories="training histories",
    )  # fmt: skip
    args = parser.parse_args()
    each = [load_params(args.params, "text", TextParams), load_params(args.params, "images", ImagesParams)]
    shared = {name: section.model_dump() for name, section in zip(("text", "images"), each, strict=True)}
    each.append(load_params(args.params, "catalogue", CatalogueParams).columns)
    shared["folds"] = load_params(args.params, "folds", dict[str, object])
    shared["evaluation"] = load_params(args.params, "evaluation", dict[str, object])
    scores, choice, models = tables.read_json(args.scores), tables.read_json(args.choice), Path(args.models)
    made = models, Path(args.evaluation), Path(args.histories)
    seeds, listed = tables.read_json(args.seed_scores), listing.read(args.listing)
    gathered = run_record.gather(listed, scores, seeds, *made, shared, mlflow_store.environment_tags())
    source = packaging.Source.of(models, made[1], scores["catalogue"], each, args.pictures)
    tracker = mlflow_store.Tracker(f"aisle-{scores['catalogue'].split()[0]}")
    bar = partial(tqdm, desc="models", unit="model", disable=None, total=len(gathered))
    example = run_record.example(args.products, args.pictures)
    roles = mlflow_store.roles(choice, Path(args.packages))
    mlflow_store.log_all(tracker, gathered, source, roles, example, bar)
    print(f"{tracker.new} new runs in {tracker.uri}, experiment {tracker.name}")


if __name__ == "__main__":
    cli.run(main)
