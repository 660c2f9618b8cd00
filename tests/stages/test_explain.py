"""stages/explain_text.py, stages/explain_fusion.py: their files, keys, and what has no weights."""

import json

import numpy as np
import pandas as pd
import pytest

from aisle import predictions, saved_models, tables, weights
from aisle.repeats import mean_over_repeats


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
    mean = mean_over_repeats(tables.read(built.root / "predictions/text_floor.parquet"))
    names = np.array(predictions.categories(mean))
    best = pd.Series(names[predictions.probabilities(mean).argmax(axis=1)], mean["product_id"])
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
    for name in built.params["fusions"]:
        table = tables.read(built.root / f"reports/shap_fusion/{name}.parquet")
        metrics = json.loads((built.root / f"metrics/explain_fusion/{name}.json").read_text())
        assert len(table) == metrics["n"] == 60 and table["product_id"].is_monotonic_increasing
        np.testing.assert_allclose(table[["base", "phi_text", "phi_image"]].sum(axis=1), table["value"])
        assert metrics["phi_image"] == pytest.approx(table["phi_image"].abs().mean(), abs=1e-6)
        right = (table["predicted"] == table["category"]).mean()
        assert right > 0.8  # of tables joined wrongly it would be a third


def test_a_fusion_without_weights_has_no_values(built, tmp_path):
    model = saved_models.read(built.root / "models/late_fusion")
    absent = saved_models.SavedModel(
        model.name, model.title, model.categories, model.prior, weights.ABSENT, members=model.members
    )
    saved_models.write(absent, tmp_path / "model")
    built.run(
        "explain_fusion",
        "late_fusion",
        model=tmp_path / "model",
        output=tmp_path / "values.parquet",
        metrics=tmp_path / "values.json",
    )
    assert tables.read(tmp_path / "values.parquet").empty
    assert json.loads((tmp_path / "values.json").read_text()) == {
        "catalogue": "tiny",
        "weights": weights.ABSENT,
    }
