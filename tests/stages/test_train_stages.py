"""stages/train_heads.py and stages/train_network.py: the predictions contract, seeds, cores, no weights."""

import copy
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.deployment import packaging
from aisle.models import listing, model_folder, predictions_table
from aisle.pipeline import tables
from aisle.pretrained.status import ABSENT
from aisle.representations import recipes, vectors_file

NAMES = ["Clocks", "Lamps", "Mugs"]
KEYS = ["protocol", "repeat", "fold", "inner_fold", "product_id", "category", "available"]
HEADS = ("train_heads", "descriptors")
NETWORKS = [("train_network", "dense_2"), ("train_network", "attention")]
SEEDS = [0, 3]
FOLDERS = {
    "descriptors_dense": "heads/descriptors",
    "descriptors_deep": "heads/descriptors",
    "dense_2": "networks/dense_2",
    "attention": "networks/attention",
}
"""Model to its folder, of predictions, models and histories."""
STEMS = [f"{folder}/{name}-{SEEDS[0]}" for name, folder in FOLDERS.items()]
WITHOUT = [3, 30]
"""Rows without a picture; the second without text too."""


@pytest.fixture(scope="module")
def make(built, tmp_path_factory):
    """Return a function that makes a workspace with what the stages read: one repeat, small networks."""

    def made():
        root = tmp_path_factory.mktemp("neural")
        workspace = copy.copy(built)
        workspace.root, workspace.params_file = root, root / "params.yaml"
        params = copy.deepcopy(built.params)
        for name, layers in (("dense", [16]), ("deep", [16, 8])):
            params["transfer"]["heads"][name] |= {"layers": layers, "training": training(20)}
        params["seeds"], params["transfer"]["backbones"] = SEEDS, ["descriptors"]
        params["fusion_networks"]["names"] = {"dense_2": "Dense", "attention": "Attention"}
        params["fusion_networks"]["input"] = "features/fused/both.parquet"
        networks = params["fusion_networks"]["networks"]
        networks["dense_2"] |= {"layers": [16, 8], "n_components": 8, "training": training(20)}
        networks["attention"] |= {"units": 8, "n_components": 8, "training": training(20)}
        workspace.write_params(params)
        folds = tables.read(built.root / "data/folds.parquet")
        tables.write(folds.drop(columns="cv_1"), root / "data/folds.parquet", "tiny")
        pictures = vectors_file.read(built.root / "features/image/descriptors.parquet")
        assert pictures.product_ids == list(folds["product_id"])
        vectors = pictures.vectors.copy()
        vectors[WITHOUT] = np.nan
        vectors_file.write(
            vectors_file.Features(pictures.product_ids, vectors, pictures.metadata),
            root / "features/image/descriptors.parquet",
        )
        vectors_file.write(both(pictures, vectors, folds), root / "features/fused/both.parquet")
        return workspace

    return made


def training(epochs):
    """Return a schedule for few products."""
    return {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-2}


def both(pictures, vectors, folds):
    """Return fused features: noisy signs of the category as text, and the pictures."""
    rng = np.random.default_rng(0)
    codes = pd.Categorical(folds["category"]).codes
    text = (np.eye(3)[codes] + rng.normal(scale=0.7, size=(len(codes), 3))).astype(np.float32)
    text[WITHOUT[1]] = 0
    fused = np.hstack([text, np.nan_to_num(vectors)])
    fused[WITHOUT[1]] = np.nan
    picture = recipes.loads(pictures.metadata["recipe"])
    words = recipes.VectorRecipe(modality="text", encoder="signs", weights="none", learned=False)
    recipe = recipes.FusedRecipe(text=words, picture=picture, picture_weight=0.5)
    metadata = {
        **pictures.metadata,
        "recipe": recipe.model_dump_json(),
        "parts": f"3,{vectors.shape[1]}",
    }
    return vectors_file.Features(pictures.product_ids, fused, metadata)


