"""stages/track.py: each model is logged once, to SQLite and to a real server; the aliases load packages."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.deployment import mlflow_store
from aisle.deployment.predictor import Predictor
from aisle.models import fit_all, listing, model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.pipeline import tables
from aisle.representations import picture_vectors, recipes, vectors_file
from aisle.representations.encoders.registry import EncoderParams

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
KEPT = ("text_baseline", "late_fusion", "descriptors")
SEEDS = (0, 1)
HISTORIES = {0: [1.2, 0.9, 0.6], 1: [1.0, 0.7, 0.8]}
"""Validation loss of each seed, epoch by epoch."""


@pytest.fixture(scope="module")
def workspace(built, write_backbone, tmp_path_factory):
    """Return a workspace of few models, one of them of two seeds, one with pretrained weights."""
    root = tmp_path_factory.mktemp("track")
    for name in ("models", "metrics", "reports/evaluation", "data", "features"):
        shutil.copytree(built.root / name, root / name)
    write_backbone(root / "models/pretrained/net", "f" * 64)
    params = EncoderParams(encoder="keras_backbone", weights="net")
    recipe = recipes.VectorRecipe(modality="image", learned=False, **params.of_vectors())
    metadata = {
        "encoder": "net",
        "weights": "f" * 64,
        "catalogue": "tiny",
        "recipe": recipe.model_dump_json(),
    }
    rows = picture_vectors.encode_pictures(
        root / "data/images.parquet", params, root / "models/pretrained/net"
    )
    vectors_file.write_batches(rows, metadata, root / "net.parquet")
    entry = ClassifierParams(title="Net", classifier="feature_svm", input="features/image/net.parquet")
    made = create(entry)
    folds = tables.read(root / "data/folds.parquet")
    about = {"classifiers": entry.model_dump(mode="json")}
    fitted = fit_all.fit_all(made.estimator(), made.read(root / "net.parquet"), folds, "net", "Net", about)
    model_folder.write(fitted, root / "models/net")
    for seed in SEEDS:
        shutil.copytree(root / "models/text_specifications", root / f"models/heads/tiny/head-{seed}")
    listed = listing.read(root / "data/listing.json")
    models = [
        *(listed.model(name) for name in KEPT),
        listing.ListedModel("head", "Head", "train_heads@tiny", "heads/tiny", list(SEEDS)),
        *(listing.ListedModel(name, name, f"classify@{name}", "classifiers") for name in ("net", "absent")),
    ]
    listing.write(dataclasses.replace(listed, models=models), root / "data/listing.json")
    scores = json.loads((root / "metrics/models.json").read_text())
    kept = {name: scores[name] for name in ("catalogue", *KEPT)}
    kept |= {"head": scores["text_specifications"], "net": {"weights": "pretrained", "holdout_accuracy": 0.5}}
    kept |= {"absent": {"weights": "not available"}}
    (root / "metrics/models.json").write_text(json.dumps(kept))
    seeds = {f"cv_accuracy_seed_{seed}": 0.9 + seed / 100 for seed in SEEDS} | {"cv_accuracy": 0.905}
    (root / "metrics/seeds.json").write_text(json.dumps({"catalogue": "tiny", "head": seeds}))
    for name in ("folds", "confusion", "reliability", "risk_coverage", "decisions"):
        path = root / f"reports/evaluation/{name}.csv"
        table = tables.read_csv(path)
        own = table[table["model"] == "text_specifications"].assign(model="head")
        if name == "folds":
            own = pd.concat([own.assign(seed=seed, accuracy=0.9 + seed / 100) for seed in SEEDS])
        tables.write_csv(pd.concat([table, own]), path, "tiny")
    for seed, losses in HISTORIES.items():
        history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4], "val_loss": losses})
        tables.write_csv(history, root / f"reports/histories/heads/tiny/head-{seed}.csv", "tiny")
    place = built.with_params(root, lambda params: None)
    place.root = root
    place.run("champion")
    return place


@pytest.fixture(scope="module")
def mlflow():
    import mlflow

    return mlflow


@pytest.fixture(scope="module")
def empty(mlflow, tmp_path_factory):
    """Return a SQLite file with MLflow's tables: making them takes seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="module", params=["sqlite", "server"])
