"""stages/classify.py: the contracts of predictions and models, from texts and from features."""

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue import text_selection
from aisle.models import fit_all, model_folder, predictions_table
from aisle.models.classifiers import registry as classifiers
from aisle.pipeline import tables
from aisle.pretrained.status import ABSENT
from aisle.representations import recipes, vectors_file


@pytest.mark.parametrize("name", ["text_baseline", "descriptors"])
def test_the_predictions_file(built, name):
    table = tables.read(built.predictions(name))
    folds = tables.read(built.root / "data/folds.parquet").set_index("product_id")
    made_by = classifiers.ClassifierParams(**built.params["classifiers"][name])
    assert classifiers.made_by(built.predictions(name)) == made_by
    assert table.attrs == {
        classifiers.ENTRY: made_by.model_dump_json(),
        "catalogue": "tiny",
        "weights": "none",
        "modalities": "image" if name == "descriptors" else "text",
        "title": built.params["classifiers"][name]["title"],
    }
    assert list(table.columns) == [
        "protocol", "repeat", "fold", "inner_fold", "product_id", "category", "available",
        "p_Clocks", "p_Lamps", "p_Mugs",
    ]  # fmt: skip
    for rows, times in ((predictions_table.test_rows(table), 1), (predictions_table.inner_rows(table), 4)):
        assert rows.groupby(["protocol", "repeat"]).size().to_dict() == {
            ("cv", 0): 60 * times,  # of 5 folds, each product is in the training part of 4
            ("cv", 1): 60 * times,
            ("holdout", 0): 12,
        }
    assert (folds.loc[table["product_id"], "category"].to_numpy() == table["category"]).all()
    holdout = table[table["protocol"] == "holdout"]
    for rows, split in (
        (predictions_table.test_rows(holdout), "test"),
        (predictions_table.inner_rows(holdout), "validation"),
    ):
        assert set(folds.loc[rows["product_id"], "split"]) == {split}
    probabilities = predictions_table.probabilities(table)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    names = np.array(predictions_table.categories(table))
    assert (names[probabilities.argmax(axis=1)] == table["category"]).mean() > 0.55  # 1/3 by chance


@pytest.mark.parametrize("name", ["text_baseline", "descriptors"])
def test_the_same_bytes_again(built, tmp_path, name):
    built.run("classify", name, output=tmp_path / "again", model=tmp_path / "model")
    assert (tmp_path / "again").read_bytes() == (built.predictions(name)).read_bytes()
    for file in (model_folder.DESCRIPTION, model_folder.ESTIMATOR):
        old = built.root / "models" / name / file
        assert (tmp_path / "model" / file).read_bytes() == old.read_bytes(), file


def test_labels_matter_only_where_they_are_learned_from(built, tmp_path):
    """Another label for a product changes no prediction in the fold in which that product is tested."""
    folds = tables.read(built.root / "data/folds.parquet")
    folds.loc[folds["product_id"] == "p10", "category"] = "Mugs"
    tables.write(folds, tmp_path / "folds.parquet", "tiny")
    changed = {"folds": tmp_path / "folds.parquet", "model": tmp_path / "model"}
    built.run("classify", "text_baseline", **changed, output=tmp_path / "new.parquet")
    old, new = (
        table[(table["protocol"] == "cv") & (table["repeat"] == 0)].reset_index(drop=True)
        for table in (
            tables.read(built.root / "predictions/classifiers/text_baseline.parquet"),
            tables.read(tmp_path / "new.parquet"),
        )
    )
    columns = ["p_Clocks", "p_Lamps", "p_Mugs"]
    tested = predictions_table.test_rows(old).set_index("product_id").loc["p10", "fold"]
    same = (old["fold"] == tested) | (old["inner_fold"] == tested)
    assert same.sum() == 60 + 4 * 12  # as test rows, and as inner rows of the other folds
    pd.testing.assert_frame_equal(old.loc[same, columns], new.loc[same, columns])
    assert not np.allclose(old.loc[~same, columns], new.loc[~same, columns], atol=1e-4)


@pytest.mark.parametrize("name", ["text_baseline", "descriptors"])
def test_the_model_is_fitted_on_all_available_products(built, name):
    """It is another than that of any fold: one fitted here on every product gives the same probabilities."""
    saved = model_folder.read(built.root / "models" / name)
    params = classifiers.ClassifierParams(**built.params["classifiers"][name])
    inputs = classifiers.create(params).read(built.root / params.input)
    folds = tables.read(built.root / "data/folds.parquet").set_index("product_id")
    labels = folds.loc[inputs.product_ids, "category"].to_numpy(str)
    expected = classifiers.create(params).estimator().fit(inputs.X, labels)
    np.testing.assert_array_equal(saved.estimator.predict_proba(inputs.X), expected.predict_proba(inputs.X))
    assert (saved.name, saved.title, saved.weights) == (name, params.title, "none")
    assert saved.categories == ["Clocks", "Lamps", "Mugs"] and saved.members == [] and saved.available
    assert saved.prior == pytest.approx([1 / 3] * 3)
    assert saved.recipe == inputs.recipe
    assert saved.params == {"classifiers": params.model_dump(mode="json")}


