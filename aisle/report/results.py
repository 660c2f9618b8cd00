"""Everything that the report shows, read from the pipeline's outputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.metrics import EvaluationParams
from aisle.tables import exactly, read, read_csv
from aisle.weights import ABSENT, UNTRAINED


@dataclass(frozen=True)
class Results:
    """The pipeline's outputs.

    Attributes
    ----------
    catalogue
        Label of the catalogue.
    metrics
        Name of the metrics file (`ingest`, `cluster/bow`) to its content, without the label.
    floor
        Name of the floor model.
    confidence
        Of every interval.
    target_error
        Share of automatic decisions that may be wrong.
    products, rejects, text_statistics
        The tables of data/ (see docs/data_dictionary.md).
    clusters
        Name of a feature set to its map: product_id, x, y, cluster, cluster_best.
    cluster_tables
        Name of a feature set to its table of the categories.
    label_issues
        The table of reports/label_issues.csv.
    tables
        Name of a table of reports/evaluation/ to its rows.
    """

    catalogue: str
    metrics: dict[str, dict[str, Any]]
    floor: str
    confidence: float
    target_error: float
    products: pd.DataFrame
    rejects: pd.DataFrame
    text_statistics: pd.DataFrame
    clusters: dict[str, pd.DataFrame]
    cluster_tables: dict[str, pd.DataFrame]
    label_issues: pd.DataFrame
    tables: dict[str, pd.DataFrame]

    @property
    def titles(self) -> dict[str, str]:
        """Title for people of each model, in the order of params.yaml."""
        models = self.tables["models"]
        return dict(zip(models["model"], models["title"], strict=True))

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Scores of each model that has its weights, in the order of params.yaml."""
        scores = {name: self.metrics["models"][name] for name in self.titles}
        return {name: each for name, each in scores.items() if each.get("weights") != ABSENT}

    def title(self, name: str) -> str:
        """Return a model's title for people; it says so if its weights are untrained."""
        untrained = self.metrics["models"][name].get("weights") == UNTRAINED
        return self.titles[name] + " (untrained)" * untrained

    @property
    def best(self) -> str:
        """Name of the model with the highest cross-validated accuracy, untrained ones aside."""
        trained = [name for name, each in self.compared.items() if each.get("weights") != UNTRAINED]
        return max(trained, key=lambda name: self.models[name]["cv_accuracy"])

    @property
    def compared(self) -> dict[str, dict[str, Any]]:
        """Scores of each model with cross-validated ones; the others have run the hold-out alone."""
        return {name: each for name, each in self.models.items() if "cv_accuracy" in each}


def read_results(paths: Mapping[str, str], evaluation: EvaluationParams, feature_sets: list[str]) -> Results:
    """Return everything that the report shows.

    Parameters
    ----------
    paths
        Name of each input, the flag of stages/report.py with underscores, to its path.
    evaluation, feature_sets
        Sections of params.yaml; of the second its names.
    """
    products = read(paths["products"], ["product_id", "title", "category"])
    return Results(
        catalogue=products.attrs["catalogue"],
        metrics=read_metrics(Path(paths["metrics"]), feature_sets),
        label_issues=read_csv(paths["label_issues"]),
        tables=read_tables(Path(paths["evaluation"])),
        floor=evaluation.floor,
        confidence=evaluation.confidence,
        target_error=evaluation.target_error,
        products=products,
        rejects=read_csv(paths["rejects"]),
        text_statistics=read_csv(paths["text_statistics"]),
        clusters=read_clusters(Path(paths["clusters"]), feature_sets),
        cluster_tables=read_cluster_tables(Path(paths["cluster_tables"]), feature_sets),
    )


METRICS = (
    "ingest",
    "images",
    "text",
    "folds",
    "models",
    "seeds",
    "leakage",
    "label_audit",
    "champion",
    "grad_cam",
)


def read_metrics(folder: Path, feature_sets: list[str]) -> dict[str, dict[str, Any]]:
    """Return the content of every metrics file below a folder, by its path without the suffix."""
    sets = exactly(folder / "cluster", feature_sets, ".json")
    paths = exactly(folder, METRICS, ".json")
    paths |= {f"cluster/{name}": path for name, path in sets.items()}
    content = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}
    return {
        name: {key: value for key, value in metrics.items() if key != "catalogue"}
        for name, metrics in content.items()
    }


TABLES = (
    "models",
    "per_class",
    "folds",
    "confusion",
    "reliability",
    "risk_coverage",
    "decisions",
    "review",
)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of reports/evaluation/."""
    return {name: read_csv(path) for name, path in exactly(folder, TABLES, ".csv").items()}


def read_clusters(folder: Path, feature_sets: list[str]) -> dict[str, pd.DataFrame]:
    """Return the map of each feature set."""
    return {name: read(path) for name, path in exactly(folder, feature_sets, ".parquet").items()}


def read_cluster_tables(folder: Path, feature_sets: list[str]) -> dict[str, pd.DataFrame]:
    """Return the table of the categories of each feature set."""
    return {name: read_csv(path) for name, path in exactly(folder, feature_sets, ".csv").items()}
