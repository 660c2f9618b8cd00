"""What is logged of each model: params, scores, curves and tables, gathered from the pipeline's outputs."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from aisle.catalogue import specifications
from aisle.deployment import packaging
from aisle.deployment.mlflow_store import Record, flat, model_params
from aisle.models.listing import Listing
from aisle.models.predictions_table import NO_SEED
from aisle.pipeline import tables
from aisle.pretrained import status

TABLES = ("confusion", "reliability", "risk_coverage")
FOLD_SCORES = ("accuracy", "macro_f1")
GROUPS = ("protocol", "seed", "repeat", "fold")
"""Columns of a training history that name which training it is."""


def numbers(entry: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the entries that are finite numbers."""
    kept = {
        f"{prefix}{name}": float(value)
        for name, value in entry.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return {name: value for name, value in kept.items() if math.isfinite(value)}


def fold_curves(folds: pd.DataFrame) -> dict[str, list[tuple[int, float]]]:
    """Return one model's scores fold by fold; a step is a fold of a repeat, its seeds averaged."""
    means = folds.groupby(["repeat", "fold"])[list(FOLD_SCORES)].mean()
    return {f"fold_{name}": list(enumerate(means[name].astype(float))) for name in FOLD_SCORES if len(means)}


def history_curves(paths: Iterable[Path]) -> dict[str, list[tuple[int, float]]]:
    """Return the curves of training histories: a row per epoch, and per training where there are several."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in paths:
        table = tables.read_csv(path)
        groups = [name for name in GROUPS if name in table]
        columns = [name for name in table.select_dtypes("number") if name not in (*groups, "epoch")]
        parts = table.groupby(groups) if groups else [((), table)]
        for values, rows in parts:
            which = "".join(f"_{name}_{value}" for name, value in zip(groups, values, strict=True))
            steps = rows["epoch"] if "epoch" in rows else range(1, len(rows) + 1)
            for name in columns:
                points = zip(steps, rows[name], strict=True)
                found[f"training{which}/{name}"] = [(int(step), float(value)) for step, value in points]
    return found


def gather(
    listing: Listing,
    scores: dict[str, Any],
    by_seed: dict[str, Any],
    models: Path,
    evaluation_tables: Path,
    histories: Path,
    shared: dict[str, Any],
    tags: dict[str, str],
) -> dict[str, list[Record]]:
    """Return each model's record and those of its seeds.

    Parameters
    ----------
    listing
        The models.
    scores, by_seed
        metrics/models.json, metrics/seeds.json.
    models
        Folder of model folders.
    evaluation_tables
        Folder of the evaluation's tables.
    histories
        Folder of training histories.
    shared
        Sections that every model depends on.
    tags
        Of every run.
    """
    names = (*TABLES, "folds", "decisions")
    evaluation = {name: tables.read_csv(evaluation_tables / f"{name}.csv") for name in names}
    decisions = packaging.decisions(evaluation["decisions"])
    result: dict[str, list[Record]] = {}
    for listed in listing.models:
        name, entry = listed.name, scores[listed.name]
        params = model_params(name, models) | flat(shared)
        own = tags | {"weights": entry["weights"], "catalogue": scores["catalogue"], "model": name}
        own |= {"dvc.stage": listed.stage}
        folds = evaluation["folds"][evaluation["folds"]["model"] == name]
        metrics = numbers(entry) | numbers(decisions.get(name, {}), "decision_")
        drawn = {table: evaluation[table][evaluation[table]["model"] == name] for table in TABLES}
        drawn = drawn if all(len(table) for table in drawn.values()) else {}
        epochs = listed.files(histories, ".csv") if listed.has_history else {}
        curves = fold_curves(folds) | history_curves([epochs[NO_SEED]] if NO_SEED in epochs else [])
        result[name] = [Record(name, None, params, metrics, own, curves, drawn)]
        for seed in listed.seeds if entry["weights"] != status.ABSENT else ():
            ending = f"_seed_{seed}"
            found = by_seed.get(name, {}).items()
            figures = {key.removesuffix(ending): value for key, value in found if key.endswith(ending)}
            curves = fold_curves(folds[folds["seed"] == seed]) | history_curves([epochs[seed]])
            about = params | {"seed": str(seed)}, numbers(figures), own | {"seed": str(seed)}, curves
            result[name].append(Record(name, seed, *about))
    return result


def example(products: str | Path, pictures: str | Path, n: int = 1) -> pd.DataFrame:
    """Return the first n products, those with a picture before others, as a shop has them: raw products."""
    there: dict[str, bytes] = {}
    for batch in pq.ParquetFile(pictures).iter_batches(64, columns=[tables.KEY, "picture"]):
        for row in batch.to_pylist():
            if row["picture"] and len(there) < n:
                there.setdefault(row[tables.KEY], row["picture"])
        if len(there) >= n:
            break
    table = tables.read(products, [tables.KEY, "title", "description", "specifications"]).set_index(
        tables.KEY
    )
    others = [name for name in table.index if name not in there]
    rows = []
    for name in [*there, *others][:n]:
        pairs = specifications.loads(table.loc[name, "specifications"])
        written = "; ".join(f"{key}: {value}" if key else value for key, value in pairs)
        columns = {"title": table.loc[name, "title"], "description": table.loc[name, "description"]}
        rows.append(columns | {"specifications": written, "image": there.get(name, b"")})
    return pd.DataFrame(rows)
