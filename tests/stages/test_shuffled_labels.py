"""With shuffled labels every model scores at chance: nothing that it reads or fits has seen the test part.

Every file of aisle/models/classifiers is found by itself, with the options of its first entry in params.yaml;
Keras models, which take long to fit, have a test of their own.
"""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.feature_extraction.text import HashingVectorizer
from threadpoolctl import threadpool_limits

from aisle.catalogue import splits
from aisle.models import cross_fitting, decision_fusion, predictions_table
from aisle.models.classifiers import registry as classifiers
from aisle.models.zero_shot import ZeroShot
from aisle.pipeline import tables
from aisle.pipeline.params import read_yaml
from aisle.representations import concatenation, recipes, vectors_file

REPO = Path(__file__).parents[2]
FILES = sorted(
    path.stem for path in (REPO / "aisle/models/classifiers").glob("[!_]*.py") if path.stem != "registry"
)
LIKE = {"text_tree": "text_linear"}
"""Of a file that studies alone use, the one whose options it has."""
FALSE_ALARM = 1e-4
"""Of one model and seed, if its predictions are independent of the labels; below 1e-3 for ten models."""
FAR = 0.2
"""Accuracy, at least, from the bound of chance to that with true labels."""
MEMBERS = ("text", "vectors", "picture")
OPTIONS = {
    "text": ("text_linear", {"fields": ["title", "description"], "form": "clean"}),
    "vectors": ("feature_linear", {"n_components": 20, "C": 0.1}),
    "picture": ("feature_linear", {"n_components": 10, "C": 0.1}),
}


@cache
def trains_keras(path: Path) -> bool:
    """Return whether a file, or one of the repository's that it imports, imports Keras."""
    source = path.read_text(encoding="utf-8")
    if re.search(r"^\s*(import|from) (keras|tensorflow)\b", source, re.MULTILINE):
        return True
    names = re.findall(r"^\s*from (aisle[\w.]*) import ([\w, ]+)", source, re.MULTILINE)
    modules = {f"{package}.{name.strip()}" for package, listed in names for name in listed.split(",")}
    modules |= {package for package, _ in names}
    paths = [REPO / f"{module.replace('.', '/')}.py" for module in modules]
    return any(trains_keras(other) for other in paths if other.is_file() and other != path)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Fit as stages do: several threads of small products wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def inputs(built, tmp_path_factory):
    """Return paths of texts, and of features that learn nothing: of texts, of pictures, of both."""
    root = tmp_path_factory.mktemp("inputs")
    texts = tables.read(built.root / "data/text.parquet")
    vectors = HashingVectorizer(n_features=256).transform(texts["description_clean"]).toarray()
    recipe = recipes.VectorRecipe(modality="text", encoder="hashing", weights="none", learned=False)
    metadata = {"encoder": "hashing", "weights": "none", "catalogue": "tiny"}
    metadata["recipe"] = recipe.model_dump_json()
    text = vectors_file.Features(list(texts["product_id"]), vectors.astype(np.float32), metadata)
    picture = vectors_file.read(built.root / "features/image/descriptors.parquet")
    vectors_file.write(text, root / "text.parquet")
    vectors_file.write(concatenation.fuse(text, picture, 0.5), root / "fused.parquet")
    return {
        "data/text.parquet": built.root / "data/text.parquet",
        "features/text": root / "text.parquet",
        "features/image": built.root / "features/image/descriptors.parquet",
        "features/fused": root / "fused.parquet",
    }


@pytest.fixture(scope="module")
def labelled(built):
    """Return folds with the true labels, and with labels shuffled among the near-duplicate groups."""
    table = tables.read(built.root / "data/folds.parquet")
    params = splits.FoldsParams(**built.params["folds"] | {"n_splits": 3})  # few fits
    group = table["group"].to_numpy()
    each = table.groupby("group")["category"].first()
    shuffled = pd.Series(np.random.default_rng(0).permutation(each.to_numpy()), each.index)
    products = table[["product_id"]].assign(category=table["group"].map(shuffled))
    assert (products["category"] != table["category"]).mean() > 0.5
    return {
        name: splits.make(each, group, params) for name, each in (("true", table), ("shuffled", products))
    }


