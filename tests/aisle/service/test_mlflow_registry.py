"""A moved alias of MLflow's registry is served, without MLflow in the service; against a real server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import pandas as pd
import pytest

from aisle.deployment import manifest
from aisle.deployment.predictor import Predictor
from aisle.pipeline.errors import AisleError
from aisle.service import serving
from aisle.service.metrics import Metrics
from aisle.service.mlflow_registry import Alias

NAME, MODEL = "aisle-tiny", "models:/aisle-tiny@champion"
PRODUCT = {"title": "quartz dial", "description": "alarm home"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return the address of an MLflow server that is started here."""
    pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "files")]
    unused = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment = os.environ | unused
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"{address}/health", timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
                    time.sleep(0.1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def client(server, two_packages, tmp_path_factory):
    """Return MLflow's client of the server, with both packages registered, and one that is broken."""
    import mlflow

    broken = tmp_path_factory.mktemp("registry") / "broken"
    shutil.copytree(two_packages[0], broken)  # not what is served then: it has another manifest
    (broken / "models/words/estimator.npz").write_bytes(b"nothing")
    before = mlflow.tracking.get_tracking_uri() if mlflow.tracking.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(server)
    client = mlflow.MlflowClient(server, server)  # another test may have named another registry
    mlflow.set_experiment(NAME)
    client.create_registered_model(NAME)
    for package in (*two_packages, broken):
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name="model",
                loader_module="aisle.deployment.mlflow_model",
                data_path=str(package),
                pip_requirements=["aisle"],
            )
        client.create_model_version(NAME, info.model_uri, model_id=info.model_id)
    client.set_registered_model_alias(NAME, "champion", "1")
    mlflow.set_tracking_uri(before)  # it is in the environment too, which later tests' programs inherit
    return client


@pytest.fixture
def address(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    return server


def says(client):
    found = client.post("/v1/classify", json=PRODUCT).json()
    return found["model"]["digest"], found["predictions"][0]["probability"]


def test_a_moved_alias_is_served_and_a_broken_version_is_refused(
    settings, serve, two_packages, client, address
):
    table = pd.DataFrame([PRODUCT])
    probabilities = [Predictor(each).predict(table)["predicted_probability"][0] for each in two_packages]
    expected = [
        (manifest.identity(each), pytest.approx(probability, abs=1e-6))
        for each, probability in zip(two_packages, probabilities, strict=True)
    ]
    client.set_registered_model_alias(NAME, "champion", "1")
    asking = serve(replace(settings, model=MODEL, watch=0.05))
    assert says(asking) == expected[0]
    client.set_registered_model_alias(NAME, "champion", "2")
    end = time.monotonic() + 30
    while says(asking) != expected[1]:
        assert time.monotonic() < end
        time.sleep(0.02)
    client.set_registered_model_alias(NAME, "champion", "3")
    while not (refused := asking.get("/v1/models").json()["refused"]):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert MODEL in refused["why"] and "aisle-service-" not in refused["why"]
    assert says(asking) == expected[1]
    client.set_registered_model_alias(NAME, "champion", "1")
    assert asking.post("/v1/models/reload").json()["outcome"] in ("swapped", "unchanged")
    assert says(asking) == expected[0]
    assert asking.post("/v1/models/rollback").json()["current"]["digest"] == expected[1][0]


def test_what_is_no_alias_is_told(client, address, tmp_path, monkeypatch):
    with pytest.raises(AisleError, match=r"must be models:/NAME@ALIAS, not models:/aisle-tiny/1"):
        serving.source("models:/aisle-tiny/1", tmp_path)
    with pytest.raises(AisleError, match=r"models:/aisle-tiny@nobody must be there at http.*it is not"):
        serving.Serving("models:/aisle-tiny@nobody", tmp_path, Metrics())
    with pytest.raises(AisleError, match=r"must be there at http://127.0.0.1:9; it is not"):
        Alias(MODEL, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}).signature()
    with pytest.raises(AisleError, match=r"MLFLOW_TRACKING_URI must be the http address.*sqlite"):
        Alias(MODEL, {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"})


def test_a_place_outside_the_package_is_refused(client, address, tmp_path):
    alias = Alias(MODEL)
    alias.signature()
    for place in ("../there", "/there", "models/../../there"):
        alias._manifest = f'{{"form": 3, "files": {{"{place}": "0"}}}}'.encode()
        with pytest.raises(AisleError, match="must have files below its folder"):
            alias.copy(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [manifest.FILE]
