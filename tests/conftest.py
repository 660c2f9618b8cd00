"""A small synthetic catalogue, and a workspace that runs stages on it in this process."""

import copy
import csv
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

from aisle import cli, openvino_runtime, tables, weights
from aisle.params import read_yaml
from stages import explain_pictures

REPO = Path(__file__).parents[1]
os.environ["AISLE_CACHE"] = (
    "off"  # tests neither use nor fill the repository's; tests/aisle/test_cache.py does
)
WORDS = {
    category: words.split()
    for category, words in {
        "Clocks": "dial quartz alarm pendulum minute hour battery wall chime digital",
        "Lamps": "bulb shade glow dimmer watt cable switch bedside bright led",
        "Mugs": "coffee tea handle ceramic cup dishwasher microwave saucer glaze pour",
        "shared": "gift home strong colour modern quality steel light small large red blue pack easy new",
    }.items()
}
SHARED = WORDS.pop("shared")
COLOURS = {"Clocks": (200, 60, 60), "Lamps": (60, 200, 60), "Mugs": (60, 60, 200)}
PER_CATEGORY = 20


def catalogue_rows() -> list[dict[str, str]]:
    """Return 60 rows; p00 and p01 share a description, p20 and p21 a picture's look."""
    rng = np.random.default_rng(7)
    rows = []
    every = [word for words in WORDS.values() for word in words]
    for category, vocabulary in WORDS.items():
        for _ in range(PER_CATEGORY):
            number = len(rows)
            own = [*rng.choice(vocabulary, 3, False), rng.choice(every)]
            shared = rng.choice(SHARED, 6, False)
            rows.append(
                {
                    "id": f"p{number:02d}",
                    "title": f"{shared[0]} {own[2]} number {number}",
                    "description": " ".join([*own, *shared, f"model{number:02d}x{number * 37}"]),
                    "category_path": f"{category} >> leaf{number:02d}token",
                    "brand": f"brand{number % 4}",
                    "price": f"{10 + number}.50",
                    "image": f"p{number:02d}.png",
                    "specifications": f"Colour: {shared[1]}; Weight: {number} g",
                }
            )
    rows[1]["description"] = rows[0]["description"]
    return rows


def draw(row: dict[str, str], path: Path) -> None:
    """Write a noisy picture whose tint is the category's; p21's is p20's."""
    number = int(row["id"][1:])
    rng = np.random.default_rng(20 if number == 21 else number)
    blocks = rng.integers(-50, 51, (8, 8, 1)) + rng.integers(-20, 21, 3)
    pixels = np.clip(np.array(COLOURS[row["category_path"].split(" >> ")[0]]) + blocks, 0, 255).astype(
        np.uint8
    )
    Image.fromarray(pixels).resize((48, 40)).save(path)