def store(request, mlflow, empty, tmp_path_factory):
    """Return the URI of an empty store: a file, or a server that this test starts."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copyfile(empty, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    if request.param == "sqlite":
        yield uri
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--workers",
        "1",
        "--backend-store-uri",
        uri,
        "--artifacts-destination",
        str(folder / "files"),
    ]
    log = (folder / "log").open("w")
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # programs that we do not use
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # it has nothing to tidy up; asked politely it takes its time
        server.wait()
        log.close()


@pytest.fixture(scope="module")
def logged(store, workspace, mlflow):
    """Return a client of the store into which the stage has logged, and the function that runs it again."""

    def run(uri=store, **paths):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", uri)
            patch.setenv("DVC_EXP_NAME", "my-variant")
            patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
            workspace.run("track", **paths)

    run()
    return mlflow.MlflowClient(store), run


def runs(client):
    experiment = client.get_experiment_by_name("aisle-tiny")
    return {
        run.info.run_name: run for run in client.search_runs([experiment.experiment_id], max_results=1000)
    }


def test_every_model_has_a_run(logged, workspace, mlflow, repo):
    client, _ = logged
    found = runs(client)
    assert set(found) == {*KEPT, "head", "head seed 0", "head seed 1", "net", "absent", "pretrained net"}
    scores = json.loads((workspace.root / "metrics/models.json").read_text())
    baseline = found["text_baseline"]
    assert baseline.info.status == "FINISHED"
    assert baseline.data.metrics["cv_accuracy"] == scores["text_baseline"]["cv_accuracy"]
    assert baseline.data.params["classifiers.options.C"] == "10.0"
    assert baseline.data.params["recipe.form"] == "clean" and baseline.data.params["folds.n_splits"] == "5"
    assert found["late_fusion"].data.params["descriptors.classifiers.options.C"] == "0.1"
    tags = baseline.data.tags
    assert found["late_fusion"].data.params["fusions.method"] == "log_mean"
    assert found["net"].data.params["classifiers.classifier"] == "feature_svm"
    assert found["late_fusion"].data.tags["dvc.stage"] == "fuse"
    assert tags["dvc.stage"] == "classify@text_baseline" and tags["dvc.experiment"] == "my-variant"
    assert tags["catalogue"] == "tiny" and tags["weights"] == "none" and len(tags["git.revision"]) == 40
    assert found["net"].data.tags["weights"] == "pretrained"
    curve = client.get_metric_history(baseline.info.run_id, "fold_accuracy")
    assert sorted(point.step for point in curve) == list(range(10))
    drawn = {file.path for file in client.list_artifacts(baseline.info.run_id)}
    assert "plots.png" in drawn


def test_seeds_are_nested(logged):
    client, _ = logged
    found = runs(client)
    for seed in SEEDS:
        run = found[f"head seed {seed}"]
        assert run.data.tags["mlflow.parentRunId"] == found["head"].info.run_id
        assert run.data.metrics["cv_accuracy"] == 0.9 + seed / 100
        curve = client.get_metric_history(run.info.run_id, "fold_accuracy")
        assert {point.value for point in curve} == {0.9 + seed / 100}
        steps = client.get_metric_history(run.info.run_id, "training/val_loss")
        assert [(point.step, point.value) for point in steps] == list(enumerate(HISTORIES[seed], 1))
        assert run.data.params["seed"] == str(seed) and run.data.tags["dvc.stage"] == "train_heads@tiny"
    assert not client.get_metric_history(found["head"].info.run_id, "training/val_loss")


def raw(workspace):
    table = pd.read_csv(workspace.params["catalogue"]["table"], dtype=str, keep_default_na=False)
    table = table.head(5)[["title", "description", "specifications", "image"]]
    images = Path(workspace.params["catalogue"]["images"])
    return table.assign(image=[(images / name).read_bytes() for name in table["image"]])


def test_the_aliases_predict_as_the_packages_do(logged, workspace, mlflow):
    client, _ = logged
    mlflow.set_tracking_uri(client.tracking_uri)
    products = raw(workspace)
    for alias in ("champion", "challenger"):
        model = mlflow.pyfunc.load_model(f"models:/aisle-tiny@{alias}")
        expected = Predictor(workspace.root / "packages" / alias).predict(products)
        pd.testing.assert_frame_equal(model.predict(products), expected)
        wanted = set(model.metadata.signature.inputs.input_names())
        assert wanted == set(products) and model.metadata.saved_input_example_info
        lines = model.metadata.get_model_info().flavors["python_function"]
        assert lines["loader_module"] == "aisle.deployment.mlflow_model" and lines["code"] == "code"


def test_a_model_with_pretrained_weights_finds_them_in_the_store(logged, workspace, mlflow):
    client, _ = logged
    mlflow.set_tracking_uri(client.tracking_uri)
    run = runs(client)["net"]
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    found = model.predict(raw(workspace)[["image"]])
    assert found["used_image"].all() and found["p_Mugs"].std() > 0.01
    requirements = Path(mlflow.pyfunc.get_model_dependencies(f"runs:/{run.info.run_id}/model")).read_text()
    assert (
        "openvino==" in requirements and "scikit-learn==" in requirements and "tokenizers" not in requirements
    )


def test_again_logs_nothing(logged, capsys):
    client, run = logged
    before = {name: each.info.run_id for name, each in runs(client).items()}
    versions = [each.version for each in client.search_model_versions("name = 'aisle-tiny'")]
    capsys.readouterr()
    run()
    assert capsys.readouterr().out.startswith("0 new runs")
    assert {name: each.info.run_id for name, each in runs(client).items()} == before
    assert [each.version for each in client.search_model_versions("name = 'aisle-tiny'")] == versions


def test_a_change_logs_what_changed_and_the_aliases_move(logged, workspace, tmp_path, capsys):
    client, run = logged
    before = {
        alias: client.get_model_version_by_alias("aisle-tiny", alias) for alias in ("champion", "challenger")
    }
    scores = json.loads((workspace.root / "metrics/models.json").read_text())
    choice = json.loads((workspace.root / "metrics/champion.json").read_text())
    roles = {choice["champion"], choice["challenger"]}
    changed = next(name for name in ("descriptors", "text_baseline", "mixed") if name not in roles)
    scores[changed]["cv_accuracy"] -= 0.01
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    swapped = choice | {"champion": choice["challenger"], "challenger": choice["champion"]}
    (tmp_path / "choice.json").write_text(json.dumps(swapped))
    for old, new in (("champion", "challenger"), ("challenger", "champion")):
        shutil.copytree(workspace.root / "packages" / old, tmp_path / "packages" / new)
    capsys.readouterr()
    paths = {"scores": tmp_path / "scores.json", "choice": tmp_path / "choice.json"}
    run(**paths, packages=tmp_path / "packages")
    assert capsys.readouterr().out.startswith("1 new runs")
    after = {alias: client.get_model_version_by_alias("aisle-tiny", alias) for alias in before}
    assert after["champion"].version == before["challenger"].version
    assert after["challenger"].version == before["champion"].version
    (tmp_path / "choice.json").write_text(json.dumps(choice | {"challenger": None}))
    run(**paths)
    aliases = client.get_registered_model("aisle-tiny").aliases
    assert aliases == {"champion": before["champion"].version}


def test_flat_params():
    assert mlflow_store.flat({"a": {"b": [1, 2], "c": "x"}, "d": None}) == {
        "a.b": "[1, 2]",
        "a.c": "x",
        "d": "null",
    }
    assert len(mlflow_store.flat({"a": "x" * 900})["a"]) == mlflow_store.LONGEST


def test_the_figure_draws_what_the_tables_say(workspace):
    names = ("confusion", "reliability", "risk_coverage")
    found = {name: tables.read_csv(workspace.root / f"reports/evaluation/{name}.csv") for name in names}
    own = {name: table[table["model"] == "text_baseline"] for name, table in found.items()}
    figure = mlflow_store.figure(own, "T")
    confusion, reliability, risk = figure.axes
    assert [tick.get_text() for tick in confusion.get_xticklabels()] == ["Clocks", "Lamps", "Mugs"]
    assert np.asarray(confusion.images[0].get_array()).sum() == pytest.approx(60)
    assert {line.get_label() for line in reliability.lines} >= {"raw", "calibrated"}
    assert len(risk.lines[0].get_xdata()) == len(own["risk_coverage"])
