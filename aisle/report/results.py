"""Everything that the report shows, read from the pipeline's outputs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aisle import tables
from aisle.errors import AisleError


@dataclass(frozen=True)
class Results:
    """The pipeline's outputs.

    Attributes
    ----------
    catalogue
        Label of the catalogue.
    metrics
        Name of the metrics file (`ingest`, `cluster/bow`) to its content, without the label.
    titles
        Name of a model to its title for people, in the order of params.yaml.
    floor
        Name of the floor model.
    confidence
        Of every interval.
    products, rejects, text_statistics, near_duplicates
        The tables of data/ (see docs/data_dictionary.md).
    clusters
        Name of a feature set to its map: product_id, x, y, cluster.
    per_class, folds, confusion
        The tables of reports/evaluation/.
    """

    catalogue: str
    metrics: dict[str, dict[str, Any]]
    titles: dict[str, str]
    floor: str
    confidence: float
    products: pd.DataFrame
    rejects: pd.DataFrame
    text_statistics: pd.DataFrame
    near_duplicates: pd.DataFrame
    clusters: dict[str, pd.DataFrame]
    per_class: pd.DataFrame
    folds: pd.DataFrame
    confusion: pd.DataFrame

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Scores of each model, in the order of params.yaml."""
        return {name: self.metrics["models"][name] for name in self.titles}

    @property
    def best(self) -> str:
        """Name of the model with the highest cross-validated accuracy."""
        return max(self.models, key=lambda name: self.models[name]["cv_accuracy"])


def read_metrics(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the content of every metrics file below a folder, by its path without the suffix."""
    result = {}
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        content.pop("catalogue")
        result[path.relative_to(folder).with_suffix("").as_posix()] = content
    return result


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV that the pipeline wrote; text stays text, an empty field is ""."""
    if not path.is_file():
        raise AisleError(f"{path} must be there; it is not. `dvc repro` makes it.")
    return pd.read_csv(path, keep_default_na=False)


def read_clusters(folder: Path, names: list[str]) -> dict[str, pd.DataFrame]:
    """Return the maps of the named feature sets."""
    return {name: tables.read(folder / f"{name}.parquet") for name in names}