@pytest.fixture(scope="module")
def trained(make):
    workspace = make()
    assert workspace.run_apart(HEADS, *NETWORKS) == "True"
    return workspace


def test_only_these_outputs(trained):
    found = {path.relative_to(trained.root).as_posix() for path in trained.root.rglob("*") if path.is_file()}
    expected = {"params.yaml", "weights.yaml", "data/folds.parquet"}
    expected |= {"features/image/descriptors.parquet", "features/fused/both.parquet"}
    for stem in [f"{folder}/{name}-{seed}" for name, folder in FOLDERS.items() for seed in SEEDS]:
        expected |= {f"predictions/{stem}.parquet", f"reports/histories/{stem}.csv"}
        expected |= {f"models/{stem}/model.json", f"models/{stem}/estimator.npz"}
    assert found == expected


def test_they_lie_where_the_listing_says(trained, tmp_path):
    trained.run("list_models", output=tmp_path / "listing.json")
    listed = {model.name: model for model in listing.read(tmp_path / "listing.json").models}
    for name in FOLDERS:
        found = listed[name].files(trained.root / "predictions", ".parquet")
        assert list(found) == SEEDS
        assert {tables.read(path).attrs["title"] for path in found.values()} == {listed[name].title}
        assert list(listed[name].files(trained.root / "reports/histories", ".csv")) == SEEDS
        assert packaging.seeds(name, trained.root / "models") == {
            seed: trained.root / f"models/{FOLDERS[name]}/{name}-{seed}" for seed in SEEDS
        }


@pytest.mark.parametrize("stem", STEMS)
def test_the_predictions_file(trained, stem):
    table = tables.read(trained.root / f"predictions/{stem}.parquet")
    weights = ["weight_text", "weight_image"] if "attention" in stem else []
    assert list(table.columns) == [*KEYS, *(f"p_{each}" for each in NAMES), *weights]
    assert table.attrs["catalogue"] == "tiny" and table.attrs["weights"] == "none" and table.attrs["title"]
    assert table.attrs["modalities"] == ("image" if stem.startswith("heads") else "image+text")
    rows = predictions_table.test_rows(table)
    assert rows.groupby("protocol").size().to_dict() == {"cv": 60, "holdout": 12}
    inner = predictions_table.inner_rows(table)
    assert inner.groupby("protocol").size().to_dict() == {"cv": 240, "holdout": 12}
    probabilities = predictions_table.probabilities(table)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    right = np.array(NAMES)[probabilities.argmax(axis=1)] == table["category"]
    assert right[table["available"]].mean() > 0.6  # 1/3 by chance
    lacking = {"p03", "p30"} if stem.startswith("heads") else {"p30"}
    assert set(table.loc[~table["available"], "product_id"]) == lacking
    for weight in weights:
        assert (table[weight].isna() == ~table["available"]).all()
    if weights:
        without = table[table["product_id"] == "p03"]
        assert (without["weight_image"] == 0).all() and (without["weight_text"] == 1).all()


@pytest.mark.parametrize("stem", STEMS)
def test_the_history(trained, stem):
    table = tables.read_csv(trained.root / f"reports/histories/{stem}.csv")
    assert list(table.columns) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert list(table["epoch"]) == list(range(1, 21))
    assert table["loss"].iloc[-1] < table["loss"].iloc[0]
    holdout = predictions_table.inner_rows(tables.read(trained.root / f"predictions/{stem}.parquet"))
    holdout = holdout[(holdout["protocol"] == "holdout") & holdout["available"]]  # the validation part
    values = predictions_table.probabilities(holdout)
    right = np.array(NAMES)[values.argmax(axis=1)] == holdout["category"]
    assert table["val_accuracy"].iloc[-1] == pytest.approx(right.mean(), abs=1e-6)
    truth = values[np.arange(len(values)), [NAMES.index(each) for each in holdout["category"]]]
    assert table["val_loss"].iloc[-1] == pytest.approx(-np.log(truth).mean(), abs=1e-5)