def predict(kind, path, options, table, inner=False):
    model = classifiers.create(
        classifiers.ClassifierParams(title="t", classifier=kind, input=str(path), options=options)
    )
    read = model.read(path)
    table = tables.align(table, read.product_ids, "folds", "input")
    return cross_fitting.out_of_fold(model.estimator(), read.X, read.available, table, inner=inner)


def accuracy(table):
    """Return the mean accuracy of the repeats, each of which predicts every product once."""
    rows = predictions_table.test_rows(table)
    rows = rows[rows["protocol"] == "cv"]
    names = np.array(predictions_table.categories(rows))
    best = names[predictions_table.probabilities(rows).argmax(axis=1)]
    return (best == rows["category"].to_numpy(str)).mean()


def check(shuffled, true, labels):
    """Fail unless the model is at chance with shuffled labels, and far above it with true ones."""
    n, chance = len(labels), labels.value_counts(normalize=True).max()
    low, high = binom.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], n, chance) / n
    assert low <= accuracy(shuffled) <= high
    assert accuracy(true) > high + FAR


@pytest.mark.parametrize("name", FILES)
def test_a_classifier(name, repo, inputs, labelled):
    if trains_keras(repo / f"aisle/models/classifiers/{name}.py"):
        pytest.skip("a Keras model: has a test of its own")
    entries = read_yaml(repo / "params.yaml")["classifiers"].values()
    entry = next((each for each in entries if each["classifier"] == LIKE.get(name, name)), None)
    assert entry, f"params.yaml must have an entry under classifiers that uses {name}"
    path = next(path for start, path in inputs.items() if entry["input"].startswith(start))
    found = {kind: predict(name, path, entry.get("options", {}), table) for kind, table in labelled.items()}
    check(found["shuffled"], found["true"], labelled["shuffled"]["category"])


@pytest.fixture(scope="module")
def members(inputs, labelled):
    """Return the members' predictions with inner rows, for both labellings."""
    paths = dict(zip(MEMBERS, ("data/text.parquet", "features/text", "features/image"), strict=True))
    return {
        kind: [predict(*_arguments(name, inputs[paths[name]]), table, inner=True) for name in MEMBERS]
        for kind, table in labelled.items()
    }


def _arguments(name, path):
    kind, options = OPTIONS[name]
    return kind, path, options


@pytest.mark.parametrize("method", sorted(decision_fusion.METHODS))
def test_a_fusion(method, members, labelled):
    found = {kind: decision_fusion.fuse(tables_of, method, {}) for kind, tables_of in members.items()}
    check(found["shuffled"], found["true"], labelled["shuffled"]["category"])


def test_zero_shot(labelled):
    """Pictures lie at the prompt of their true category, whatever their label."""
    table = labelled["true"]
    names = sorted(set(table["category"]))
    vectors = np.array([[each == name for name in names] for each in table["category"]], np.float32)
    vectors += np.random.default_rng(0).uniform(0, 0.5, vectors.shape).astype(np.float32)
    model = ZeroShot(dict(zip(names, np.eye(len(names)), strict=True)), 10.0)
    found = {
        kind: cross_fitting.out_of_fold(model, vectors, np.ones(len(each), bool), each, inner=False)
        for kind, each in labelled.items()
    }
    check(found["shuffled"], found["true"], labelled["shuffled"]["category"])


def test_a_model_that_has_seen_the_test_part_is_caught(labelled):
    """The check can fail: vectors that carry the shuffled label."""
    table = labelled["shuffled"]
    names = sorted(set(table["category"]))
    vectors = np.array([[each == name for name in names] for each in table["category"]], np.float32)
    model = ZeroShot(dict(zip(names, np.eye(len(names)), strict=True)), 10.0)
    leaking = cross_fitting.out_of_fold(model, vectors, np.ones(len(table), bool), table, inner=False)
    with pytest.raises(AssertionError):
        check(leaking, leaking, table["category"])
