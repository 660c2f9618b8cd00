"""stages/zero_shot.py: the category whose prompt is nearest; without weights, nothing is made up."""

import json

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation import metrics, model_scores, score_tables
from aisle.models import predictions_table
from aisle.models.zero_shot import ZeroShot, ZeroShotParams, classify, prompt_vectors
from aisle.pipeline import tables
from aisle.pretrained import description, status
from aisle.report.data.results import Results
from aisle.representations import vectors_file
from aisle.representations.encoders import registry

PARAMS = ZeroShotParams(
    title="t", features="f", encoder="clip", weights="clip", prompts=["a {}", "photo of {}"]
)
PRETRAINED = description.Weights("digest", "path", facts={"logit_scale": 50.0})


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
    metadata = {"catalogue": "tiny", "weights": "digest"}
    return vectors_file.Features(list(folds["product_id"]), vectors.astype(np.float32), metadata)


def write(folder, weights):
    """Write the description of weights into a folder of models/pretrained/."""
    folder.mkdir()
    description.write(weights, folder)
    return folder


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """Return the folder of weights whose text encoder is Letters."""

    def create(modality, params, folder):
        assert (modality, params.encoder, params.weights) == ("text", "clip", "clip")
        assert folder == tmp_path / "clip"
        return Letters()

    monkeypatch.setattr(registry, "create", create)
    return write(tmp_path / "clip", PRETRAINED)


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


def test_every_product_with_a_picture_gets_its_nearest_category(pictures, folds, clip):
    table = classify(pictures, folds, PARAMS, clip)
    cv = table[(table["protocol"] == "cv") & (table["repeat"] == 0)]
    cv = predictions_table.test_rows(cv).set_index("product_id")
    names = ["Clocks", "Lamps", "Mugs"]
    best = cv[[f"p_{name}" for name in names]].to_numpy().argmax(1)
    right = np.array(names)[best] == cv["category"].to_numpy(str)
    lost = pictures.product_ids[2]
    assert right[cv.index != lost].all() and not cv.loc[lost, "available"]


def test_it_has_the_rows_of_any_model(built, pictures, folds, clip):
    """Inner rows too, so that it can be calibrated and fused; where there is a picture they do not differ."""
    table = classify(pictures, folds, PARAMS, clip)
    baseline = tables.read(built.root / "predictions/classifiers/text_baseline.parquet")
    keys = [*predictions_table.KEYS, "category"]
    assert (table[keys].to_numpy() == baseline[keys].to_numpy()).all()
    seen = table[table["product_id"] != pictures.product_ids[2]]
    assert (seen.groupby("product_id")["p_Clocks"].nunique() == 1).all()


def test_without_weights_there_is_a_row_and_no_figure(built, folds, tmp_path):
    absent = write(tmp_path / "clip", description.Weights(status.ABSENT, "absent"))
    ids, metadata = list(folds["product_id"]), {"weights": status.ABSENT}
    nothing = vectors_file.Features(ids, np.full((len(ids), 1), np.nan, np.float32), metadata)
    table = classify(nothing, folds, PARAMS, absent)
    assert not table["available"].any()
    attrs = {"weights": status.ABSENT, "modalities": "image", "title": "CLIP"}
    tables.write(table, tmp_path / "p.parquet", "tiny", **attrs)
    read = tables.read(tmp_path / "p.parquet")
    assert read.attrs == {"catalogue": "tiny", **attrs}
    baseline = tables.read(built.root / "predictions/classifiers/text_baseline.parquet")
    params = metrics.EvaluationParams(
        baseline="text_baseline", confidence=0.95, n_bootstrap=100, seed=0, target_error=0.01, n_bins=15
    )
    models = {"text_baseline": {model_scores.NO_SEED: baseline}, "clip": {model_scores.NO_SEED: read}}
    products = tables.read(built.root / "data/products.parquet")
    found = score_tables.evaluate(models, folds, products, {}, params)
    assert found.scores["clip"] == {"weights": "not available"}
    made = dict(found.tables)
    listed = made.pop("models").set_index("model")
    assert listed.loc["clip", ["title", "weights"]].tolist() == ["CLIP", "not available"]
    of_the_tree = [made.pop(name) for name in ("tree", "siblings")]
    assert all(each.empty for each in of_the_tree)  # the catalogue is flat
    for each in made.values():
        assert set(each["model"]) == {"text_baseline"}


def test_untrained_weights_are_named_wherever_the_title_stands():
    metrics = {
        "a": {"cv_accuracy": 0.9, "weights": status.UNTRAINED},
        "b": {"weights": status.ABSENT},
        "c": {"cv_accuracy": 0.5, "weights": status.NONE},
    }
    empty = dict.fromkeys(field for field in Results.__dataclass_fields__)
    models = pd.DataFrame({"model": ["a", "b", "c"], "title": ["A", "B", "C"]})
    results = Results(**empty | {"metrics": {"models": metrics}, "tables": {"models": models}})
    assert results.title("a") == "A (untrained)" and list(results.models) == ["a", "c"]
    assert results.best == "c"


def test_pictures_of_other_weights_are_an_error(built, tmp_path, capsys):
    folder = tmp_path / "clip"
    folder.mkdir()
    description.write(description.Weights("other", "path"), folder)
    with pytest.raises(SystemExit) as end:
        built.with_params(
            tmp_path, lambda params: params.update(zero_shot={"z": json.loads(PARAMS.model_dump_json())})
        ).run("zero_shot", "z", weights=folder, features=built.root / "features/image/descriptors.parquet")
    assert end.value.code == 2 and "must be made with the weights of" in capsys.readouterr().err


@pytest.mark.parametrize("prompts", [[], ["a photo"], ["a {", "a {}"], ["a {name}"]])
def test_a_prompt_must_have_a_place_for_the_category(prompts):
    with pytest.raises(ValueError, match="prompts"):
        ZeroShotParams(title="t", features="f", encoder="clip", weights="clip", prompts=prompts)
