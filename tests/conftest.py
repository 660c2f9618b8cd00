"""A small synthetic catalogue, and a workspace that runs stages on it in this process."""

import copy
import csv
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from PIL import Image
from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

from aisle.explanation import image_examples
from aisle.models import listing
from aisle.models.predictions_table import NO_SEED
from aisle.pipeline import cli, dvc_file, tables
from aisle.pipeline.params import read_yaml
from aisle.pretrained import description, runtime, status

REPO = Path(__file__).parents[1]
DVC = read_yaml(REPO / "dvc.yaml")
os.environ["AISLE_CACHE"] = (
    "off"  # tests neither use nor fill the repository's; tests/aisle/pipeline/test_item_cache.py does
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


settings.register_profile("aisle", deadline=None, derandomize=True)
settings.load_profile("aisle")  # the same examples each time, however slow the machine

GIVEN = ("data/category_changes.csv", "data/adjudicated.csv", "data/labels.csv")
"""In Git, not made by a stage."""


class Workspace:
    """A folder with a catalogue and params.yaml; runs stages and knows where their files are."""

    def __init__(self, root: Path, rows: list[dict[str, str]], params: dict[str, Any]) -> None:
        self.root = root
        self.params_file = root / "params.yaml"
        self.write_table(rows)
        self.images = root / "images"
        self.images.mkdir()
        params["monitoring"]["stream"] = str(root / "stream")  # one that has not begun
        (root / "stream").mkdir()
        params["catalogue"] |= {
            "name": "tiny",
            "table": str(root / "products.csv"),
            "images": str(self.images),
        }
        self.write_params(params)

    def write_table(self, rows: list[dict[str, str]]) -> None:
        with (self.root / "products.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(catalogue_rows()[0]))
            writer.writeheader()
            writer.writerows(rows)

    def write_params(self, params: dict[str, Any]) -> None:
        """Write params.yaml and, of the entry `weights`, weights.yaml beside it."""
        self.params = params
        YAML().dump({"weights": params["weights"]}, self.params_file.with_name("weights.yaml"))
        YAML().dump({key: params[key] for key in params if key != "weights"}, self.params_file)

    def with_params(self, folder: Path, edit: Callable[[dict[str, Any]], object]) -> "Workspace":
        """Return this workspace with other params, written into `folder`; its files stay where they are."""
        other = copy.copy(self)
        other.params = copy.deepcopy(self.params)
        other.params_file = folder / "params.yaml"
        edit(other.params)
        other.write_params(other.params)
        return other

    def stage(self, name: str, item: str = "") -> dvc_file.Stage:
        """Return a stage of dvc.yaml, with these params."""
        return dvc_file.resolve(DVC, self.params)[f"{name}@{item}" if item else name]

    def flags(self, name: str, item: str = "") -> dict[str, str]:
        """Return the flags of a stage as in dvc.yaml, but with its paths inside this folder."""
        stage = self.stage(name, item)
        paths = {*stage.deps, *stage.outputs, *stage.params}
        return {
            flag: str(self.place(value)) if value in paths else value for flag, value in stage.flags.items()
        }

    def outputs(self, name: str, item: str = "") -> dict[str, str]:
        """Return those flags whose paths the stage writes."""
        stage, flags = self.stage(name, item), self.flags(name, item)
        return {flag: flags[flag] for flag, value in stage.flags.items() if value in stage.outputs}

    def place(self, path: str) -> Path:
        """Return where a path of the pipeline is: what is in Git stays there, the rest is in this folder."""
        if path == "weights.yaml":
            return self.params_file.with_name(path)
        return (REPO if path.startswith("docs/") or path in GIVEN else self.root) / path

    def predictions(self, name: str) -> Path:
        """Return the predictions file of a model without seeds."""
        model = listing.read(self.root / "data/listing.json").model(name)
        return model.files(self.root / "predictions", ".parquet")[NO_SEED]

    def arguments(self, name: str, item: str = "", **changed: str | Path) -> list[str]:
        """Return the command line of a stage; `changed` replaces some of its flags."""
        flags = self.flags(name, item) | {"params": str(self.params_file)}
        flags |= {flag.replace("_", "-"): str(value) for flag, value in changed.items()}
        return [part for flag, value in flags.items() for part in (f"--{flag}", value)]

    def run(self, name: str, item: str = "", **changed: str | Path) -> None:
        """Run a stage in this process as its command would; a clear error is SystemExit(2)."""
        module = importlib.import_module(f"stages.{name}")
        with mock.patch.object(sys, "argv", [name, *self.arguments(name, item, **changed)]):
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
from aisle.pipeline import cli
for sys.argv in {commands!r}:
    cli.run(importlib.import_module(f"stages.{{sys.argv[0]}}").main)
print("tensorflow" in sys.modules)
"""
        command = [sys.executable, "-c", code]
        environment = os.environ | {"PYTHONPATH": str(REPO)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.split()[-1]

    def run_items(self, *names: str) -> "Workspace":
        """Run stages one after another, each with all of its items."""
        for name in names:
            for item in dvc_file.items(name, DVC["stages"][name], self.params):
                self.run(name, item)
        return self

    def run_data(self) -> "Workspace":
        """Run the stages that make data/."""
        return self.run_items("ingest", "prepare_images", "preprocess_text", "make_folds")

    def run_models(self) -> "Workspace":
        """Run the stages up to the scores of the models."""
        self.run_items("list_models").run_data()
        shutil.copytree(REPO / "models/pretrained/none", self.root / "models/pretrained/none")
        self.run_items("embed_text", "embed_images", "fuse_features", "cluster", "classify", "fuse")
        return self.run_items("evaluate")

    def run_all(self) -> "Workspace":
        """Run every stage but the neural ones, the tracking and the report."""
        self.run_models()
        self.run_items("explore", "audit_labels", "compare_folds", "check_leakage")
        self.run_items("explain_text", "explain_fusion", "champion")
        self.run_items("monitor", "analyse_experiment", "follow_categories")
        # as explain_pictures writes it where its model has no weights
        figures = {"model": "none", "weights": status.ABSENT}
        tables.write_metrics(figures, self.root / "metrics/grad_cam.json", "tiny")
        nothing = pd.DataFrame(columns=image_examples.COLUMNS)
        tables.write(nothing, self.root / "reports/grad_cam/examples.parquet", "tiny", **figures)
        return self


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Give BLAS and OpenMP one thread, as `aisle.pipeline.cli.run` does: small fits are 10 times as fast."""
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
    description.write(description.Weights(status.NONE, "none"), folder)
    return folder


@pytest.fixture(scope="session")
def write_backbone() -> Callable[[Path, str], None]:
    """Return a function that writes an exported picture model, (1, 16, 16, 3) to a map (1, 4, 4, 6)."""

    def write(folder: Path, label: str) -> None:
        runtime.core()
        from openvino import Model, opset13

        colours = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
        picture = opset13.parameter([1, 16, 16, 3], np.float32)
        channels = opset13.matmul(opset13.divide(picture, np.float32(255)), colours, False, False)
        parts = opset13.reshape(opset13.tanh(channels), np.array([1, 4, 4, 4, 4, 6]), False)
        result = opset13.reduce_mean(parts, np.array([2, 4]), keep_dims=False)
        folder.mkdir(parents=True)
        runtime.save(Model([result], [picture], "tiny"), folder / "model.xml")
        facts = {"side": 16, "map": [4, 4, 6]}
        model = description.model_digest(folder)
        about = description.Weights(label, "random", export="keras_backbone", model=model, facts=facts)
        description.write(about, folder)

    return write


@pytest.fixture(scope="session")
def small_params() -> dict[str, Any]:
    """Return the repository's params and weights, with fewer models and resamples. Copy before a change."""
    params = read_yaml(REPO / "params.yaml") | read_yaml(REPO / "weights.yaml")
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
    kept = ("text_baseline", "text_specifications", "descriptors")
    params["classifiers"] = {name: params["classifiers"][name] for name in kept}
    for fusion in params["fusions"].values():
        fusion["models"] = list(kept)
    # neural models have tests of their own
    params["transfer"]["backbones"], params["fusion_networks"]["names"], params["fine_tunes"] = [], {}, {}
    params["leakage"]["models"] = list(kept)
    # with all words of the descriptions no product is wrong, and there is nothing to compare
    params["classifiers"]["text_baseline"]["options"]["min_df"] = 7
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
        params = copy.deepcopy(small_params)
        params["images"]["max_missing_share"] = 0.5 if pictures else 1.0
        made = Workspace(tmp_path_factory.mktemp("workspace"), rows, params)
        for row in catalogue_rows() if pictures else []:
            draw(row, made.images / row["image"])
        return made

    return make


@pytest.fixture(scope="session")
def built(make_workspace: Callable[..., Workspace]) -> Workspace:
    """Return a workspace on which every stage has run. Read it; write elsewhere."""
    return make_workspace().run_all()
