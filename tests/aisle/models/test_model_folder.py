"""models/model_folder.py: a model folder survives, and predicts the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from aisle.models import decision_fusion, estimator_file, model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.models.model_folder import SavedModel
from aisle.pipeline.errors import AisleError
from aisle.representations import recipes

REPO = Path(__file__).parents[3]
RECIPE = recipes.FusedRecipe(
    text=recipes.VectorRecipe(
        modality="text",
        encoder="transformer",
        weights="minilm",
        options={"precision": "fp32"},
        fields=["description"],
        form="raw",
        learned=False,
    ),
    picture=recipes.VectorRecipe(modality="image", encoder="clip", weights="clip", learned=False),
    picture_weight=0.25,
)
TEXTS = np.array([f"{kind}word thing{i % 4}" for i in range(20) for kind in ("ant", "bee")], object)
LABELS = np.array(["ant", "bée"] * 20)


def facts(**values):
    known = {"name": "m", "title": "A model", "categories": ["ant", "bée"], "prior": [0.25, 0.75]}
    return known | {"weights": "none"} | values


def estimator(classifier):
    text = {"fields": ["title"], "form": "clean"}
    options = {"feature_linear": {"n_components": 5}, "feature_svm": {}}.get(classifier, text)
    return create(ClassifierParams(title="", classifier=classifier, input="", options=options)).estimator()


@pytest.mark.parametrize("classifier", ["text_linear", "text_svm", "feature_linear", "feature_svm"])
def test_a_model_that_was_read_predicts_the_same(tmp_path, classifier):
    X = TEXTS if classifier.startswith("text") else np.random.default_rng(0).normal(size=(40, 12))
    fitted = estimator(classifier).fit(X, LABELS)
    model_folder.write(SavedModel(**facts(estimator=fitted, recipe=RECIPE)), tmp_path / "new" / "m")
    read = model_folder.read(tmp_path / "new" / "m")
    assert read.available
    np.testing.assert_array_equal(read.estimator.predict_proba(X), fitted.predict_proba(X))
    assert list(read.estimator.classes_) == ["ant", "bée"]


@pytest.mark.parametrize("method", ["log_mean", "vote", "stack"])
def test_a_fusion_that_was_read_combines_the_same(tmp_path, method):
    rng = np.random.default_rng(0)
    each, available = rng.dirichlet(np.ones(3), (40, 3)), rng.random((40, 3)) < 0.9
    fitted = decision_fusion.create(method, {}).fit(each, available, rng.integers(0, 3, 40))
    model_folder.write(SavedModel(**facts(estimator=fitted, members=list("abc"))), tmp_path / "m")
    read = model_folder.read(tmp_path / "m")
    assert read.members == list("abc") and read.recipe is None
    np.testing.assert_array_equal(read.estimator.combine(each, available), fitted.combine(each, available))


@pytest.mark.parametrize(
    "recipe",
    [None, RECIPE, RECIPE.text, recipes.TextRecipe(fields=["title", "description"], form="clean")],
    ids=["none", "fused", "vector", "text"],
)
def test_what_is_said_of_a_model_survives(tmp_path, recipe):
    model = SavedModel(**facts(recipe=recipe))
    model_folder.write(model, tmp_path / "m")
    assert model_folder.read(tmp_path / "m") == model and not model.available
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["model.json"]


def test_the_params_that_it_was_made_with_survive(tmp_path):
    params = {"classifiers": {"options": {"C": 0.5, "fields": ["title"], "form": None}}}
    model_folder.write(SavedModel(**facts(params=params)), tmp_path / "m")
    assert json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))["params"] == params
    assert model_folder.read(tmp_path / "m").params == params
    assert model_folder.read(tmp_path / "m", fitted=False).params == params


def test_the_description_is_read_by_people_and_other_programs(tmp_path):
    model_folder.write(SavedModel(**facts(recipe=RECIPE, weights="12ab")), tmp_path / "m")
    found = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    assert found["categories"] == ["ant", "bée"] and found["prior"] == [0.25, 0.75]
    assert found["recipe"]["kind"] == "fused" and found["recipe"]["text"]["encoder"] == "transformer"
    assert (found["name"], found["title"], found["weights"], found["members"]) == ("m", "A model", "12ab", [])
    assert "estimator" not in found
    assert "bée" in (tmp_path / "m" / "model.json").read_text(encoding="utf-8")


def test_the_same_model_is_the_same_bytes(tmp_path):
    for name in "ab":
        fitted = estimator("text_linear").fit(TEXTS, LABELS)
        model_folder.write(SavedModel(**facts(estimator=fitted)), tmp_path / name)
    for file in ("model.json", "estimator.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


MAKE = """
import sys
from tests.aisle.models import test_model_folder as t
for name in ("text_linear", "text_svm", "feature_linear", "feature_svm"):
    X = t.TEXTS if name.startswith("text") else t.np.random.default_rng(0).normal(size=(40, 12))
    fitted = t.estimator(name).fit(X, t.LABELS)
    t.model_folder.write(t.SavedModel(**t.facts(estimator=fitted, recipe=t.RECIPE)), f"{sys.argv[1]}/{name}")
"""


def test_another_process_gives_the_same_bytes(tmp_path):
    """No memory address and no order of a set: DVC would take it for another model, and log it again."""
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
        run = [sys.executable, "-c", MAKE, str(tmp_path / seed)]
        done = subprocess.run(run, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    found = {path.relative_to(tmp_path / "1"): path for path in (tmp_path / "1").rglob("*.*")}
    assert len(found) == 8
    for name, path in found.items():
        assert path.read_bytes() == (tmp_path / "2" / name).read_bytes(), name


class Uncopied(LogisticRegression):
    """An estimator that must not be copied in memory, as a large network or one with a lock."""

    def __deepcopy__(self, memo):  # noqa: D105
        raise AssertionError("copied")


def test_an_estimator_is_not_copied_to_be_described(tmp_path, monkeypatch):
    monkeypatch.setitem(estimator_file.TRUSTED, __name__, ("Uncopied",))
    model_folder.write(SavedModel(**facts(estimator=Uncopied())), tmp_path / "m")
    assert isinstance(model_folder.read(tmp_path / "m").estimator, Uncopied)


def test_an_older_estimator_does_not_stay(tmp_path):
    model_folder.write(SavedModel(**facts(estimator=LogisticRegression())), tmp_path / "m")
    model_folder.write(SavedModel(**facts()), tmp_path / "m")
    assert model_folder.read(tmp_path / "m").estimator is None


def test_without_its_weights_a_model_cannot_predict():
    model = SavedModel(**facts(weights="not available", estimator=LogisticRegression()))
    assert not model.available


def test_what_is_no_model_folder_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"nothing must be a model folder; it has no model\.json"):
        model_folder.read(tmp_path / "nothing")
