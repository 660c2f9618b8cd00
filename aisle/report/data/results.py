"""Everything that the report shows, read from the pipeline's outputs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.labelled import NO_CATEGORY
from aisle.evaluation.metrics import EvaluationParams
from aisle.evaluation.selective import in_words
from aisle.models import listing
from aisle.pipeline.params import check
from aisle.pipeline.tables import exactly, read, read_csv
from aisle.pretrained.status import ABSENT, NONE, UNTRAINED
from aisle.report.data import backbones


@dataclass(frozen=True)
class Results:
    """The pipeline's outputs.

    Attributes
    ----------
    catalogue
        Label of the catalogue.
    metrics
        Name of the metrics file (`ingest`, `cluster/bow`) to its content, without the label.
    baseline
        Name of the baseline model.
    confidence
        Of every interval.
    target_error
        Share of automatic decisions that may be wrong.
    products, rejects
        The tables of data/ (see docs/data_dictionary.md).
    clusters
        Name of a feature set to its map: product_id, x, y, cluster, cluster_best, silhouette.
    cluster_tables, cluster_curves
        Name of a feature set to its table of the categories, and to that of its principal components.
    exploration
        Name of a table of reports/exploration/ to its rows.
    thumbnails
        product_id and jpeg (bytes) of the products that have a picture, or of a sample of them.
    label_issues
        The table of reports/label_issues.csv.
    tables
        Name of a table of reports/evaluation/ to its rows.
    candidates
        The table of reports/champion.csv.
    backbones
        See `aisle.report.data.backbones.read`.
    backbone_models
        Name of each model on pictures alone to its entry of `weights`.
    histories
        Neural model to the epochs of its hold-out fits, with a column `seed` (-1: it has none).
    grad_cam
        The table of reports/grad_cam/examples.parquet.
    shap_words, shap_examples
        The tables of reports/shap_text.csv and reports/shap_text_examples.csv.
    shap_fusion
        Fusion to its table of reports/shap_fusion/.
    monitoring
        Name of a table of reports/monitoring/ to its rows; `looks` is reports/experiments.parquet, and
        `evolution/<name>` of reports/evolution/.
    """

    catalogue: str
    metrics: dict[str, dict[str, Any]]
    baseline: str
    confidence: float
    target_error: float
    products: pd.DataFrame
    rejects: pd.DataFrame
    clusters: dict[str, pd.DataFrame]
    cluster_tables: dict[str, pd.DataFrame]
    exploration: dict[str, pd.DataFrame]
    thumbnails: pd.DataFrame
    label_issues: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    cluster_curves: dict[str, pd.DataFrame]
    candidates: pd.DataFrame
    backbones: pd.DataFrame
    backbone_models: dict[str, str]
    histories: dict[str, pd.DataFrame]
    grad_cam: pd.DataFrame
    shap_words: pd.DataFrame
    shap_examples: pd.DataFrame
    shap_fusion: dict[str, pd.DataFrame]
    monitoring: dict[str, pd.DataFrame]

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
    def champion(self) -> str:
        """Name of the model to use."""
        return str(self.metrics["champion"]["champion"])

    @property
    def promise(self) -> str:
        """What is promised of the automatic decisions of the model to use, as a sentence."""
        rows = self.tables["decisions"].set_index("model").drop(columns="protocol").astype(float)
        return in_words({str(name): rows.at[self.champion, name] for name in rows.columns})

    @property
    def compared(self) -> dict[str, dict[str, Any]]:
        """Scores of each model with cross-validated ones; the others have run the hold-out alone."""
        return {name: each for name, each in self.models.items() if "cv_accuracy" in each}

    @property
    def modalities(self) -> dict[str, frozenset[str]]:
        """What each model reads of a product: `text`, `image`, or both."""
        models = self.tables["models"]
        read_ = models["modalities"].map(lambda names: frozenset(names.split("+")))
        return dict(zip(models["model"], read_, strict=True))

    def is_untrained(self, name: str) -> bool:
        """Return whether random weights have a part in a model."""
        return bool(self.metrics["models"][name].get("weights") == UNTRAINED)

    @property
    def shown(self) -> dict[str, str]:
        """The models that are looked at closely, by name, to why: the best, the baseline, the champion ..."""
        trained = [name for name in self.compared if not self.is_untrained(name)]
        pictures = [name for name in trained if self.modalities[name] == {"image"}]
        picture = max(pictures, key=lambda name: self.models[name]["cv_accuracy"], default=self.best)
        roles = {
            "the most accurate": self.best,
            "the baseline": self.baseline,
            "the champion": self.metrics["champion"]["champion"],
            "the most accurate on pictures alone": picture,
        }
        why: dict[str, list[str]] = {}
        for role, name in roles.items():
            why.setdefault(name, []).append(role)
        if picture == self.best and not pictures:
            why[picture].remove("the most accurate on pictures alone")
        return {name: " and ".join(parts) for name, parts in why.items()}


def read_results(paths: Mapping[str, str], params: Mapping[str, Any]) -> Results:
    """Return everything that the report shows.

    Parameters
    ----------
    paths
        Name of each input, the flag of stages/report.py with underscores, to its path.
    params
        Section `evaluation` of params.yaml by its name; others are not looked at.
    """
    products = read(paths["products"], ["product_id", "title", "category"])
    evaluation = check(params["evaluation"], EvaluationParams, "evaluation")
    listed = listing.read(paths["listing"])
    names = listed.feature_sets
    clusters = exactly(paths["clusters"], names, "")
    return Results(
        catalogue=products.attrs["catalogue"],
        metrics=read_metrics(Path(paths["metrics"]), names),
        label_issues=read_csv(paths["label_issues"]),
        tables=read_tables(Path(paths["evaluation"])),
        baseline=evaluation.baseline,
        confidence=evaluation.confidence,
        target_error=evaluation.target_error,
        products=products.fillna({"category": NO_CATEGORY}),
        rejects=read_csv(paths["rejects"]),
        clusters={name: read(folder / "points.parquet") for name, folder in clusters.items()},
        cluster_tables={name: read_csv(folder / "categories.csv") for name, folder in clusters.items()},
        cluster_curves={name: read_csv(folder / "variance.csv") for name, folder in clusters.items()},
        exploration=read_exploration(Path(paths["exploration"])),
        thumbnails=read(paths["thumbnails"]),
        candidates=read_csv(paths["candidates"]),
        backbones=backbones.read(Path(paths["pretrained"]), Path(paths["benchmark"]), listed.backbones),
        backbone_models={model.name: model.pretrained for model in listed.models if model.pretrained != NONE},
        histories=listing.read_histories(listed, Path(paths["histories"])),
        grad_cam=read(paths["grad_cam"]),
        shap_words=read_csv(paths["shap_words"]),
        shap_examples=read_csv(paths["shap_examples"]),
        shap_fusion=read_shap_fusion(
            Path(paths["shap_fusion"]),
            [model.name for model in listed.models if model.group == listing.FUSIONS],
        ),
        monitoring=read_monitoring(paths),
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
    "explain_fusion",
    "monitoring",
    "experiments",
    "evolution",
)
MONITORING = ("batches", "detectors", "shares", "promised")
EVOLUTION = ("shares", "changes", "terms", "movements", "proposals", "examples")


def read_monitoring(paths: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Return the tables of what came after the catalogue; see `Results`."""
    found = {name: read(Path(paths["monitoring"]) / f"{name}.parquet") for name in MONITORING}
    evolution = exactly(paths["evolution"], EVOLUTION, ".parquet")
    found |= {f"evolution/{name}": read(path) for name, path in evolution.items()}
    return found | {"looks": read(paths["looks"])}


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
    "by_category",
    "decisions",
    "review",
    "tree",
    "siblings",
)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of reports/evaluation/."""
    found = {name: read_csv(path) for name, path in exactly(folder, TABLES, ".csv").items()}
    return found | {"products": read(folder / "products.parquet")}


def read_shap_fusion(folder: Path, fusions: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return for each fusion how much text and picture moved its predictions."""
    return {name: read(path) for name, path in exactly(folder, fusions, ".parquet").items()}


EXPLORATION = (
    "specification_keys",
    "specification_values",
    "category_tree",
    "brands",
    "missing",
    "distributions",
    "histograms",
    "picture_sizes",
    "terms",
    "term_frequencies",
    "word_clouds",
    "preprocessing",
    "near_duplicates",
    "pictures",
)


def read_exploration(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of reports/exploration/."""
    return {name: read(path) for name, path in exactly(folder, EXPLORATION, ".parquet").items()}
