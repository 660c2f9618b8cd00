"""Score every model from its predictions file alone: intervals, paired tests, calibration, decisions.

Inputs: the folder predictions/ (a file per model; in seeds/ one per model and seed; in fine_tuned/ those of
the hold-out alone); data/folds.parquet (near-duplicate groups); data/products.parquet (category paths,
titles).
Outputs: metrics/models.json, one flat dict per model (cv_*: repeated stratified group k-fold, holdout_*: one
60/20/20 split); metrics/seeds.json, one per model of several seeds; the folder reports/evaluation/:
models.csv, per_class.csv, folds.csv, confusion.csv, reliability.csv, risk_coverage.csv, decisions.csv
(temperature and threshold to use), review.csv (products that the best model would send to a person),
products.parquet (what each cross-validated model says of each product). A model without its weights has no
scores.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle import by_product, calibration, cli, decisions, evaluation, metrics, tables
from aisle.errors import AisleError, some
from aisle.params import load_params
from aisle.weights import ABSENT, kind


def run(
    models: dict[str, dict[int, pd.DataFrame]],
    folds: pd.DataFrame,
    products: pd.DataFrame,
    params: metrics.EvaluationParams,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, pd.DataFrame]]:
    """Return metrics, metrics of the seeds, and tables by name.

    Parameters
    ----------
    models
        Name to predictions by seed (`evaluation.NO_SEED` alone where a model has none).
    folds, products
        See docs/data_dictionary.md.
    params
        Section `evaluation`.
    """
    if params.floor not in models:
        raise AisleError(f"evaluation.floor must be one of {some(models, 99)}, not {params.floor!r}")
    floor = models[params.floor][evaluation.NO_SEED]
    ids = floor.loc[(floor["protocol"] == "cv") & (floor["repeat"] == 0), "product_id"].unique()
    folds = tables.align(folds, ids, "data/folds.parquet", "the floor's predictions")
    products = tables.align(products, ids, "data/products.parquet", "the floor's predictions")
    levels = evaluation.path_levels(
        products.set_index("product_id")["category_path"], folds.set_index("product_id")["category"]
    )
    ready: dict[str, evaluation.Model] = {}
    listed = []
    for name, seeds in models.items():
        attrs = next(iter(seeds.values())).attrs
        about = {
            "title": attrs["title"],
            "modalities": attrs["modalities"],
            "weights": kind(attrs["weights"]),
        }
        listed.append({"model": name, "seeds": len(seeds), **about})
        if about["weights"] != ABSENT:
            same = {seed: evaluation.aligned(table, floor, name) for seed, table in seeds.items()}
            ready[name] = evaluation.prepare(
                about["title"], about["modalities"].split("+"), about["weights"], same, params
            )
    scores = {name: evaluation.score(model, folds, levels, params) for name, model in ready.items()}
    for name, extra in evaluation.missing_scores(ready).items():
        scores[name] |= extra
    comparisons = {"gain": params.floor, "over_single": evaluation.best_single(ready, scores)}
    for prefix, reference in comparisons.items():
        if reference:
            for name, extra in evaluation.compare(ready, reference, prefix, params.confidence).items():
                scores[name] |= extra
    for name, model in ready.items():
        if name != params.floor:
            scores[name]["holdout_mcnemar_p"] = evaluation.holdout_mcnemar(model, ready[params.floor])
    results = {name: scores.get(name, {"weights": ABSENT}) for name in models}
    by_seed = {
        name: evaluation.seed_scores(model, params.confidence)
        for name, model in ready.items()
        if len(models[name]) > 1
    }
    found = tables_of(ready, scores, folds, products, params)
    return results, by_seed, {"models": pd.DataFrame(listed), **found}


def tables_of(
    models: dict[str, evaluation.Model],
    scores: dict[str, dict[str, Any]],
    folds: pd.DataFrame,
    products: pd.DataFrame,
    params: metrics.EvaluationParams,
) -> dict[str, pd.DataFrame]:
    """Return the tables of reports/evaluation/ that have rows of each model."""
    group = folds.set_index("product_id")["group"]
    found: dict[str, list[pd.DataFrame]] = {
        name: [] for name in ("per_class", "folds", "confusion", "reliability", "risk_coverage")
    }
    said: dict[str, pd.DataFrame] = {}
    for name, model in models.items():
        for protocol, rows in model.test.groupby("protocol"):
            groups = group[rows["product_id"]].to_numpy()
            found["per_class"].append(metrics.score_classes(rows, name, str(protocol), groups, params))
        cv, decided = model.rows("cv"), model.decided[model.decided["protocol"] == "cv"]
        if cv.empty:
            continue
        found["folds"].append(metrics.fold_scores(cv).assign(model=name))
        pairs = pd.DataFrame({"actual": cv["category"], "predicted": metrics.predicted(cv)})
        runs = len(cv[["seed", "repeat"]].drop_duplicates())
        counts = pairs.value_counts(sort=False).rename("products").div(runs)
        found["confusion"].append(counts.reset_index().assign(model=name))
        for state, rows in (("raw", cv), ("calibrated", decided)):
            bins = calibration.reliability(rows, params.n_bins)
            found["reliability"].append(bins.assign(probabilities=state, model=name))
        curve = decisions.risk_coverage(decided["confidence"].to_numpy(), decided["wrong"].to_numpy(bool))
        found["risk_coverage"].append(curve.assign(model=name))
        said[name] = by_product.summary(decided)
    best = evaluation.best(scores)
    titles = products.set_index("product_id")["title"]
    decisions_ = [evaluation.deployment(name, model, params) for name, model in models.items()]
    return {name: pd.concat(parts) for name, parts in found.items()} | {
        "decisions": pd.DataFrame(decisions_),
        "review": evaluation.review(best, models[best], titles),
        "products": by_product.all_models(said),
    }


def read_models(
    folder: Path, names: Iterable[str], tuned: Iterable[str], seeded: Iterable[str], seeds: Iterable[int]
) -> dict[str, dict[int, pd.DataFrame]]:
    """Return the predictions of every model, by seed."""
    single = tables.exactly(folder, names, ".parquet")
    single |= tables.exactly(folder / "fine_tuned", tuned, ".parquet")
    files = [f"{name}-{seed}" for name in seeded for seed in seeds]
    several = tables.exactly(folder / "seeds", files, ".parquet")
    models = {name: {evaluation.NO_SEED: tables.read(path)} for name, path in single.items()}
    for name in seeded:
        models[name] = {seed: tables.read(several[f"{name}-{seed}"]) for seed in seeds}
    return models


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__,
        predictions="folder of predictions files",
        folds="folds",
        products="products",
        metrics="output: scores",
        seed_metrics="output: scores of each seed",
        tables="output: folder of tables",
    )
    args = parser.parse_args()
    params = load_params(args.params, "evaluation", metrics.EvaluationParams)
    names = [
        *load_params(args.params, "classifiers", dict[str, Any]),
        *load_params(args.params, "fusions", dict[str, Any]),
        *load_params(args.params, "zero_shot", dict[str, Any]),
    ]
    backbones = load_params(args.params, "transfer.backbones", list[str])
    heads = load_params(args.params, "transfer.heads", dict[str, Any])
    seeded = [f"{backbone}_{head}" for backbone in backbones for head in heads]
    seeded += load_params(args.params, "fusion_networks.names", list[str])
    tuned = list(load_params(args.params, "fine_tunes", dict[str, Any]))
    seeds = load_params(args.params, "seeds", list[int])
    models = read_models(Path(args.predictions), names, tuned, seeded, seeds)
    folds = tables.read(args.folds, ["product_id", "category", "group"])
    products = tables.read(args.products, ["product_id", "title", "category_path"])
    results, by_seed, found = run(models, folds, products, params)
    label = folds.attrs["catalogue"]
    tables.write_metrics(results, args.metrics, label)
    tables.write_metrics(by_seed, args.seed_metrics, label)
    tables.write(found.pop("products"), Path(args.tables) / "products.parquet", label)
    for name, table in found.items():
        tables.write_csv(table, Path(args.tables) / f"{name}.csv", label)


if __name__ == "__main__":
    cli.run(main)
