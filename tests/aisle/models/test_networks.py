"""mlp.py, networks.py, keras_trainer.py: what is trained, and that it repeats.

Trained in a process of its own (TensorFlow and torch crash in one); here only NumPy predicts.
"""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.base import clone

from aisle.models.fusion_networks.networks import (
    AttentionFusion,
    DenseFusion,
    NetworkParams,
    Parts,
    create,
    lose,
)
from aisle.models.heads.keras_trainer import Training
from aisle.models.heads.mlp import DenseHead

TEXT = 12
MODELS = ("dense", "dense_fusion", "attention")


@pytest.fixture(scope="module")
def found(repo, tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "found.joblib"
    maker = repo / "tests/aisle/models/makers/networks.py"
    done = subprocess.run(
        [sys.executable, maker, path],
        env=os.environ | {"PYTHONPATH": str(repo)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return joblib.load(path)


def same(one, other):
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_predicts_as_keras(found, name):
    estimator, expected = found[name]
    np.testing.assert_allclose(estimator.predict_proba(found["unseen"]), expected, atol=1e-6)
    assert estimator.score(found["unseen"], found["truth"]) > 0.6  # 0.25 by chance


def test_what_keras_draws_with_is_not_imported_but_can_be(found):
    assert found["drawing"] == []


def test_a_reset_network_is_a_fresh_one(found):
    first, _ = found["dense"]
    assert same(found["reset"], first.weights_) and same(found["fresh"], first.weights_)
    for name in ("dense_fusion", "attention"):
        assert same(found[f"{name}_fresh"], found[name][0].weights_)


def test_it_learns_as_keras_does(found):
    """The same steps by Keras' Adam; rounding apart, which 140 steps carry on."""
    assert found["ours"].keys() == found["keras"].keys()
    for name, values in found["ours"].items():
        np.testing.assert_allclose(values, found["keras"][name], atol=2e-4)


def test_seeds_differ(found):
    first, _ = found["dense"]
    assert all((found["seed"][name] != first.weights_[name]).any() for name in first.weights_)


def test_validation_data_is_scored_and_not_learned_from(found):
    watched, (first, _) = found["watched"], found["dense"]
    assert same(watched.weights_, first.weights_)
    assert set(watched.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert set(first.history_) == {"loss", "accuracy"}
    assert {len(values) for values in watched.history_.values()} == {20}
    assert watched.history_["loss"][-1] < 0.7 * watched.history_["loss"][0]
    assert watched.history_["val_accuracy"][-1] == pytest.approx(
        watched.score(found["unseen"], found["truth"])
    )


@pytest.mark.parametrize("name", MODELS)
def test_shuffled_labels_score_at_chance(found, name):
    """4 categories of 200: 0.25, and 0.12 is four standard deviations."""
    assert abs(found["shuffled"][name].score(found["unseen"], found["truth"]) - 0.25) < 0.12


def test_a_category_that_is_not_there_has_no_probability(found):
    assert list(found["two"].classes_) == ["a", "b"]
    assert found["two"].predict_proba(found["unseen"]).shape == (200, 2)


@pytest.mark.parametrize("name", ["dense_fusion", "attention"])
@pytest.mark.parametrize("missing", [slice(TEXT), slice(TEXT, None)])
def test_a_missing_modality_costs_something_and_not_everything(found, name, missing):
    X, y, (estimator, _) = found["unseen"][20:-20], found["truth"][20:-20], found[name]  # have both
    masked = X.copy()
    masked[:, missing] = 0
    assert 0.6 < estimator.score(masked, y) < estimator.score(X, y)


@pytest.mark.parametrize("name", ["dense_fusion", "attention"])
def test_without_any_picture_to_learn_from(found, name):
    estimator = found[f"{name}_texts"]
    X = found["unseen"][20:]  # with text
    assert estimator.score(X, found["truth"][20:]) > 0.6
    blank = X.copy()
    blank[:, TEXT:] = 0
    np.testing.assert_array_equal(estimator.predict_proba(X), estimator.predict_proba(blank))


def test_attention_is_on_what_is_there(found):
    X, (estimator, _) = found["unseen"], found["attention"]
    weights = estimator.modality_weights(X)
    text, image = weights["text"], weights["image"]
    np.testing.assert_allclose(text + image, 1)
    assert (text[:20] == 0).all() and (image[-20:] == 0).all()
    assert ((text[20:-20] > 0) & (text[20:-20] < 1)).all() and text[20:-20].std() > 0.01


def test_parts_learn_from_the_products_that_have_them():
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(5, 2, (30, 3)), rng.normal(-3, 4, (30, 6))])
    X[:5, :3] = X[-5:, 3:] = 0
    text, picture = Parts((3, 6), 4, "standard").fit_transform(X)
    assert text.shape == (30, 3) and picture.shape == (30, 4)
    np.testing.assert_allclose(text[5:].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(text[5:].std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(picture[:-5].mean(axis=0), 0, atol=1e-6)
    assert picture[:-5].var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-5)
    assert not text[:5].any() and not picture[-5:].any()


@pytest.mark.parametrize("scaling", ["standard", "root"])
@pytest.mark.parametrize("lacking", [slice(0), slice(3), slice(3, None)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_parts_learn_from_is_transformed_as_anything_else(scaling, lacking, order):
    X = np.asarray(np.random.default_rng(0).normal(2, 3, (30, 9)), np.float32, order)
    X[:5, :3] = X[-5:, 3:] = X[:, lacking] = 0
    parts = Parts((3, 6), 4, scaling)
    for learned, transformed in zip(parts.fit_transform(X), parts.transform(X), strict=True):
        np.testing.assert_array_equal(learned, transformed)


def test_modality_dropout_takes_one_of_two_and_never_the_last():
    present = np.array([[1, 1]] * 1000 + [[1, 0]] * 50 + [[0, 1]] * 50, np.float32)
    left = lose(present, 0.4, np.random.default_rng(0))
    assert left.any(axis=1).all() and (left <= present).all()
    np.testing.assert_array_equal(left[1000:], present[1000:])
    lost = 1 - left[:1000].mean(axis=0)
    np.testing.assert_allclose(lost, 0.2, atol=0.05)
    assert (present == 1).sum() == 2100  # untouched


def test_estimators_can_be_cloned():
    training = Training(epochs=2, batch_size=8, learning_rate=0.1)
    for estimator in (DenseHead(training), DenseFusion(training, (2, 3)), AttentionFusion(training, (2, 3))):
        copy = clone(estimator)
        assert copy is not estimator and copy.get_params() == estimator.get_params()


def test_params_name_the_network():
    given = {
        "dropout": 0.5,
        "n_components": 8,
        "picture_scaling": "root",
        "modality_dropout": 0.1,
        "training": {"epochs": 1, "batch_size": 8, "learning_rate": 0.1},
    }
    made = create(NetworkParams(kind="dense", layers=(4, 3), **given), (5, 6), 7)
    assert isinstance(made, DenseFusion) and made.layers == (4, 3) and made.seed == 7
    assert made.widths == (5, 6) and made.n_components == 8 and made.picture_scaling == "root"
    made = create(NetworkParams(kind="attention", units=4, **given), (5, 6), 7)
    assert isinstance(made, AttentionFusion) and made.units == 4
    for wrong in ({"kind": "dense"}, {"kind": "attention", "layers": [4]}, {"kind": "dense", "units": 4}):
        with pytest.raises(ValidationError, match="kind"):
            NetworkParams(**wrong, **given)
