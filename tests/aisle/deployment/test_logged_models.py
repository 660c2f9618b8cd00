"""deployment/logged_models.py: what a model in MLflow needs."""

from sklearn.linear_model import LogisticRegression

from aisle.deployment import logged_models
from aisle.models import model_folder
from aisle.representations import recipes


def test_a_model_that_learned_nothing_needs_what_its_input_needs(tmp_path):
    """As a text encoder's classifier in a catalogue without descriptions: there is no estimator to read."""
    facts = {"title": "T", "categories": ["a", "b"], "prior": [0.5, 0.5], "weights": "none"}
    recipe = recipes.TextRecipe(fields=["title"], form="clean")
    model_folder.write(model_folder.SavedModel("empty", **facts, recipe=recipe), tmp_path / "empty")
    needed = logged_models.requirements(tmp_path)
    assert any(line.startswith("pandas==") for line in needed)
    fitted = LogisticRegression().fit([[0.0], [1.0]], ["a", "b"])
    model_folder.write(
        model_folder.SavedModel("full", **facts, recipe=recipe, estimator=fitted), tmp_path / "full"
    )
    assert {*needed} <= {*logged_models.requirements(tmp_path)}
    assert any(line.startswith("scikit-learn==") for line in logged_models.requirements(tmp_path))
