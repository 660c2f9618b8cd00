"""Log every model to MLflow, register champion and challenger. Running it again logs nothing twice.

Inputs: metrics/models.json, metrics/seeds.json, metrics/champion.json; reports/evaluation/; models/;
packages/; reports/histories/; data/products.parquet and data/images.parquet, for the models' input example.
Outputs: none of the pipeline: runs in mlflow.db and mlruns/, or where MLFLOW_TRACKING_URI says.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from aisle import cli, packaging, records, specifications, tables, tracking
from aisle.images import ImagesParams
from aisle.params import load_params
from aisle.text import TextParams

STAGES = {
    "classifiers": "classify",
    "fusions": "fuse",
    "zero_shot": "zero_shot",
    "fine_tunes": "fine_tune",
    "fusion_networks": "train_fusion",
}
"""Section of params.yaml to the stage that makes a model of each of its entries."""
ROLES = ("champion", "challenger")


def example(products: str, pictures: str) -> pd.DataFrame:
    """Return the first product with a picture (else the first one) as a shop has it: one raw product."""
    for batch in pq.ParquetFile(pictures).iter_batches(64, columns=[tables.KEY, "picture"]):
        there = [(row[tables.KEY], row["picture"]) for row in batch.to_pylist() if row["picture"]]
        if there:
            break
    table = tables.read(products, [tables.KEY, "title", "description", "specifications"])
    name, picture = there[0] if there else (table[tables.KEY].iloc[0], b"")
    row = table[table[tables.KEY] == name].iloc[0]
    pairs = specifications.loads(row["specifications"])
    written = "; ".join(f"{key}: {value}" if key else value for key, value in pairs)
    columns = {"title": row["title"], "description": row["description"], "specifications": written}
    return pd.DataFrame([columns | {"image": picture}])


def main() -> None:
    """Read files, log them."""
    parser = cli.parser(
        __doc__,
        scores="scores of every model",
        seed_scores="scores of each seed",
        choice="champion and challenger",
        evaluation="folder of the evaluation's tables",
        models="folder of model folders",
        packages="folder of packages",
        products="products",
        pictures="pictures",
        histories="folder of training histories",
    )
    args = parser.parse_args()
    text = load_params(args.params, "text", TextParams).model_dump()
    images = load_params(args.params, "images", ImagesParams).model_dump()
    shared = {
        "text": text,
        "images": images,
        "folds": load_params(args.params, "folds", dict[str, Any]),
        "evaluation": load_params(args.params, "evaluation", dict[str, Any]),
    }
    networks = load_params(args.params, "fusion_networks.networks", dict[str, Any])
    chosen = load_params(args.params, "fusion_networks.names", list[str])
    heads = load_params(args.params, "transfer.heads", dict[str, Any])
    backbones = load_params(args.params, "transfer.backbones", list[str])
    pairs = {f"{backbone}_{head}": (backbone, head) for backbone in backbones for head in heads}
    sections = {
        "classifiers": load_params(args.params, "classifiers", dict[str, Any]),
        "fusions": load_params(args.params, "fusions", dict[str, Any]),
        "zero_shot": load_params(args.params, "zero_shot", dict[str, Any]),
        "fine_tunes": load_params(args.params, "fine_tunes", dict[str, Any]),
        "fusion_networks": {name: networks[name] for name in chosen},
        "transfer": {name: heads[head] | {"backbone": backbone} for name, (backbone, head) in pairs.items()},
    }
    stages = {name: f"{STAGES[key]}@{name}" for key in STAGES for name in sections[key]}
    stages |= {name: f"train_backbone@{backbone}" for name, (backbone, _) in pairs.items()}
    scores, choice, models = tables.read_json(args.scores), tables.read_json(args.choice), Path(args.models)
    names = (*records.TABLES, "folds", "decisions")
    evaluation = {name: tables.read_csv(Path(args.evaluation) / f"{name}.csv") for name in names}
    gathered = records.gather(
        scores,
        tables.read_json(args.seed_scores),
        evaluation,
        sections,
        stages,
        shared,
        models,
        Path(args.histories),
        tracking.environment_tags(),
    )
    decided = packaging.decisions(evaluation["decisions"])
    source = tracking.Source(models, scores["catalogue"], text, images, decided)
    roles = {role: (choice[role], Path(args.packages) / role) for role in ROLES if choice[role]}
    tracker = tracking.Tracker(f"aisle-{scores['catalogue'].split()[0]}")
    bar = partial(tqdm, desc="models", unit="model", disable=None, total=len(gathered))
    raw = example(args.products, args.pictures)
    tracking.log_all(tracker, gathered, source, roles, raw, bar)
    print(f"{tracker.new} new runs in {tracker.uri}, experiment {tracker.name}")


if __name__ == "__main__":
    cli.run(main)
