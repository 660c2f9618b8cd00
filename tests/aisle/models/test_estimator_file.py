"""models/estimator_file.py: estimators survive as plain values, and nothing that a file says is run."""

import io
import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from aisle.models import estimator_file
from aisle.models.heads.keras_trainer import Training
from aisle.models.heads.relu_head import ReluHead
from aisle.pipeline.errors import AisleError

REPO = Path(__file__).parents[3]


def again(value):
    return estimator_file.loads(estimator_file.dumps(value), "it")


def changed(value, change):
    """Return a file whose tree was changed by someone."""
    arrays = dict(np.load(io.BytesIO(estimator_file.dumps(value)), allow_pickle=False))
    tree = json.loads(arrays["tree"].tobytes())
    tree = change(tree)
    arrays["tree"] = np.frombuffer(json.dumps(tree).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, 1, 0.1, -0.0, "é", (1, (2,)), {"a": [1], "$dict": 2}, {1: "x", ("a", 2): None}],
        {"values": [float("inf"), 1e-310, 2**70]},
        np.float64,
    ],
)
def test_plain_values_survive(value):
    assert again(value) == value and str(again(value)) == str(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="<f4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(3, 4)[::2, ::2],
        np.array(["ant", "bée"]),
        np.array([True, False]),
        np.array(3),
        np.zeros((0, 4), np.int32),
        np.array([b"a", b"bc"]),
        np.array(["ant", None, 3], object),
        np.array([["a", 1], ["b", 2]], object),
        np.array([], object),
    ],
)
def test_arrays_survive(array):
    found = again(array)
    assert found.dtype == array.dtype and found.shape == array.shape
    assert found.flags.f_contiguous == array.flags.f_contiguous or not array.flags.contiguous
    np.testing.assert_array_equal(found, array)


def test_numbers_of_numpy_and_sparse_matrices_survive():
    assert again(np.int64(3)).dtype == np.int64 and type(again(np.float32(0.1))) is np.float32
    assert np.isnan(again(float("nan")))
    for kind in (sparse.csr_matrix, sparse.csr_array):
        found = again(kind(np.eye(3)))
        assert type(found) is kind and (found.toarray() == np.eye(3)).all()


def test_two_attributes_do_not_come_to_share_an_array():
    shared = np.zeros(3)
    first, second = again([shared, shared])
    first[0] = 1
    assert second[0] == 0


def test_objects_without_pickles():
    head = ReluHead(np.array(["a", "b"]), np.zeros(2), np.ones(2), [(np.eye(2), np.zeros(2))])
    X = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(again(head).predict_proba(X), head.predict_proba(X))
    training = Training(epochs=1, batch_size=2, learning_rate=0.1)
    assert again(training) == training
    near = KNeighborsClassifier(2, metric="cosine").fit(X, list("ababa"))
    np.testing.assert_array_equal(again(near).predict_proba(X), near.predict_proba(X))


class Evil:
    """What a pickle could hold."""

    def __reduce__(self):  # noqa: D105
        return os.mkdir, ("owned",)


@pytest.mark.parametrize(
    ("place", "state"),
    [
        ("os:system", {}),
        ("subprocess:Popen", {"args": "x"}),
        ("aisle.models.heads.mlp:dense", {}),
        ("aisle.models.heads.mlp:keras_trainer.frameworks", {}),
        ("sklearn.pipeline:Pipeline.fit", {}),
        ("no_such_module:X", {}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("kind", ["$object", "$function"])
def test_what_is_not_trusted_is_not_even_imported(place, state, kind, monkeypatch):
    monkeypatch.setattr(estimator_file, "resolve_name", lambda _: pytest.fail("imported"))
    content = [place, {"$dict": state}] if kind == "$object" else place
    data = changed(1, lambda tree: tree | {"estimator": {kind: content}})
    with pytest.raises(AisleError, match="it must be an estimator"):
        estimator_file.loads(data, "it")


def test_a_pickle_is_no_estimator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    np.savez(file, tree=np.array([Evil()], object))
    for data in (pickle.dumps(Evil()), file.getvalue()):
        with pytest.raises(AisleError, match="it must be an estimator"):
            estimator_file.loads(data, "it")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("cut", [0, 10, 200, -1])
def test_a_cut_file_is_told(cut):
    with pytest.raises(AisleError, match="it must be an estimator"):
        estimator_file.loads(estimator_file.dumps(LogisticRegression())[:cut], "it")


@pytest.mark.parametrize(
    "tree",
    [[], {}, {"form": 9, "estimator": 1}, {"form": 1, "estimator": {"$array": "9"}},
     {"form": 1, "estimator": {}}, {"form": 1, "estimator": {"$_init__": {}}},
     {"form": 1, "estimator": {"$dict": {}, "$tuple": []}}],
)  # fmt: skip
def test_another_tree_is_told(tree):
    with pytest.raises(AisleError, match="it must be an estimator"):
        estimator_file.loads(changed(1, lambda _: tree), "it")


def test_no_more_memory_is_taken_than_the_file_has_bytes():
    """A header may promise what is not there, and a compressed entry may be a thousand times its size."""
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1)) | {"shape": (10**12,)}
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, header)
    for data, compression in ((array.getvalue(), 0), (bytes(100), zipfile.ZIP_DEFLATED)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr("tree.npy", data)
        with pytest.raises(AisleError, match="has 0 bytes" if not compression else "compressed"):
            estimator_file.loads(file.getvalue(), "it")


def test_what_cannot_be_kept_is_told_when_it_is_written():
    for value in (Evil(), os.system, [lambda: 1], np.array(["2020"], "M8[D]"), sparse.eye(3, format="coo")):
        with pytest.raises(AisleError, match="a model"):
            estimator_file.dumps(value)


def test_all_that_is_trusted_is_there():
    for module, names in estimator_file.TRUSTED.items():
        for name in names:
            assert callable(estimator_file._trusted(f"{module}:{name}"))


def test_no_pickle_is_read_in_the_library():
    """Of torch's files only the weights; joblib, pickle, dill, shelve and NumPy's pickles not at all."""
    wrong = re.compile(
        r"\bimport (joblib|cloudpickle|dill|shelve)|\b(joblib|pickle|cloudpickle|dill|marshal)\.loads?\("
        r"|from joblib import|from pickle import (?!UnpicklingError)|pd\.read_pickle|allow_pickle=True"
        r"|torch\.load\((?![^)]*weights_only=True)"
    )
    files = [path for top in ("aisle", "stages", "tools") for path in (REPO / top).rglob("*.py")]
    found = [f"{path}: {match[0]}" for path in files for match in wrong.finditer(path.read_text("utf-8"))]
    assert len(files) > 100 and not found


def test_an_array_whose_header_is_damaged_is_told():
    """NumPy's own words come as an error of Python's tokeniser."""
    data = estimator_file.dumps({"a": np.arange(3.0)})
    assert b"'shape': (3,)" in data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for there, instead in (
        (b"'shape': (3,)", b"'shape': ((3,"),
        (b"{'descr'", b"('descr'"),
        (b"(3,)", b"('a'"),
    ):
        changed_file = io.BytesIO()
        with zipfile.ZipFile(changed_file, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content.replace(there, instead))
        with pytest.raises(AisleError, match="must be an estimator as this version of aisle writes it"):
            estimator_file.loads(changed_file.getvalue(), "e")
