"""stages/zero_shot.py: the category whose prompt is nearest; without weights, nothing is made up."""

import json

import numpy as np
import pandas as pd
import pytest

from aisle import evaluation, features, predictions, tables, weights
from aisle.report.results import Results
from aisle.zero_shot import ZeroShot, prompt_vectors
from stages import evaluate, zero_shot

PARAMS = zero_shot.ZeroShotParams(
    title="t", features="f", encoder="clip", weights="clip", prompts=["a {}", "photo of {}"]
)
PRETRAINED = weights.Weights("digest", "path", facts={"logit_scale": 50.0})


class Letters:
    """A text encoder: how often the three first letters of the categories occur."""

    def transform(self, texts):
        return np.array([[text.count(letter) for letter in "CLM"] for text in texts], np.float32)


@pytest.fixture
def folds(built):
    return tables.read(built.root / "data/folds.parquet")


@pytest.fixture
def pictures(folds):
    """Return vectors that lie at their category's letter; the third product has no picture."""
    vectors = np.array([[name[0] == letter for letter in "CLM"] for name in folds["category"]], np.float32)
    vectors += np.random.default_rng(0).uniform(0, 0.3, vectors.shape)
    vectors[2] = np.nan
    return features.Features(list(folds["product_id"]), vectors.astype(np.float32), {"catalogue": "tiny"})


def test_prompts_are_averaged_and_have_length_one():
    vectors = prompt_vectors(["Clocks", "Mugs"], ["a {}", "CCC {}"], Letters())
    np.testing.assert_allclose(vectors["Clocks"], [1, 0, 0])
    mean = np.array([0, 0, 1]) + np.array([3, 0, 1]) / np.sqrt(10)  # of the two, each of length 1
    np.testing.assert_allclose(vectors["Mugs"], mean / np.linalg.norm(mean), rtol=1e-6)


def test_probabilities_are_those_of_the_scaled_cosines():
    model = ZeroShot({"b": np.array([0.0, 1.0]), "a": np.array([1.0, 0.0])}, 10.0).fit(None, None)
    found = model.predict_proba(np.array([[3.0, 4.0]]))
    right = np.exp([6, 8]) / np.exp([6, 8]).sum()
    np.testing.assert_allclose(found, [right])
    assert list(model.classes_) == ["a", "b"] and list(model.predict(np.array([[3.0, 4.0]]))) == ["b"]


def test_every_product_with_a_picture_gets_its_nearest_category(pictures, folds):
    table = zero_shot.run(pictures, folds, PARAMS, PRETRAINED, Letters())
    cv = table[(table["protocol"] == "cv") & (table["repeat"] == 0)]
    cv = predictions.test_rows(cv).set_index("product_id")
    names = ["Clocks", "Lamps", "Mugs"]
    best = cv[[f"p_{name}" for name in names]].to_numpy().argmax(1)
    right = np.array(names)[best] == cv["category"].to_numpy(str)
    lost = pictures.product_ids[2]
    assert right[cv.index != lost].all() and not cv.loc[lost, "available"]


def test_it_has_the_rows_of_any_model(built, pictures, folds):
    """Inner rows too, so that it can be calibrated and fused; where there is a picture they do not differ."""
    table = zero_shot.run(pictures, folds, PARAMS, PRETRAINED, Letters())
    floor = tables.read(built.root / "predictions/text_floor.parquet")
    keys = [*predictions.KEYS, "category"]
    assert (table[keys].to_numpy() == floor[keys].to_numpy()).all()
    seen = table[table["product_id"] != pictures.product_ids[2]]
    assert (seen.groupby("product_id")["p_Clocks"].nunique() == 1).all()


def test_without_weights_there_is_a_row_and_no_figure(built, folds, tmp_path):
    absent = weights.Weights(weights.ABSENT, "absent")
    ids = list(folds["product_id"])
    nothing = features.Features(ids, np.full((len(ids), 1), np.nan, np.float32), {})
    table = zero_shot.run(nothing, folds, PARAMS, absent, None)
    assert not table["available"].any()
    attrs = {"weights": weights.ABSENT, "modalities": "image", "title": "CLIP"}
    tables.write(table, tmp_path / "p.parquet", "tiny", **attrs)
    read = tables.read(tmp_path / "p.parquet")
    assert read.attrs == {"catalogue": "tiny", **attrs}
    floor = tables.read(built.root / "predictions/text_floor.parquet")
    params = evaluate.metrics.EvaluationParams(
        floor="text_floor", confidence=0.95, n_bootstrap=100, seed=0, target_error=0.01, n_bins=15
    )
    models = {"text_floor": {evaluation.NO_SEED: floor}, "clip": {evaluation.NO_SEED: read}}
    products = tables.read(built.root / "data/products.parquet")
    found, _, made = evaluate.run(models, folds, products, params)
    assert found["clip"] == {"weights": "not available"}
    listed = made.pop("models").set_index("model")
    assert listed.loc["clip", ["title", "weights"]].tolist() == ["CLIP", "not available"]
    for each in made.values():
        assert set(each["model"]) == {"text_floor"}


def test_untrained_weights_are_named_wherever_the_title_stands():
    metrics = {
        "a": {"cv_accuracy": 0.9, "weights": weights.UNTRAINED},
        "b": {"weights": weights.ABSENT},
        "c": {"cv_accuracy": 0.5, "weights": weights.NONE},
    }
    empty = dict.fromkeys(field for field in Results.__dataclass_fields__)
    models = pd.DataFrame({"model": ["a", "b", "c"], "title": ["A", "B", "C"]})
    results = Results(**empty | {"metrics": {"models": metrics}, "tables": {"models": models}})
    assert results.title("a") == "A (untrained)" and list(results.models) == ["a", "c"]
    assert results.best == "c"


def test_pictures_of_other_weights_are_an_error(built, tmp_path, capsys):
    folder = tmp_path / "clip"
    folder.mkdir()
    weights.write(weights.Weights("other", "path"), folder)
    with pytest.raises(SystemExit) as end:
        built.with_params(
            tmp_path, lambda params: params.update(zero_shot={"z": json.loads(PARAMS.model_dump_json())})
        ).run("zero_shot", "z", weights=folder, features=built.root / "features/image/descriptors.parquet")
    assert end.value.code == 2 and "must be made with the weights of" in capsys.readouterr().err


@pytest.mark.parametrize("prompts", [[], ["a photo"], ["a {", "a {}"], ["a {name}"]])
def test_a_prompt_must_have_a_place_for_the_category(prompts):
    with pytest.raises(ValueError, match="prompts"):
        zero_shot.ZeroShotParams(title="t", features="f", encoder="clip", weights="clip", prompts=prompts)
