"""deployment/field_promises.py: what is promised of products that have certain fields alone."""

from collections import Counter
from dataclasses import replace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from aisle.deployment import field_promises, packaging
from aisle.deployment.predictor import Predictor
from aisle.deployment.stored_products import StoredInputs
from aisle.evaluation import selective
from aisle.evaluation.calibration import scale
from aisle.models.fusion_networks.networks import DenseFusion
from aisle.pipeline import cores, tables
from aisle.representations import recipes

DECISION = {"temperature": 0.8, "threshold": 0.7, "threshold_out_of_fold": 0.6, "guaranteed_bound": 0.19}
DECISION |= {"target_error": 0.2, "confidence": 0.8}
NEEDED = selective.needed(0.2, 0.8)


@pytest.fixture
def package(built, tmp_path):
    """Return a function that packages a model of the tiny catalogue."""

    def make(name):
        sections = built.params["text"], built.params["images"]
        models, target = built.root / "models", tmp_path / name
        packaging.assemble(name, models, models / "pretrained", target, "tiny", *sections, DECISION)
        return target

    return make


@pytest.fixture(scope="module")
def inputs(built):
    return StoredInputs(
        *(built.root / name for name in ("data/text.parquet", "data/images.parquet", "features"))
    )


@pytest.fixture(scope="module")
def folds(built, inputs):
    return tables.align(tables.read(built.root / "data/folds.parquet"), inputs.product_ids, "folds", "texts")


def promises(predictor, inputs, folds):
    """Return what is promised of one package."""
    return field_promises.promises({"it": predictor}, inputs, folds)["it"]


def test_a_set_has_the_promise_of_models_that_learned_from_other_folds(package, inputs, folds):
    """Made here by hand: the baseline learns from titles and descriptions, and is asked by title alone."""
    predictor = Predictor(package("text_baseline"))
    found = promises(predictor, inputs, folds)
    assert set(found) == {"title", "description", "title + description"}
    model = predictor.models["text_baseline"]
    whole, title = (
        np.array(inputs.texts(fields, "clean"), object) for fields in (["title", "description"], ["title"])
    )
    y, fold = folds["category"].to_numpy(str), folds["cv_0"].to_numpy()
    group = folds.set_index("product_id")["group"]

    def said(left_out, rows):
        learn = ~np.isin(fold, left_out)
        values = clone(model.estimator).fit(whole[learn], y[learn]).predict_proba(title[rows])
        scaled = scale(values, 0.8)
        table = folds.loc[rows, ["product_id"]].assign(sure=scaled.max(axis=1))
        return table.assign(wrong=np.array(model.categories)[scaled.argmax(axis=1)] != y[rows])

    numbers = np.unique(fold)
    rows = selective.one_of_each(pd.concat([said([f], fold == f) for f in numbers]), group)
    inner = [said([f, g], fold == g) for f in numbers for g in numbers if f != g]
    fewer = selective.one_of_each(pd.concat(inner), group)
    expected = selective.promise(rows["sure"].to_numpy(), rows["wrong"].to_numpy(), 0.2, 0.8)
    assert expected.accepted
    told = found["title"]
    matched = selective.matched(expected.threshold, fewer["sure"].to_numpy(), rows["sure"].to_numpy())
    assert told["threshold"] == pytest.approx(matched) and matched >= expected.threshold
    assert (told["calibrated_on"], told["guaranteed_bound"]) == (len(rows), expected.bound)
    assert told["guaranteed_coverage"] == expected.coverage


def test_a_masked_field_is_not_there(built, package, inputs):
    predictor = Predictor(package("late_fusion"))
    fields = list(predictor.presence(inputs))
    assert fields == ["title", "description", "specifications", "image"]
    rows, made = np.arange(10, 20), {}
    masked = field_promises.Masked(inputs, ["title", "image"], rows, made)
    assert masked.texts(["title", "description"], "clean") == inputs.texts(["title"], "clean")[10:20]
    assert masked.texts(["description"], "clean") == [""] * 10
    there = predictor.presence(masked)
    assert {field: each.any() for field, each in there.items()} == {
        "title": True, "description": False, "specifications": False, "image": True,
    }  # fmt: skip
    blind = field_promises.Masked(inputs, ["title"], rows, made)
    _, available, used = predictor.probabilities("late_fusion", blind)
    assert available.all() and used["text"].all() and not used["image"].any()
    none = field_promises.Masked(inputs, [], rows, made)
    assert not predictor.probabilities("late_fusion", none)[1].any()


