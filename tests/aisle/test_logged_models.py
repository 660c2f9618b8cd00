"""aisle/logged_models.py: what a model in MLflow needs."""

from sklearn.linear_model import LogisticRegression

from aisle import logged_models, recipes, saved_models


def test_a_model_that_learned_nothing_needs_what_its_input_needs(tmp_path):
    """As a text encoder's classifier in a catalogue without descriptions: there is no estimator to read."""
    facts = {"title": "T", "categories": ["a", "b"], "prior": [0.5, 0.5], "weights": "none"}
    recipe = recipes.TextRecipe(fields=["title"], form="clean")
    saved_models.write(saved_models.SavedModel("empty", **facts, recipe=recipe), tmp_path / "empty")
    needed = logged_models.requirements(tmp_path)
    assert any(line.startswith("pandas==") for line in needed)
    fitted = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    saved_models.write(
        saved_models.SavedModel("full", **facts, recipe=recipe, estimator=fitted), tmp_path / "full"
    )
    assert {*needed} <= {*logged_models.requirements(tmp_path)}
    assert any(line.startswith("scikit-learn==") for line in logged_models.requirements(tmp_path))
