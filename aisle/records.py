"""What is logged of each model: params, scores, curves and tables, gathered from the pipeline's outputs."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aisle import packaging, tables, weights
from aisle.tracking import Record, flat, model_params

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


def histories(folder: Path, name: str, seed: int | None) -> list[Path]:
    """Return the files of a model's training histories: <name>.csv, and <name>-<seed>.csv of a seed."""
    stem = name if seed is None else f"{name}-{seed}"
    return [path for path in [folder / f"{stem}.csv"] if path.is_file()]


def gather(
    scores: dict[str, Any],
    by_seed: dict[str, Any],
    evaluation: dict[str, pd.DataFrame],
    sections: dict[str, dict[str, Any]],
    stages: dict[str, str],
    shared: dict[str, Any],
    models: Path,
    folder: Path,
    tags: dict[str, str],
) -> dict[str, list[Record]]:
    """Return each model's record and those of its seeds.

    Parameters
    ----------
    scores, by_seed
        metrics/models.json, metrics/seeds.json.
    evaluation
        Tables of reports/evaluation/: folds, decisions, and those of `TABLES`.
    sections
        Sections of params.yaml that have an entry per model.
    stages
        Model to the DVC stage that makes it; of a model with seeds, without the seed.
    shared
        Sections that every model depends on.
    models
        Folder of model folders.
    folder
        Of training histories.
    tags
        Of every run.
    """
    decisions = packaging.decisions(evaluation["decisions"])
    result: dict[str, list[Record]] = {}
    for name, entry in scores.items():
        if not isinstance(entry, dict):
            continue
        params = model_params(name, sections, models) | flat(shared)
        own = tags | {"weights": entry["weights"], "catalogue": scores["catalogue"], "model": name}
        own |= {"dvc.stage": stages[name]} if name in stages else {}
        folds = evaluation["folds"][evaluation["folds"]["model"] == name]
        metrics = numbers(entry) | numbers(decisions.get(name, {}), "decision_")
        drawn = {table: evaluation[table][evaluation[table]["model"] == name] for table in TABLES}
        drawn = drawn if all(len(table) for table in drawn.values()) else {}
        curves = fold_curves(folds) | history_curves(histories(folder, name, None))
        result[name] = [Record(name, None, params, metrics, own, curves, drawn)]
        for seed in packaging.seeds(name, models) if entry["weights"] != weights.ABSENT else ():
            ending = f"_seed_{seed}"
            found = by_seed.get(name, {}).items()
            each = {key.removesuffix(ending): value for key, value in found if key.endswith(ending)}
            curves = fold_curves(folds[folds["seed"] == seed])
            curves |= history_curves(histories(folder, name, seed))
            about = own | {"seed": str(seed)}
            about |= {"dvc.stage": f"{stages[name]}-{seed}"} if name in stages else {}
            result[name].append(
                Record(name, seed, params | {"seed": str(seed)}, numbers(each), about, curves)
            )
    return result