class Workspace:
    """A folder with a catalogue and params.yaml; runs stages and knows where their files are."""

    def __init__(self, root: Path, rows: list[dict[str, str]], params: dict[str, Any]) -> None:
        self.root = root
        self.params_file = root / "params.yaml"
        self.write_table(rows)
        self.images = root / "images"
        self.images.mkdir()
        params["catalogue"] |= {
            "name": "tiny",
            "table": str(root / "products.csv"),
            "images": str(self.images),
        }
        self.set(params)

    def write_table(self, rows: list[dict[str, str]]) -> None:
        with (self.root / "products.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(catalogue_rows()[0]))
            writer.writeheader()
            writer.writerows(rows)

    def set(self, params: dict[str, Any]) -> None:
        self.params = params
        YAML().dump(params, self.params_file)

    def with_params(self, folder: Path, edit: Callable[[dict[str, Any]], object]) -> "Workspace":
        """Return this workspace with other params, written into `folder`; its files stay where they are."""
        other = copy.copy(self)
        other.params = copy.deepcopy(self.params)
        other.params_file = folder / "params.yaml"
        edit(other.params)
        other.set(other.params)
        return other

    def paths(self, name: str, item: str = "") -> dict[str, str]:
        """Return the flags of a stage, as in dvc.yaml but inside this folder."""
        features = {"descriptors": "image", "text_picture": "fused"}.get(item, "text")
        fused = self.params["fused_sets"].get(item, {})
        fusion = self.params["fusions"].get(item, {})
        members = {
            flag: f"predictions/{name}.parquet"
            for flag, name in zip(("first", "second", "third"), fusion.get("models", []), strict=False)
        }
        audited, words = self.params["label_audit"]["model"], self.params["explain"]["text"]["model"]
        encoder = (self.params["encoders"]["text"] | self.params["encoders"]["image"]).get(item, {})
        model, _, seed = item.rpartition("-")
        flags = {
            "ingest": {
                "table": "products.csv",
                "images": "images",
                "products": "data/products.parquet",
                "rejects": "data/rejects.csv",
                "metrics": "metrics/ingest.json",
            },
            "prepare_images": {
                "products": "data/products.parquet",
                "images": "images",
                "output": "data/images.parquet",
                "metrics": "metrics/images.json",
            },
            "preprocess_text": {
                "products": "data/products.parquet",
                "output": "data/text.parquet",
                "statistics": "data/text_statistics.csv",
                "metrics": "metrics/text.json",
            },
            "make_folds": {
                "products": "data/products.parquet",
                "pictures": "data/images.parquet",
                "output": "data/folds.parquet",
                "pairs": "data/near_duplicates.csv",
                "metrics": "metrics/folds.json",
            },
            "thumbnails": {
                "products": "data/products.parquet",
                "pictures": "data/images.parquet",
                "output": "data/thumbnails.parquet",
            },
            "explore": {
                "products": "data/products.parquet",
                "texts": "data/text.parquet",
                "statistics": "data/text_statistics.csv",
                "pictures": "data/images.parquet",
                "folds": "data/folds.parquet",
                "pairs": "data/near_duplicates.csv",
                "output": "reports/exploration",
            },
            "fetch_weights": {"output": f"models/pretrained/{item}"},
            "embed_text": {
                "texts": "data/text.parquet",
                "weights": f"models/pretrained/{encoder.get('weights')}",
                "output": f"features/text/{item}.parquet",
                "metrics": f"metrics/embed_text/{item}.json",
            },
            "embed_images": {
                "pictures": "data/images.parquet",
                "weights": f"models/pretrained/{encoder.get('weights')}",
                "output": f"features/image/{item}.parquet",
            },
            "fuse_features": {
                "text": fused.get("text", ""),
                "picture": fused.get("picture", ""),
                "output": f"features/fused/{item}.parquet",
            },
            "cluster": {
                "features": f"features/{features}/{item}.parquet",
                "folds": "data/folds.parquet",
                "output": f"reports/clusters/{item}.parquet",
                "drawn": f"reports/cluster_maps/{item}.csv",
                "categories": f"reports/cluster_tables/{item}.csv",
                "variance": f"reports/cluster_curves/{item}.csv",
                "metrics": f"metrics/cluster/{item}.json",
            },
            "classify": {
                "input": self.params["classifiers"].get(item, {}).get("input", ""),
                "folds": "data/folds.parquet",
                "output": f"predictions/{item}.parquet",
                "model": f"models/{item}",
            },
            "fine_tune": {
                "pictures": "data/images.parquet",
                "folds": "data/folds.parquet",
                "output": f"predictions/fine_tuned/{item}.parquet",
                "model": f"models/{item}",
                "history": f"reports/histories/{item}.csv",
            },
            "explain_pictures": {
                "pictures": "data/images.parquet",
                "predictions": self.params["grad_cam"]["predictions"],
                "model": f"models/{self.params['grad_cam']['model']}",
                "backbone": self.params["grad_cam"]["backbone"],
                "output": "reports/grad_cam/examples.parquet",
                "metrics": "metrics/grad_cam.json",
            },
            "fuse": {
                **members,
                "output": f"predictions/{item}.parquet",
                "model": f"models/{item}",
            },
            "train_backbone": {
                "features": f"features/image/{model}.parquet",
                "folds": "data/folds.parquet",
                **{
                    f"{head}-{output}": f"{folder}/{model}_{head}-{seed}{suffix}"
                    for head in ("dense", "deep")
                    for output, folder, suffix in NEURAL
                },
            },
            "train_fusion": {
                "features": self.params["fusion_networks"]["input"],
                "folds": "data/folds.parquet",
                **{output: f"{folder}/{item}{suffix}" for output, folder, suffix in NEURAL},
            },
            "zero_shot": {
                "features": "",
                "folds": "data/folds.parquet",
                "weights": "",
                "output": f"predictions/{item}.parquet",
            },
            "evaluate": {
                "predictions": "predictions",
                "folds": "data/folds.parquet",
                "products": "data/products.parquet",
                "metrics": "metrics/models.json",
                "seed-metrics": "metrics/seeds.json",
                "tables": "reports/evaluation",
            },
            "audit_labels": {
                "predictions": f"predictions/{audited}.parquet",
                "products": "data/products.parquet",
                "folds": "data/folds.parquet",
                "output": "reports/label_issues.csv",
                "metrics": "metrics/label_audit.json",
            },
            "compare_folds": {
                "input": self.params["classifiers"].get(item, {}).get("input", ""),
                "folds": "data/folds.parquet",
                "predictions": f"predictions/{item}.parquet",
                "output": f"reports/ungrouped/{item}.csv",
            },
            "check_leakage": {
                "products": "data/products.parquet",
                "texts": "data/text.parquet",
                "pictures": "data/images.parquet",
                "folds": "data/folds.parquet",
                "pairs": "data/near_duplicates.csv",
                "ungrouped": "reports/ungrouped",
                "output": "reports/leakage.csv",
                "metrics": "metrics/leakage.json",
            },
            "explain_text": {
                "model": f"models/{words}",
                "texts": "data/text.parquet",
                "predictions": f"predictions/{words}.parquet",
                "products": "data/products.parquet",
                "output": "reports/shap_text.csv",
                "examples": "reports/shap_text_examples.csv",
            },
            "explain_fusion": {
                "model": f"models/{item}",
                **members,
                "output": f"reports/shap_fusion/{item}.parquet",
                "metrics": f"metrics/explain_fusion/{item}.json",
            },
            "champion": {
                "scores": "metrics/models.json",
                "evaluation": "reports/evaluation",
                "models": "models",
                "texts": "data/text.parquet",
                "pictures": "data/images.parquet",
                "features": "features",
                "champion": "packages/champion",
                "challenger": "packages/challenger",
                "candidates": "reports/champion.csv",
                "predictions": "reports/champion_predictions.parquet",
                "metrics": "metrics/champion.json",
            },
            "track": {
                "scores": "metrics/models.json",
                "seed-scores": "metrics/seeds.json",
                "choice": "metrics/champion.json",
                "evaluation": "reports/evaluation",
                "models": "models",
                "packages": "packages",
                "products": "data/products.parquet",
                "pictures": "data/images.parquet",
                "histories": "reports/histories",
            },
            "review": {
                "choice": "metrics/champion.json",
                "evaluation": "reports/evaluation",
                "champion": "packages/champion",
                "output": "metrics/review",
            },
            "report": {
                "metrics": "metrics",
                "products": "data/products.parquet",
                "rejects": "data/rejects.csv",
                "thumbnails": "data/thumbnails.parquet",
                "exploration": "reports/exploration",
                "clusters": "reports/clusters",
                "cluster-tables": "reports/cluster_tables",
                "cluster-curves": "reports/cluster_curves",
                "evaluation": "reports/evaluation",
                "label-issues": "reports/label_issues.csv",
                "candidates": "reports/champion.csv",
                "pretrained": "models/pretrained",
                "benchmark": str(REPO / "docs/benchmarks/encoders.json"),
                "compared": "reports/feature_sets.csv",
                "histories": "reports/histories",
                "grad-cam": "reports/grad_cam/examples.parquet",
                "shap-words": "reports/shap_text.csv",
                "shap-examples": "reports/shap_text_examples.csv",
                "shap-fusion": "reports/shap_fusion",
                "page": "reports/index.html",
                "tables": "reports/tables.md",
            },
        }[name]
        return {flag: str(self.root / path) for flag, path in flags.items()}

    def arguments(self, name: str, item: str = "", **paths: str | Path) -> list[str]:
        """Return the command line of a stage; `paths` replaces some of its paths."""
        flags = self.paths(name, item) | {flag.replace("_", "-"): str(path) for flag, path in paths.items()}
        flags["params"] = str(self.params_file)
        if option := SEEDED_OPTION.get(name):
            flags[option], _, flags["seed"] = item.rpartition("-")
        elif option := ITEM_OPTION.get(name):
            flags[option] = item
        return [part for flag, value in flags.items() for part in (f"--{flag}", value)]

    def run(self, name: str, item: str = "", **paths: str | Path) -> None:
        """Run a stage in this process as its command would; a clear error is SystemExit(2)."""
        module = importlib.import_module(f"stages.{name}")
        with mock.patch.object(sys, "argv", [name, *self.arguments(name, item, **paths)]):
            cli.run(module.main)

    def run_apart(self, *stages: tuple[str, str], core: int | None = None) -> str:
        """Run stages one after another in a process of their own: TensorFlow and torch crash in one.

        Parameters
        ----------
        *stages
            Name and item of each.
        core
            The only one that it may use.

        Returns
        -------
        str
            `True` if TensorFlow was imported, else `False`.
        """
        commands = [[name, *self.arguments(name, item)] for name, item in stages]
        limit = "" if core is None else f"os.sched_setaffinity(0, {{{core}}})"
        code = f"""
import importlib, os, sys
{limit}
from aisle import cli
for sys.argv in {commands!r}:
    cli.run(importlib.import_module(f"stages.{{sys.argv[0]}}").main)
print("tensorflow" in sys.modules)
"""
        command = [sys.executable, "-c", code]
        environment = os.environ | {"PYTHONPATH": str(REPO)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.split()[-1]

    def run_data(self) -> "Workspace":
        """Run the stages that make data/."""
        for name in ("ingest", "prepare_images", "preprocess_text", "make_folds"):
            self.run(name)
        return self

    def run_models(self) -> "Workspace":
        """Run the stages up to the scores of the models."""
        self.run_data()
        self.run("fetch_weights", "none")
        for item in self.params["encoders"]["text"]:
            self.run("embed_text", item)
        for item in self.params["encoders"]["image"]:
            self.run("embed_images", item)
        for name, section in (
            ("fuse_features", "fused_sets"),
            ("cluster", "feature_sets"),
            ("classify", "classifiers"),
            ("fuse", "fusions"),
        ):
            for item in self.params[section]:
                self.run(name, item)
        self.run("evaluate")
        return self

    def run_all(self) -> "Workspace":
        """Run every stage but the neural ones, the tracking and the report."""
        self.run_models()
        self.run("thumbnails")
        self.run("explore")
        self.run("audit_labels")
        for item in self.params["leakage"]["models"]:
            self.run("compare_folds", item)
        self.run("check_leakage")
        self.run("explain_text")
        for item in self.params["fusions"]:
            self.run("explain_fusion", item)
        self.run("champion")
        # as explain_pictures writes it where its model has no weights
        figures = {"model": "none", "weights": weights.ABSENT}
        tables.write_metrics(figures, self.root / "metrics/grad_cam.json", "tiny")
        nothing = pd.DataFrame(columns=explain_pictures.COLUMNS)
        tables.write(nothing, self.root / "reports/grad_cam/examples.parquet", "tiny", **figures)
        return self


SEEDED_OPTION = {"train_backbone": "backbone", "train_fusion": "network"}
"""Stages whose items are named <item>-<seed>."""
NEURAL = (
    ("predictions", "predictions/seeds", ".parquet"),
    ("model", "models/seeds", ""),
    ("history", "reports/histories", ".csv"),
)
"""What each neural model writes: flag, folder, suffix."""
ITEM_OPTION = {
    "fetch_weights": "weights",
    "embed_text": "encoder",
    "embed_images": "encoder",
    "fuse_features": "fused-set",
    "cluster": "feature-set",
    "classify": "classifier",
    "compare_folds": "classifier",
    "fine_tune": "fine-tune",
    "fuse": "fusion",
    "zero_shot": "zero-shot",
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Give BLAS and OpenMP one thread, as `aisle.cli.run` does: small fits are 10 times as fast."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def write_files() -> Callable[[Path, dict[str, str]], None]:
    """Return the function that writes texts, path to content, below a folder."""

    def write(root: Path, files: dict[str, str]) -> None:
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)

    return write


@pytest.fixture(scope="session")
def no_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of models/pretrained/ for encoders that need no weights."""
    folder = tmp_path_factory.mktemp("none")
    weights.write(weights.Weights(weights.NONE, "none"), folder)
    return folder


@pytest.fixture(scope="session")
def write_backbone() -> Callable[[Path, str], None]:
    """Return a function that writes an exported picture model, (1, 16, 16, 3) to a map (1, 4, 4, 6)."""

    def write(folder: Path, label: str) -> None:
        openvino_runtime.core()
        from openvino import Model, opset13

        colours = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
        picture = opset13.parameter([1, 16, 16, 3], np.float32)
        channels = opset13.matmul(opset13.divide(picture, np.float32(255)), colours, False, False)
        parts = opset13.reshape(opset13.tanh(channels), np.array([1, 4, 4, 4, 4, 6]), False)
        result = opset13.reduce_mean(parts, np.array([2, 4]), keep_dims=False)
        folder.mkdir(parents=True)
        openvino_runtime.save(Model([result], [picture], "tiny"), folder / "model.xml")
        facts = {"side": 16, "map": [4, 4, 6]}
        weights.write(weights.Weights(label, "random", export="keras_backbone", facts=facts), folder)

    return write


@pytest.fixture(scope="session")
def small_params() -> dict[str, Any]:
    """Return the repository's own params, with fewer models, seeds and resamples. Copy before a change."""
    params = read_yaml(REPO / "params.yaml")
    params["clustering"] |= {"n_iter": 60, "n_seeds": 2, "max_k": 5}
    params["evaluation"]["n_bootstrap"] = 200
    params["folds"]["n_repeats"] = 2
    params["encoders"]["image"] = {"descriptors": params["encoders"]["image"]["descriptors"]}
    params["encoders"]["text"] = {"tfidf": params["encoders"]["text"]["tfidf"]}
    params["zero_shot"] = {}
    params["fused_sets"] = {"text_picture": params["fused_sets"]["text_picture"]}
    params["fused_sets"]["text_picture"] |= {
        "text": "features/text/tfidf.parquet",
        "picture": "features/image/descriptors.parquet",
    }
    sets = ("tfidf", "descriptors", "text_picture")
    params["feature_sets"] = {name: params["feature_sets"][name] for name in sets}
    kept = ("text_floor", "text_specifications", "descriptors")
    params["classifiers"] = {name: params["classifiers"][name] for name in kept}
    for fusion in params["fusions"].values():
        fusion["models"] = list(kept)
    # neural models have tests of their own
    params["transfer"]["backbones"], params["fusion_networks"]["names"], params["fine_tunes"] = [], [], {}
    params["leakage"]["models"] = {name: params["leakage"]["models"][name] for name in kept}
    # with all words of the descriptions no product is wrong, and there is nothing to compare
    params["classifiers"]["text_floor"]["options"]["min_df"] = 7
    params["classifiers"]["text_specifications"]["options"]["fields"] = ["title", "specifications"]
    params["classifiers"]["descriptors"]["options"]["n_components"] = 10
    return params


@pytest.fixture(scope="session")
def make_workspace(
    tmp_path_factory: pytest.TempPathFactory, small_params: dict[str, Any]
) -> Callable[..., Workspace]:
    """Return a function that makes a workspace; `edit` changes the rows, `pictures` draws them."""

    def make(
        edit: Callable[[list[dict[str, str]]], object] | None = None, pictures: bool = True
    ) -> Workspace:
        rows = catalogue_rows()
        if edit:
            edit(rows)
        made = Workspace(tmp_path_factory.mktemp("workspace"), rows, copy.deepcopy(small_params))
        for row in catalogue_rows() if pictures else []:
            draw(row, made.images / row["image"])
        return made

    return make


@pytest.fixture(scope="session")
def built(make_workspace: Callable[..., Workspace]) -> Workspace:
    """Return a workspace on which every stage has run. Read it; write elsewhere."""
    return make_workspace().run_all()
