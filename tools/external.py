"""Judge a package on another catalogue of the same shop: products that its models have never seen.

  python tools/external.py .studies/flipkart1050 ../shared/catalogues/flipkart20k

The first folder is a study's workspace (tools/study.py) with its champion, the second another catalogue with
its mapping. Products that the study has, and those of categories that the champion does not know, are left
out. What fields the others lack, the champion does without, and decides by the threshold of what is there.
Intervals are drawn by near-duplicate group of the names. The figures go to docs/studies/<study>/external.json
and into the headline of metrics.json beside it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from aisle.catalogue import near_duplicates
from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.ingestion import ingest
from aisle.catalogue.splits import FoldsParams
from aisle.catalogue.validation import IngestParams
from aisle.deployment.predictor import Predictor
from aisle.evaluation import bootstrap
from aisle.evaluation.metrics import EvaluationParams
from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import check, load_params, read_yaml
from tools import study


def others(catalogue: Path, workspace: Path) -> pd.DataFrame:
    """Return the catalogue's products that are not the study's, their categories as the study has them."""
    given = read_yaml(study.find_mapping(catalogue, None))["catalogue"]
    params = load_params(workspace / "params.yaml", "catalogue", CatalogueParams)
    level = {**given["category"], "level": params.category.level}
    paths = {key: str(catalogue / given[key]) for key in ("table", "images")}
    named = {"name": catalogue.resolve().name, **given, "category": level, **paths}
    section = check(named, CatalogueParams, str(catalogue))
    products = ingest(section, IngestParams(max_refused_share=1, min_category_size=5)).products
    known = tables.read(workspace / "data/products.parquet", ["product_id", "category"])
    other = ~products["product_id"].isin(known["product_id"]) & products["category"].isin(
        {*known["category"]}
    )
    if not other.any():
        raise AisleError(f"{catalogue} must have other products of the study's categories; it has none")
    return products[other].reset_index(drop=True)


def judge(
    predicted: pd.DataFrame, category: pd.Series, group: np.ndarray, params: EvaluationParams
) -> dict[str, float]:
    """Return accuracy, share decided without a person, and error among these, with `_low` and `_high`.

    Where none is decided there is no error, and that is not 0.

    Parameters
    ----------
    predicted
        Of `Predictor.predict`, n rows.
    category
        True ones, (n,).
    group
        Near-duplicate groups, (n,).
    params
        Confidence and resamples.
    """
    right = predicted["predicted_category"].to_numpy() == category.to_numpy()
    auto = ~predicted["send_to_person"].to_numpy(bool)
    columns = {"rows": np.ones(len(right)), "right": right, "auto": auto, "missed": auto & ~right}
    figures = bootstrap.scores_of_sums(
        columns,
        lambda sums: {
            "external_accuracy": sums["right"] / sums["rows"],
            "external_auto": sums["auto"] / sums["rows"],
            "external_error": bootstrap.ratio(sums["missed"], sums["auto"]),
        },
        group,
        params,
    )
    return figures if auto.any() else {name: each for name, each in figures.items() if "error" not in name}


def main() -> None:
    """Predict, judge, write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspace", type=Path, help="of a study that has run")
    parser.add_argument("catalogue", type=Path, help="folder of another catalogue, with a mapping")
    parser.add_argument("--package", default="champion", help="of the workspace (%(default)s)")
    parser.add_argument("--results", type=Path, default=study.ROOT / "docs" / "studies", help="of studies")
    args = parser.parse_args()
    predictor = Predictor(args.workspace / "packages" / args.package)
    products = others(args.catalogue, args.workspace)
    raw = products[["title", "description", "specifications"]].assign(image=products["pictures"])
    predicted = predictor.predict(
        raw, args.catalogue, lambda batches: tqdm(batches, desc="products", unit="batch", disable=None)
    )
    similarity = load_params(args.workspace / "params.yaml", "folds", FoldsParams).text_similarity
    pairs = near_duplicates.text_pairs(products["title"], similarity)
    group = near_duplicates.groups(len(products), pairs)
    params = load_params(args.workspace / "params.yaml", "evaluation", EvaluationParams)
    figures = judge(predicted, products["category"], group, params)
    found: dict[str, Any] = {
        "model": predictor.package.model,
        "catalogue": args.catalogue.resolve().name,
        "external_products": len(products),
        "groups": int(group.max()) + 1,
        **{name: tables.rounded(name, value) for name, value in figures.items()},
    }
    results = args.results / args.workspace.resolve().name
    atomic.write_text(results / "external.json", json.dumps(found, indent=2) + "\n")
    metrics = tables.read_json(results / "metrics.json")
    metrics["headline"] = {
        key: value for key, value in metrics["headline"].items() if not key.startswith("external_")
    }
    metrics["headline"] |= {key: value for key, value in found.items() if key.startswith("external_")}
    atomic.write_text(results / "metrics.json", json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    cli.run(main)