def test_the_texts_recipe_makes_the_models_input(built):
    recipe = model_folder.read(built.root / "models/text_baseline").recipe
    texts = tables.read(built.root / "data/text.parquet")
    params = classifiers.ClassifierParams(**built.params["classifiers"]["text_baseline"])
    inputs = classifiers.create(params).read(built.root / "data/text.parquet")
    assert list(inputs.X) == text_selection.apart(texts, recipe.fields, recipe.form)


MADE_WITH = {"classifiers": {"title": "Title"}}


class Length:
    """Of an estimator's training part; `fit` records what it is given."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y):
        self.seen.append((X.tolist(), list(y)))
        return self


def small_inputs(X, recipe=None, weights="none"):
    recipe = recipe or recipes.TextRecipe(fields=["title"], form="clean")
    X = np.array(X, object)
    available = np.array([bool(each) for each in X])
    return classifiers.Inputs([f"p{i}" for i in range(len(X))], X, available, "tiny", recipe, weights)


def test_what_has_no_input_is_not_learned_from_but_counts_in_the_shares():
    folds = pd.DataFrame({"product_id": ["p3", "p1", "p0", "p2"], "category": list("baab")})
    Length.seen.clear()
    saved = fit_all.fit_all(Length(), small_inputs(["x", "", "y", "z"]), folds, "name", "Title", MADE_WITH)
    assert Length.seen == [(["x", "y", "z"], ["a", "b", "b"])]
    assert (saved.categories, saved.prior, saved.params) == (["a", "b"], [0.5, 0.5], MADE_WITH)


@pytest.mark.parametrize(("texts", "weights"), [(["", "", "", ""], ABSENT), (["x", "y", "", ""], "none")])
def test_where_nothing_can_be_learned_there_is_no_estimator(tmp_path, texts, weights):
    """No input at all, or of one category only."""
    folds = pd.DataFrame({"product_id": ["p0", "p1", "p2", "p3"], "category": list("aabb")})
    Length.seen.clear()
    saved = fit_all.fit_all(Length(), small_inputs(texts, weights=weights), folds, "name", "Title")
    model_folder.write(saved, tmp_path / "m")
    assert not Length.seen and not saved.available
    assert not (tmp_path / "m" / model_folder.ESTIMATOR).exists()
    assert model_folder.read(tmp_path / "m") == saved


def test_features_of_a_fitted_encoder_are_a_clear_error(built, tmp_path, capsys):
    """TF-IDF has learned its vocabulary from the test folds too."""
    path = built.root / "features/text/tfidf.parquet"
    assert recipes.loads(vectors_file.read(path).metadata["recipe"]).learned
    with pytest.raises(SystemExit) as stop:
        built.run(
            "classify", "descriptors", input=path, output=tmp_path / "out.parquet", model=tmp_path / "model"
        )
    written = capsys.readouterr().err
    assert stop.value.code == 2 and len(written.splitlines()) == 1
    assert "tfidf.parquet must be of an encoder that learns nothing" in written
    assert not (tmp_path / "out.parquet").exists() and not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("item", "change", "told"),
    [
        ("text_baseline", {"classifier": "text_liner"}, "'text_liner'"),
        ("text_baseline", {"options": {"fields": ["brand"], "form": "clean"}}, "brand_clean"),
        ("text_baseline", {"options": {"fields": ["title"], "form": "clean", "min_df": 70}}, "min_df"),
        ("text_baseline", {"options": {"fields": ["title"], "form": "clean", "C": 0}}, "C"),
        ("descriptors", {"options": {"n_components": 0}}, "n_components"),
        ("descriptors", {"options": {"components": 5}}, "components"),
        ("descriptors", {"classifier": "feature_svm", "options": {"C": -1}}, "C"),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, item, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["classifiers"].get(item, {}).update(change))
    with pytest.raises(SystemExit) as stop:
        workspace.run("classify", item, output=tmp_path / "out.parquet", model=tmp_path / "model")
    written = capsys.readouterr().err
    assert stop.value.code == 2
    assert written.startswith("error: ") and len(written.splitlines()) == 1
    assert told in written
    assert not (tmp_path / "out.parquet").exists() and not (tmp_path / "model").exists()


def test_a_classifier_that_the_params_do_not_name_is_a_clear_error(built, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run("classify", "text_baseline", classifier="baseline", output=tmp_path / "out.parquet")
    written = capsys.readouterr().err
    assert stop.value.code == 2 and "classifiers.baseline" in written and len(written.splitlines()) == 1
    assert not (tmp_path / "out.parquet").exists()
