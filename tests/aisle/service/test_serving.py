"""Packages are swapped whole, between two batches; what is broken is refused and the old one answers."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import pytest

from aisle.deployment import manifest, packaging
from aisle.deployment.predictor import Predictor

PRODUCT = {"title": "quartz dial", "description": "alarm home"}


def says(client):
    """Return the digest of who answers, and its probability."""
    found = client.post("/v1/classify", json=PRODUCT).json()
    return found["model"]["digest"], found["predictions"][0]["probability"]


def put(source, target):
    """Put a package into a place as `packaging` does: beside it, then renamed."""
    shutil.copytree(source, target.with_name("made"))
    target.rename(target.with_name("before"))
    target.with_name("made").rename(target)
    shutil.rmtree(target.with_name("before"))


@pytest.fixture
def expected(two_packages):
    """Return digest and probability of each package, of `predict`."""
    table = pd.DataFrame([PRODUCT])
    return [
        (manifest.identity(each), Predictor(each).predict(table)["predicted_probability"][0])
        for each in two_packages
    ]


def same(found, expected):
    return found[0] == expected[0] and found[1] == pytest.approx(expected[1], abs=1e-6)


def break_file(folder):
    (folder / "models/words/estimator.npz").write_bytes(b"nothing")


def break_manifest(folder):
    (folder / manifest.FILE).write_text("{")


def break_prior(folder):
    """Give the categories shares that are no numbers, with a manifest that fits."""
    path = folder / "models/both/model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prior": [float("nan")] * 3}))
    manifest.write(folder)


def break_version(folder):
    path = folder / packaging.FILE
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"libraries": {"scikit-learn": "0.1.0"}}))
    manifest.write(folder)


def test_a_swap_a_rollback_and_a_reload(settings, serve, two_packages, packages, expected):
    client = serve(settings)
    assert same(says(client), expected[0])
    assert client.post("/v1/models/reload").json()["outcome"] == "unchanged"
    refused = client.post("/v1/models/rollback")
    assert refused.status_code == 409 and "served before" in refused.json()["detail"]
    put(two_packages[1], packages / "champion")
    assert same(says(client), expected[0])  # it has a copy
    assert client.post("/v1/models/reload").json()["outcome"] == "swapped"
    assert same(says(client), expected[1])
    assert client.post("/v1/models/rollback").json()["current"]["digest"] == expected[0][0]
    assert same(says(client), expected[0])
    assert client.post("/v1/models/reload").json()["outcome"] == "swapped"
    assert same(says(client), expected[1])
    found = client.get("/v1/models").json()
    assert found["current"]["digest"] == expected[1][0] and found["previous"]["digest"] == expected[0][0]
    assert found["current"]["categories"] == ["Home >> Clocks", "Home >> Lamps", "Mugs"]


@pytest.mark.parametrize("how", [break_file, break_manifest, break_prior, break_version, shutil.rmtree])
def test_a_broken_package_is_refused_and_the_old_one_answers(
    settings, serve, two_packages, packages, expected, how
):
    client = serve(settings)
    put(two_packages[1], packages / "champion")
    how(packages / "champion")
    refused = client.post("/v1/models/reload")
    assert refused.status_code == 409 and "must" in refused.json()["detail"]
    assert "aisle-service-" not in refused.json()["detail"]
    assert same(says(client), expected[0])
    assert client.get("/v1/models").json()["refused"]["why"]
    loads = client.app.state.service.metrics.registry
    assert loads.get_sample_value("aisle_model_loads_total", {"outcome": "refused"}) == 1


def test_a_package_that_is_put_there_is_found_and_a_rollback_stays(
    settings, serve, two_packages, packages, expected
):
    client = serve(replace(settings, watch=0.05))
    break_file(packages / "champion")
    time.sleep(0.3)
    assert same(says(client), expected[0])
    put(two_packages[1], packages / "champion")
    end = time.monotonic() + 10
    while not same(says(client), expected[1]):
        assert time.monotonic() < end
        time.sleep(0.02)
    client.post("/v1/models/rollback")
    put(two_packages[1], packages / "champion")  # the same again, as `dvc checkout` does: other times
    (packages / "champion/models/words/estimator.npz").touch()
    time.sleep(0.3)
    assert same(says(client), expected[0])
    assert client.post("/v1/models/reload").json()["outcome"] == "swapped"
    assert same(says(client), expected[1])


def test_swaps_under_load_cost_no_request_and_no_wrong_answer(
    settings, serve, two_packages, packages, expected
):
    client, done = serve(settings), threading.Event()
    known = dict(expected)

    def ask(_):
        found = []
        while not done.is_set():
            found.append(says(client))
        return found

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, i) for i in range(8)]
        for i in (1, 0, 1):
            put(two_packages[i], packages / "champion")
            assert client.post("/v1/models/reload").status_code == 200
            time.sleep(0.2)
        done.set()
        found = [each for one in asking for each in one.result()]
    assert {digest for digest, _ in found} == {*known}
    assert all(probability == pytest.approx(known[digest], abs=1e-6) for digest, probability in found)


def test_copies_go_away_with_the_last_request(settings, serve, two_packages, packages):
    client = serve(settings)
    serving = client.app.state.service.serving
    for i in (1, 0, 1, 0):
        put(two_packages[i], packages / "champion")
        client.post("/v1/models/reload")
    says(client)
    there = list(serving.current.folder.parent.iterdir())
    assert {*there} == {serving.current.folder, serving.previous.folder}


def test_a_challenger_predicts_the_same_and_is_not_answered(
    settings, serve, two_packages, packages, expected
):
    from sqlalchemy import select

    from aisle.service.store.tables import Prediction

    shutil.copytree(two_packages[1], packages / "challenger")
    client = serve(replace(settings, challenger="challenger"))
    assert same(says(client), expected[0])
    engine = client.app.state.service.engine
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with engine.connect() as connection:
            kept = connection.execute(select(Prediction)).mappings().all()
        if len(kept) == 2:
            break
        time.sleep(0.02)
    by_role = {each["role"]: each for each in kept}
    for role, (digest, probability) in zip(("champion", "challenger"), expected, strict=True):
        assert by_role[role]["model_digest"] == digest
        assert by_role[role]["probability"] == pytest.approx(probability, abs=1e-6)
    assert by_role["champion"]["input_digest"] == by_role["challenger"]["input_digest"]
    assert client.get("/v1/models").json()["challenger"]["digest"] == expected[1][0]
