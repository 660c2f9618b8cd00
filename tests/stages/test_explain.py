"""stages/explain_text.py, stages/explain_fusion.py: their files, keys, and what has no weights."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from aisle.models import model_folder, predictions_table
from aisle.models.predictions_table import mean_over_repeats
from aisle.pipeline import tables
from aisle.pretrained import status


def test_the_words_of_the_categories_are_in_their_texts(built):
    words = tables.read_csv(built.root / "reports/shap_text.csv")
    texts = tables.read(built.root / "data/text.parquet")
    joined = " " + texts["title_clean"] + " " + texts["description_clean"] + " "
    category = tables.read(built.root / "data/products.parquet")["category"]
    assert set(words["category"]) == set(category)
    for name, part in words.groupby("category"):
        assert list(part["rank"]) == list(range(1, len(part) + 1))
        has = joined.str.contains(f" {part.iloc[0]['word']} ", regex=False)
        assert has[category == name].mean() > has[category != name].mean()


def test_the_examples_are_right_and_wrong_out_of_fold(built):
    rows = tables.read_csv(built.root / "reports/shap_text_examples.csv")
    mean = mean_over_repeats(tables.read(built.root / "predictions/classifiers/text_baseline.parquet"))
    names = np.array(predictions_table.categories(mean))
    best = pd.Series(names[predictions_table.probabilities(mean).argmax(axis=1)], mean["product_id"])
    title = tables.read(built.root / "data/products.parquet").set_index("product_id")["title"]
    chosen = rows.drop_duplicates("product_id")
    assert list(best[chosen["product_id"]]) == list(chosen["predicted"])
    assert list(chosen["right"]) == list(chosen["predicted"] == chosen["category"])
    assert list(title[chosen["product_id"]]) == list(chosen["title"])
    n_wrong = int((best.to_numpy() != mean["category"].to_numpy(str)).sum())
    assert chosen["right"].sum() == 3 and (~chosen["right"]).sum() == min(3, n_wrong)


def test_a_model_of_pictures_is_refused_in_words(built, tmp_path, capsys):
    def pictures(params):
        params["explain"]["text"]["model"] = "descriptors"

    with pytest.raises(SystemExit) as stop:
        built.with_params(tmp_path, pictures).run(
            "explain_text", output=tmp_path / "w.csv", examples=tmp_path / "e.csv"
        )
    assert stop.value.code == 2 and "explain.text.model" in capsys.readouterr().err


def test_the_fusions_values_and_summary(built):
    found = json.loads((built.root / "metrics/explain_fusion.json").read_text())
    assert set(found) == {"catalogue", *built.params["fusions"]} and found["catalogue"] == "tiny"
    for name in built.params["fusions"]:
        table, metrics = tables.read(built.root / f"reports/shap_fusion/{name}.parquet"), found[name]
        assert len(table) == metrics["n"] == 60 and table["product_id"].is_monotonic_increasing
        np.testing.assert_allclose(table[["base", "phi_text", "phi_image"]].sum(axis=1), table["value"])
        assert metrics["phi_image"] == pytest.approx(table["phi_image"].abs().mean(), abs=1e-4)
        assert metrics["weights"] == status.NONE
        right = (table["predicted"] == table["category"]).mean()
        assert right > 0.8  # of tables joined wrongly it would be a third


def test_a_fusion_without_weights_has_no_values_and_the_others_have_theirs(built, tmp_path):
    shutil.copytree(built.root / "models/fusions", tmp_path / "models")
    model = model_folder.read(built.root / "models/fusions/late_fusion")
    absent = dataclasses.replace(model, weights=status.ABSENT, estimator=None)
    model_folder.write(absent, tmp_path / "models/late_fusion")
    out = {"output": tmp_path / "values", "metrics": tmp_path / "values.json"}
    built.run("explain_fusion", models=tmp_path / "models", **out)
    assert tables.read(tmp_path / "values/late_fusion.parquet").empty
    found = json.loads((tmp_path / "values.json").read_text())
    assert found["late_fusion"] == {"weights": status.ABSENT}
    before = json.loads((built.root / "metrics/explain_fusion.json").read_text())
    for name in ("voting", "stacking"):
        assert found[name] == before[name]
        again = (tmp_path / f"values/{name}.parquet").read_bytes()
        assert again == (built.root / f"reports/shap_fusion/{name}.parquet").read_bytes()


def test_a_fusion_of_two_is_explained(built, tmp_path):
    """A member of text and one of pictures: alone, each is itself."""

    def pair(params):
        params["fusions"] = {
            "pair": {"title": "Pair", "method": "vote", "models": ["text_baseline", "descriptors"]}
        }

    workspace = built.with_params(tmp_path, pair)
    workspace.run("fuse", output=tmp_path / "predictions", models=tmp_path / "models")
    out = {"output": tmp_path / "values", "metrics": tmp_path / "values.json"}
    workspace.run("explain_fusion", models=tmp_path / "models", **out)
    table = tables.read(tmp_path / "values/pair.parquet").set_index("product_id")
    assert len(table) == 60 and [path.name for path in (tmp_path / "values").iterdir()] == ["pair.parquet"]
    for modality, member in (("text", "text_baseline"), ("image", "descriptors")):
        mean = mean_over_repeats(tables.read(built.predictions(member)))
        names = np.array(predictions_table.categories(mean))
        best = pd.Series(names[predictions_table.probabilities(mean).argmax(axis=1)], mean["product_id"])
        assert (table[f"predicted_{modality}"] == best[table.index]).all()


def test_without_fusions_there_is_an_empty_folder(built, tmp_path):
    """DVC wants every output."""
    workspace = built.with_params(tmp_path, lambda params: params.update(fusions={}))
    workspace.run("fuse", output=tmp_path / "predictions", models=tmp_path / "models")
    out = {"output": tmp_path / "values", "metrics": tmp_path / "values.json"}
    workspace.run("explain_fusion", models=tmp_path / "models", **out)
    for name in ("predictions", "models", "values"):
        assert not list((tmp_path / name).iterdir())
    assert list(json.loads((tmp_path / "values.json").read_text())) == ["catalogue"]
