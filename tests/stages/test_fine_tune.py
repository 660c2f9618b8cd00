"""stages/fine_tune.py and explain_pictures.py: the hold-out's contract, on a tiny random backbone.

TensorFlow has a process of its own: it and torch crash in one.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle.models import model_folder, predictions_table
from aisle.models.fine_tuning.base import FineTuneParams
from aisle.models.hold_out_tuning import fine_tune
from aisle.pipeline import tables
from aisle.pretrained import description, status
from aisle.representations import recipes
from aisle.representations.encoders.image.keras_backbone import KerasBackbone
from aisle.representations.encoders.pictures import Pictures

WEIGHTS = {"export": "keras_backbone", "options": {"architecture": "MobileNetV3Small", "side": 64}}
AUGMENT = {"flip": True, "rotation": 0.03, "zoom": 0.1, "brightness": 0.1}
TUNED = {
    "title": "Tiny",
    "encoder": "keras_backbone",
    "weights": "tiny",
    "options": {"side": 32, "unfreeze": "last_block", "augment": AUGMENT},
    "training": {
        "units": [8], "dropout": 0.1, "head_epochs": 6, "head_learning_rate": 0.02, "epochs": 2,
        "learning_rate": 1e-4, "patience": 6, "batch_size": 16,
    },
}  # fmt: skip


def edit(params):
    params["weights"]["tiny"] = WEIGHTS | {"source": "random"}
    params["weights"]["lost"] = WEIGHTS | {"source": "absent"}
    params["fine_tunes"] = {"tiny": TUNED, "lost": TUNED | {"weights": "lost"}}
    params["grad_cam"] |= {
        "model": "tiny",
        "predictions": "predictions/fine_tuned/tiny.parquet",
        "backbone": "models/tiny",
        "pictures": 6,
    }


@pytest.fixture(scope="module")
def workspace(built, tmp_path_factory):
    """Return a workspace with the data of `built`, and one product without a picture in its test part."""
    folder = tmp_path_factory.mktemp("fine_tune")
    made = built.with_params(folder, edit)
    made.root = folder
    shutil.copytree(built.root / "data", folder / "data")
    pictures = tables.read(folder / "data/images.parquet")
    folds = tables.read(folder / "data/folds.parquet")
    lost = folds.loc[folds["split"] == "test", "product_id"].iloc[0]
    pictures.loc[pictures["product_id"] == lost, "picture"] = None
    tables.write(pictures, folder / "data/images.parquet", "tiny")
    return made


def in_own_process(workspace, cores, **paths):
    command = [sys.executable, "-m", "stages.fine_tune", *workspace.arguments("fine_tune", "tiny", **paths)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def tuned(workspace):
    in_own_process(workspace, os.sched_getaffinity(0))
    return workspace


@pytest.fixture
def table(tuned):
    return tables.read(tuned.root / "predictions/fine_tuned/tiny.parquet")


def test_the_rows_are_those_of_any_model_on_the_holdout(built, table):
    baseline = tables.read(built.root / "predictions/classifiers/text_baseline.parquet")
    baseline = baseline[baseline["protocol"] == "holdout"]
    assert list(table.columns) == list(baseline.columns)
    facts = [*predictions_table.KEYS, "category"]
    pd.testing.assert_frame_equal(table[facts], baseline[facts].reset_index(drop=True))
    assert table.attrs == {
        "catalogue": "tiny",
        "weights": "untrained",
        "modalities": "image",
        "title": "Tiny",
    }
    np.testing.assert_allclose(predictions_table.probabilities(table).sum(1), 1)


def test_it_learns_and_a_product_without_a_picture_gets_the_shares(tuned, table):
    folds = tables.read(tuned.root / "data/folds.parquet")
    train = folds.loc[folds["split"] == "train", "category"].value_counts(normalize=True).sort_index()
    (lost,) = np.flatnonzero(~table["available"])
    assert table.loc[lost, "inner_fold"] == predictions_table.TEST
    np.testing.assert_allclose(predictions_table.probabilities(table)[lost], train)
    names, rows = np.array(predictions_table.categories(table)), table["available"]
    best = names[predictions_table.probabilities(table).argmax(1)]
    assert (best == table["category"].astype(str))[rows].mean() > 0.6  # 1/3 by chance: tints tell them apart


def test_the_model_folder_predicts_what_the_file_says(tuned, table):
    folder = tuned.root / "models/tiny"
    model, facts = model_folder.read(folder), description.read(folder)
    assert facts.label == "untrained" and facts.facts["architecture"] == "MobileNetV3Small"
    assert facts.facts["map"] == [1, 1, 576] and facts.facts["trained_parameters"] > 100_000
    assert model.recipe.weights == recipes.OWN and model.recipe.encoder == "keras_backbone"
    rows = table[table["available"]]
    pictures = tables.read(tuned.root / "data/images.parquet").set_index("product_id")["picture"]
    encoder = KerasBackbone(str(folder), **model.recipe.options)
    found = model.estimator.predict_proba(encoder.transform(Pictures(pictures[rows["product_id"]].tolist())))
    np.testing.assert_allclose(found, predictions_table.probabilities(rows), atol=1e-6)


def test_the_best_epoch_is_kept(tuned, table):
    """The validation rows of the file have the lowest validation loss of the history."""
    history = tables.read_csv(tuned.root / "reports/histories/fine_tuned/tiny.csv")
    assert list(history.columns) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert list(history["epoch"]) == list(range(1, len(history) + 1)) and 3 <= len(history) <= 8
    rows = predictions_table.inner_rows(table)
    true = [predictions_table.categories(table).index(name) for name in rows["category"]]
    loss = -np.log(predictions_table.probabilities(rows)[np.arange(len(rows)), true]).mean()
    assert loss == pytest.approx(history["val_loss"].min(), abs=1e-4)


def test_the_same_bytes_again_on_one_core(tuned, tmp_path):
    paths = {"output": tmp_path / "p", "model": tmp_path / "m", "history": tmp_path / "h"}
    in_own_process(tuned, {min(os.sched_getaffinity(0))}, **paths)
    first = tuned.flags("fine_tune", "tiny")
    for name in ("output", "history"):
        assert paths[name].read_bytes() == Path(first[name]).read_bytes()
    for name in ("model.xml", "model.bin", "weights.json", "model.json", "estimator.npz"):
        assert (tmp_path / "m" / name).read_bytes() == Path(first["model"], name).read_bytes(), name


def test_absent_weights_need_no_tensorflow(workspace, monkeypatch):
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, None)
    workspace.run("fine_tune", "lost")
    table = tables.read(workspace.root / "predictions/fine_tuned/lost.parquet")
    assert table.attrs["weights"] == status.ABSENT and not table["available"].any()
    lost = model_folder.read(workspace.root / "models/lost")
    assert not lost.available and lost.params["fine_tunes"]["weights"] == "lost"
    assert tables.read_csv(workspace.root / "reports/histories/fine_tuned/lost.csv").empty


def test_pictures_of_one_category_teach_nothing(workspace, tmp_path):
    """Nor do they end the run: every product gets the shares, and the model folder has no head."""
    folds = tables.read(workspace.root / "data/folds.parquet")
    first = folds.loc[folds["category"] == folds["category"].min(), "product_id"]
    pictures = tables.read(workspace.root / "data/images.parquet", [tables.KEY, "picture"])
    pictures.loc[~pictures["product_id"].isin(first), "picture"] = None
    params = FineTuneParams.model_validate(TUNED)
    pretrained = description.WeightsParams.model_validate(WEIGHTS | {"source": "random"})
    table, history = fine_tune(pictures, folds, "tiny", params, pretrained, tmp_path)
    assert not table["available"].any() and history.empty and len(table)
    assert model_folder.read(tmp_path).estimator is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"encoder": "clap"}, "'clap'"),
        ({"weights": "minilm"}, "must be an export 'keras_backbone'"),
        ({"options": {"unfreeze": "all"}}, "unfreeze"),
        ({"options": {"augment": {"zoom": 2}}}, "zoom"),
        ({"training": {"head_epochs": 0}}, "head_epochs"),
    ],
)
def test_wrong_params_are_a_clear_error(workspace, tmp_path, capsys, change, told):
    wrong = workspace.with_params(tmp_path, lambda params: params["fine_tunes"]["tiny"].update(change))
    with pytest.raises(SystemExit) as stop:
        wrong.run("fine_tune", "tiny", output=tmp_path / "p", model=tmp_path / "m", history=tmp_path / "h")
    written = capsys.readouterr().err
    assert stop.value.code == 2 and told in written and len(written.splitlines()) == 1


# ----------------------------------------------------------------------------------------------- Grad-CAM


def test_examples_and_figure(tuned, table, tmp_path):
    tuned.run("explain_pictures")
    examples = tables.read(tuned.root / "reports/grad_cam/examples.parquet")
    assert examples.attrs == {"catalogue": "tiny", "model": "tiny", "title": "Tiny", "weights": "untrained"}
    rows = predictions_table.test_rows(table).set_index("product_id").loc[examples["product_id"]]
    assert rows["available"].all() and (rows["category"].to_numpy() == examples["true"]).all()
    np.testing.assert_allclose(rows[[c for c in rows if c[:2] == "p_"]].max(axis=1), examples["probability"])
    right = examples[examples["right"]]
    assert 0 < len(right) == right["true"].nunique() <= 3
    assert list(examples["right"]) == sorted(examples["right"], reverse=True)
    for column in ("original", "activation", "overlay"):
        for data in examples[column]:
            (tmp_path / "picture.jpg").write_bytes(data)
            with Image.open(tmp_path / "picture.jpg") as picture:
                assert picture.format == "JPEG" and max(picture.size) <= 224
    figures = json.loads((tuned.root / "metrics/grad_cam.json").read_text())
    assert figures["n"] == 6 and figures["model"] == "tiny" and figures["weights"] == "untrained"
    assert figures["difference_low"] <= figures["difference"] <= figures["difference_high"]
    again = {"output": tmp_path / "examples", "metrics": tmp_path / "metrics"}
    tuned.run("explain_pictures", **again)
    first = tuned.flags("explain_pictures")
    for name, path in again.items():
        assert path.read_bytes() == Path(first[name]).read_bytes()


def test_a_model_without_weights_or_dense_layers(tuned, workspace, built, tmp_path, capsys):
    if not (workspace.root / "models/lost/model.json").is_file():
        workspace.run("fine_tune", "lost")
    out = {"output": tmp_path / "examples", "metrics": tmp_path / "metrics"}
    lost = {"model": workspace.root / "models/lost"}
    tuned.run(
        "explain_pictures", predictions=workspace.root / "predictions/fine_tuned/lost.parquet", **lost, **out
    )
    assert tables.read(out["output"]).empty
    expected = {"catalogue": "tiny", "model": "lost", "weights": status.ABSENT}
    assert json.loads(out["metrics"].read_text()) == expected
    with pytest.raises(SystemExit):
        tuned.run("explain_pictures", model=built.root / "models/descriptors", **out)
    assert "must have a head of dense layers" in capsys.readouterr().err
