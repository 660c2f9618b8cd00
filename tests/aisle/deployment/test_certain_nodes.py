"""deployment/predictor.py: of a tree, the deepest node that is certain enough for a product."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aisle.deployment import packaging
from aisle.deployment.predictor import Predictor, as_json

NODES = ["Clocks >> wall", "Clocks >> wrist", "Lamps"]
VALUES = np.array([[0.96, 0.03, 0.01], [0.5, 0.45, 0.05], [0.4, 0.3, 0.3], [0.01, 0.0, 0.99]])
LIMITS = {"threshold_depth_1": 0.9, "threshold_depth_2": 0.95}


@pytest.fixture
def predictor(built, tmp_path):
    """Return the tiny catalogue's baseline as if its categories were nodes of a tree."""
    sections = built.params["text"], built.params["images"]
    models, target = built.root / "models", tmp_path / "package"
    decision = {"temperature": 1.0, "threshold": None, "target_error": 0.01, "confidence": 0.95} | LIMITS
    packaging.assemble("text_baseline", models, models / "pretrained", target, "tiny", *sections, decision)
    found = Predictor(target)
    assert len(found.package.categories) == len(NODES)
    found.package = replace(found.package, categories=NODES)
    for name, model in found.models.items():
        names = dict(zip(model.categories, NODES, strict=True))
        model.estimator[-1].classes_ = np.array([names[each] for each in model.estimator[-1].classes_])
        found.models[name] = replace(model, categories=NODES)
    return found


def certain(predictor, whole=(True,) * 4, available=(True,) * 4, **limits):
    predictor.package = replace(predictor.package, decision=predictor.package.decision | limits)
    there = {"title": np.array(whole), "description": np.ones(4, bool)}
    return predictor.certain(VALUES, np.array(available), there)


def test_a_product_is_put_as_deep_as_is_certain(predictor):
    found = certain(predictor)
    assert list(found["certain_category"]) == ["Clocks >> wall", "Clocks", "", "Lamps"]
    np.testing.assert_allclose(found["certain_probability"], [0.96, 0.95, np.nan, 0.99])


def test_a_depth_of_which_nothing_is_promised_is_not_reached(predictor):
    found = certain(predictor, threshold_depth_2=None)
    assert list(found["certain_category"]) == ["Clocks", "Clocks", "", "Lamps"]


def test_the_thresholds_are_of_products_that_have_all_fields(predictor):
    found = certain(predictor, whole=(False, True, True, True), available=(True, True, True, False))
    assert list(found["certain_category"]) == ["", "Clocks", "", ""]


def test_a_package_of_no_tree_says_nothing_of_nodes(predictor):
    predictor.package = replace(predictor.package, decision={"temperature": 1.0})
    there = {"title": np.ones(4, bool)}
    assert predictor.certain(VALUES, np.ones(4, bool), there) == {}
    shop = pd.DataFrame({"title": ["quartz dial"], "description": ["alarm"]})
    table = predictor.predict(shop)
    assert "certain_category" not in table and "certain" not in as_json(table)[0]


def test_it_stands_in_what_is_predicted(predictor):
    shop = pd.DataFrame({"title": ["quartz dial", ""], "description": ["quartz alarm dial", ""]})
    predictor.package = replace(
        predictor.package, decision=predictor.package.decision | dict.fromkeys(LIMITS, 0.5)
    )
    table = predictor.predict(shop)
    assert table["certain_category"][0] in {*NODES, "Clocks"} and table["certain_category"][1] == ""
    first, second = as_json(table)
    assert second["certain"] is None
    assert first["certain"]["category"] == table["certain_category"][0]
    assert first["certain"]["probability"] == pytest.approx(table["certain_probability"][0])