class Recorded:
    """Inputs that say what they are asked for."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        """Return 4."""
        return 4

    def vectors(self, recipe, folder):
        self.asked.append(recipe.fields or recipe.modality)
        return np.arange(8.0).reshape(4, 2)


def test_an_encoder_reads_the_fields_that_there_are_once():
    def recipe(modality, *fields):
        facts = {"encoder": "e", "weights": "none", "learned": False, "form": "raw"}
        return recipes.VectorRecipe(modality=modality, fields=list(fields), **facts)

    inputs, made = Recorded(), {}
    text, picture = recipe("text", "title", "description"), recipe("image")
    for rows in ([0, 2], [3]):
        masked = field_promises.Masked(inputs, ["title", "specifications"], np.array(rows), made)
        np.testing.assert_array_equal(masked.vectors(text, None), np.arange(8.0).reshape(4, 2)[rows])
        assert np.isnan(masked.vectors(picture, None)).all()
        assert np.isnan(masked.vectors(recipe("text", "description"), None)).all()
    assert inputs.asked == [["title"], "image", ["description"]]


def test_what_packages_share_is_fitted_once_and_each_has_its_own_promises(
    package, inputs, folds, tmp_path, monkeypatch
):
    """On one core, so that the fits are counted; on several the promises are the same."""
    packages = {name: Predictor(package(name)) for name in ("late_fusion", "text_baseline")}
    alone = {name: promises(each, inputs, folds) for name, each in packages.items()}
    assert alone["late_fusion"].keys() > alone["text_baseline"].keys()
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: {0})
    fits = Counter()

    def counted(estimator):
        fits[type(estimator[-1]).__name__, len(estimator)] += 1
        return clone(estimator)

    monkeypatch.setattr(field_promises, "clone", counted)
    assert field_promises.promises(packages, inputs, folds) == alone
    n = len(np.unique(folds["cv_0"]))
    assert list(fits.values()) == [n * (n + 1) // 2] * 3  # of three members, each without one fold or two


def test_too_few_products_for_any_promise_cost_no_fit(package, inputs, folds, monkeypatch):
    predictor = Predictor(package("text_baseline"))
    few = folds.assign(category=folds["category"].where(np.arange(len(folds)) < NEEDED - 1, None))
    monkeypatch.setattr(field_promises, "fitted", None)
    monkeypatch.setattr(predictor, "presence", None)  # reads texts and pictures
    assert promises(predictor, inputs, few) == {}


def test_what_takes_minutes_or_has_seen_the_labels_is_not_fitted_anew(package, inputs, folds):
    predictor = Predictor(package("text_baseline"))
    assert field_promises.can_be_fitted(predictor.models)
    network = replace(predictor.models["text_baseline"], estimator=object.__new__(DenseFusion))
    other = predictor.with_models({"text_baseline": network})
    assert not field_promises.can_be_fitted(other.models)
    assert promises(other, inputs, folds) == {}
    assert predictor.models["text_baseline"] is not network


def test_a_product_is_decided_by_the_threshold_of_what_it_has(built, package, inputs, tmp_path):
    folder = package("text_baseline")
    other = tmp_path / "empty"
    other.mkdir()
    shop = pd.DataFrame(
        {"title": ["quartz alarm dial", "", ""], "description": ["", "quartz alarm dial", ""]}
    )
    assert Predictor(folder).predict(shop)["send_to_person"].all()  # of neither set anything is known
    told = field_promises.add([str(folder), str(other)], inputs, built.root / "data/folds.parquet")
    assert not [*other.iterdir()]
    predictor = Predictor(folder)  # its manifest fits
    by_fields = predictor.package.decision["by_fields"]
    assert told == {str(folder): by_fields}
    decided = predictor.predict(shop)
    for place, field in enumerate(("title", "description")):
        sure = decided["predicted_probability"][place] >= by_fields[field]["threshold"]
        assert decided["send_to_person"][place] == (not sure)
    assert not decided["send_to_person"].all() and decided["send_to_person"][2]
    there = {"title": np.array([True, True, False]), "description": np.array([True, False, True])}
    expected = [by_fields[each]["threshold"] for each in ("title + description", "title", "description")]
    assert list(predictor.thresholds(there)) == expected


def test_a_set_is_matched_where_nothing_is_promised_of_the_whole(package, inputs, folds):
    """The promise of one set may be all that there is; it is raised as any is."""
    predictor = Predictor(package("text_baseline"))
    found = promises(predictor, inputs, folds)
    none = {"threshold": None, "threshold_out_of_fold": None, "guaranteed_bound": None}
    predictor.package = replace(predictor.package, decision=DECISION | none)
    assert promises(predictor, inputs, folds) == found
    unmatched = mock.patch.object(selective, "matched", lambda threshold, fewer, more: threshold)
    with unmatched:
        other = promises(predictor, inputs, folds)
    assert any(other[each]["threshold"] != found[each]["threshold"] for each in found)


def test_a_set_of_which_nothing_can_be_promised_goes_to_a_person(package):
    predictor = Predictor(package("text_baseline"))
    none = selective.Promise.none(100, NEEDED)
    entry = field_promises.entry(none, np.inf)
    assert (entry["threshold"], entry["guaranteed_bound"], entry["guaranteed_coverage"]) == (None, None, 0)
    decision = DECISION | {"by_fields": {"title": entry}}
    predictor.package = replace(predictor.package, decision=decision)
    there = {"title": np.array([True, True]), "description": np.array([True, False])}
    assert list(predictor.thresholds(there)) == [0.7, np.inf]


def test_a_category_with_a_threshold_of_its_own_is_decided_by_it(package):
    """A product that has all fields: of fewer, the promise of these fields counts."""
    folder = package("text_baseline")
    predictor = Predictor(folder)
    shop = pd.DataFrame({"title": ["quartz alarm dial"] * 2, "description": ["quartz alarm dial", ""]})
    before = predictor.predict(shop)
    best = predictor.package.categories.index(before["predicted_category"][0])
    of_title = {"title": {"threshold": 0.0, "guaranteed_bound": 0.1}}
    for limit, sent in ((0.0, False), (None, True)):
        others = {f"threshold_category_{i}": 0.0 for i in range(1, len(predictor.package.categories) + 1)}
        decision = DECISION | others | {f"threshold_category_{best + 1}": limit, "by_fields": of_title}
        predictor.package = replace(predictor.package, decision=decision)
        assert list(predictor.predict(shop)["send_to_person"]) == [sent, False]
    there = {field: np.array([True, True]) for field in predictor.presence(predictor.raw(shop))}
    assert list(predictor.limits(there, np.array([best, best - 1]))) == [np.inf, 0]
