"""tools/external.py: a package on another catalogue of the same shop."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from aisle.deployment.predictor import Predictor
from aisle.evaluation.metrics import EvaluationParams
from aisle.pipeline import cli
from tools import external

PARAMS = EvaluationParams(baseline="b", confidence=0.95, n_bootstrap=300, seed=0, target_error=0.05, n_bins=5)
MAPPING = """\
catalogue:
  table: goods.csv
  images: .
  columns: {id: sku, title: name}
  category: {column: kind, separator: ">>", level: tree}
"""


def test_accuracy_and_what_is_decided_without_a_person():
    predicted = pd.DataFrame(
        {"predicted_category": list("aabbab"), "send_to_person": [False, False, True, False, True, False]}
    )
    found = external.judge(predicted, pd.Series(list("aabaaa")), np.arange(6), PARAMS)
    assert found["external_accuracy"] == pytest.approx(4 / 6)
    assert found["external_auto"] == pytest.approx(4 / 6)
    assert found["external_error"] == pytest.approx(2 / 4)
    one = external.judge(predicted, pd.Series(list("aabaaa")), np.zeros(6, int), PARAMS)
    assert one["external_error_low"] == one["external_error_high"] == 0.5  # a group is drawn as a whole
    assert found["external_error_low"] < 0.5 < found["external_error_high"]
    none = external.judge(
        predicted.assign(send_to_person=True), pd.Series(list("aabaaa")), np.arange(6), PARAMS
    )
    assert none["external_auto"] == 0 and "external_error" not in none  # of no decisions it is not 0


def test_a_study_is_judged_on_the_products_that_it_has_not_seen(built, tmp_path, monkeypatch):
    """Six others with names alone, one that the study has, one of a category that it has not."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "catalogue.yaml").write_text(MAPPING, encoding="utf-8")
    names = {
        "Clocks": ["quartz alarm dial", "pendulum wall clock chime"],
        "Lamps": ["bulb shade glow", "dimmer watt led cable"],
        "Mugs": ["coffee tea handle", "ceramic cup saucer glaze"],
        "Toys": ["wooden train"] * 5,
    }
    rows = [
        (f"new{kind}{i}", name, f"{kind} >> Sub")
        for kind, each in names.items()
        for i, name in enumerate(each)
    ]
    rows += [(f"pad{i}", f"thing {i}", kind) for i, kind in enumerate(["Clocks", "Lamps", "Mugs"] * 3)]
    rows.append(("p00", "a product of the study", "Clocks >> Sub"))
    table = pd.DataFrame(rows, columns=["sku", "name", "kind"])
    table.to_csv(shop / "goods.csv", index=False)
    products = external.others(shop, built.root)
    assert {*products["category"]} == {"Clocks", "Lamps", "Mugs"} and "p00" not in {*products["product_id"]}
    results = tmp_path / "results" / built.root.name
    results.mkdir(parents=True)
    (results / "metrics.json").write_text('{"headline": {"products": 60, "external_auto": 1}}')
    command = ["external", built.root, shop, "--results", results.parent]
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    cli.run(external.main)
    found = json.loads((results / "external.json").read_text())
    headline = json.loads((results / "metrics.json").read_text())["headline"]
    assert found["external_products"] == len(products) == 15 and headline["products"] == 60
    assert found["external_auto"] == headline["external_auto"] == 0  # nothing is promised of names alone
    said = Predictor(built.root / "packages/champion").predict(products[["title"]])["predicted_category"]
    assert found["external_accuracy"] == pytest.approx((said == products["category"]).mean(), abs=1e-4)


def test_a_catalogue_without_others_is_told(built, tmp_path):
    (tmp_path / "catalogue.yaml").write_text(MAPPING, encoding="utf-8")
    table = pd.DataFrame(
        {"sku": [f"x{i}" for i in range(12)], "name": "toy", "kind": ["A >> C", "B >> C"] * 6}
    )
    table["name"] += table["sku"]
    table.to_csv(tmp_path / "goods.csv", index=False)
    with pytest.raises(external.AisleError, match="must have other products of the study's categories"):
        external.others(tmp_path, built.root)