@pytest.mark.parametrize("stem", STEMS)
def test_the_model_of_all_products(trained, stem):
    folder = trained.root / f"models/{stem}"
    model = model_folder.read(folder)
    assert model.available and model.categories == NAMES
    assert model.name == Path(stem).name.rpartition("-")[0]
    section = "transfer" if stem.startswith("heads") else "fusion_networks"
    ((found, entry),) = model.params.items()
    assert found == section and entry["training"]["epochs"] == 20
    assert entry.get("backbone") == ("descriptors" if section == "transfer" else None)
    kinds = {"image"} if stem.startswith("heads") else {"image", "text"}
    assert recipes.modalities(model.recipe) == kinds
    place = "image/descriptors" if stem.startswith("heads") else "fused/both"
    data = vectors_file.read(trained.root / f"features/{place}.parquet")
    truth = tables.read(trained.root / "data/folds.parquet")["category"].to_numpy(str)[data.available]
    assert model.estimator.score(data.vectors[data.available], truth) > 0.65  # it has seen them
    text = (folder / "estimator.npz").read_bytes()
    assert b"tensorflow" not in text and len(text) < 100_000


def test_seeds_differ_and_repeat_themselves_on_any_number_of_cores(trained, make):
    def bytes_of(workspace):
        kinds = ("predictions", "models", "reports")
        files = [path for kind in kinds for path in sorted((workspace.root / kind).rglob("*"))]
        return {str(path.relative_to(workspace.root)): path.read_bytes() for path in files if path.is_file()}

    again = make()
    again.run_apart(HEADS, NETWORKS[1], core=min(os.sched_getaffinity(0)))
    found = bytes_of(again)
    assert len(found) == 4 * 3 * len(SEEDS)  # files of each model
    first = bytes_of(trained)
    assert {name: first[name] for name in found} == found
    one, other = (
        predictions_table.probabilities(
            tables.read(trained.root / f"predictions/heads/descriptors/descriptors_dense-{seed}.parquet")
        )
        for seed in SEEDS
    )
    assert np.abs(one - other).max() > 0.01


def test_a_seed_is_the_same_whatever_else_is_trained_in_the_process(trained, make):
    """A head that is added, or a seed, changes no other's bytes."""
    few = make()
    params = few.params
    params["seeds"] = SEEDS[1:]
    del params["transfer"]["heads"]["dense"]
    few.write_params(params)
    few.run_apart(HEADS)
    name = "heads/descriptors/descriptors_deep-3.parquet"
    assert [path.name for path in (few.root / "predictions/heads/descriptors").iterdir()] == [Path(name).name]
    assert (few.root / "predictions" / name).read_bytes() == (
        trained.root / "predictions" / name
    ).read_bytes()


def test_without_weights_tensorflow_is_not_imported(make):
    workspace = make()
    for path in ("features/image/descriptors.parquet", "features/fused/both.parquet"):
        data = vectors_file.read(workspace.root / path)
        absent = np.full((60, 1), np.nan, np.float32)
        metadata = data.metadata | {"weights": ABSENT}
        vectors_file.write(vectors_file.Features(data.product_ids, absent, metadata), workspace.root / path)
    assert workspace.run_apart(HEADS, *NETWORKS) == "False"
    for stem in STEMS:
        table = tables.read(workspace.root / f"predictions/{stem}.parquet")
        assert table.attrs["weights"] == ABSENT and not table["available"].any()
        assert len(table) == 60 + 12 + 240 + 12
        assert len(tables.read_csv(workspace.root / f"reports/histories/{stem}.csv")) == 0
        model = json.loads((workspace.root / f"models/{stem}/model.json").read_text())
        assert model["weights"] == ABSENT
        assert not Path(workspace.root / f"models/{stem}/estimator.npz").exists()
