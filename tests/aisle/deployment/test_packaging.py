"""packaging.py: a package has what predicting takes and says what it is; the same bytes each time."""

import dataclasses
import json
import shutil

import pandas as pd
import pytest

from aisle.catalogue import tokeniser
from aisle.deployment import packaging
from aisle.deployment.mlflow_store import digest
from aisle.deployment.predictor import Predictor
from aisle.models import model_folder
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations import recipes

TEXT = {"keep_numbers": True, "min_token_length": 2}
IMAGES = {"max_side": 512, "quality": 90, "max_megapixels": 100, "min_contrast": 0.02}
IMAGES |= {"max_missing_share": 0.5, "shared": {"min_share": 0.02, "min_products": 5, "max_in_category": 0.8}}


def facts(name, **changes):
    return model_folder.SavedModel(
        **{"name": name, "title": f"Model {name}", "categories": ["a", "b"], "prior": [0.5, 0.5]}
        | {"weights": "none", "estimator": {"fitted": name}}
        | changes
    )


@pytest.fixture
def folder(tmp_path):
    """Return a models/ folder: a text model, a picture model, one of seeds, a fine-tuned one, fusions."""
    models = tmp_path / "models"
    (models / "pretrained" / "net").mkdir(parents=True)
    (models / "pretrained" / "net" / "model.bin").write_bytes(bytes(1000))
    description.write(
        description.Weights("untrained", "random", model="d" * 64), models / "pretrained" / "net"
    )
    vector = recipes.VectorRecipe(modality="image", encoder="keras_backbone", weights="net", learned=False)
    text = recipes.TextRecipe(fields=["title"], form="clean")
    model_folder.write(facts("words", recipe=text), models / "words")
    model_folder.write(facts("pixels", recipe=vector, weights="untrained"), models / "pixels")
    for seed in (10, 2):
        model_folder.write(facts("words", recipe=text, title=f"{seed}"), models / f"heads/net/head-{seed}")
    own = models / "tuned"
    model_folder.write(facts("tuned", recipe=vector.model_copy(update={"weights": "own"})), own)
    description.write(description.Weights("f" * 64, "package"), own)
    model_folder.write(facts("both", members=["words", "pixels"], weights="untrained"), models / "both")
    model_folder.write(facts("all", members=["both", "tuned", "head"], weights="untrained"), models / "all")
    return models


def assemble(name, models, target, **options):
    return packaging.assemble(name, models, models / "pretrained", target, "tiny", TEXT, IMAGES, **options)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_fusion_brings_its_members_at_any_depth_and_their_weights(folder, tmp_path):
    package = assemble("all", folder, tmp_path / "package")
    found = files(tmp_path / "package")
    names = ("all", "both", "words", "pixels", "tuned", "head")
    assert {f"models/{name}/model.json" for name in names} <= found
    assert {path for path in found if path.startswith("pretrained/")} == {
        "pretrained/net/model.bin",
        "pretrained/net/weights.json",
    }
    assert package.modalities == ["image", "text"] and package.weights == "untrained"
    assert package.pretrained == {"net": "d" * 64}
    assert packaging.read(tmp_path / "package") == package


def test_a_text_model_brings_no_weights(folder, tmp_path):
    assemble("words", folder, tmp_path / "package")
    assert files(tmp_path / "package") == {
        "package.json",
        "manifest.json",
        "models/words/model.json",
        "models/words/estimator.npz",
    }


def test_a_fine_tuned_backbone_lies_in_its_models_folder(folder, tmp_path):
    package = assemble("tuned", folder, tmp_path / "package")
    assert package.pretrained == {}
    assert "models/tuned/weights.json" in files(tmp_path / "package")


def test_a_fine_tuned_model_without_weights_needs_none_from_elsewhere(folder):
    """There is no folder of the name that its recipe has for its own."""
    model = folder / "tuned"
    (model / description.FILE).unlink()
    assert packaging.pretrained_names({"tuned": model}) == []


def test_the_first_seed_is_taken_by_number(folder, tmp_path):
    package = assemble("head", folder, tmp_path / "package")
    assert (package.seed, package.title) == (2, "2")
    assert assemble("head", folder, tmp_path / "package", seed=10).seed == 10
    with pytest.raises(AisleError, match="'head'"):
        assemble("head", folder, tmp_path / "package", seed=3)


def test_the_same_models_give_the_same_bytes(folder, tmp_path):
    assemble("all", folder, tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "left").write_text("of an earlier run")
    assemble("all", folder, tmp_path / "two")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_its_cost_is_the_bytes_of_its_files(folder, tmp_path):
    assemble("both", folder, tmp_path / "package")
    found = [path for path in (tmp_path / "package").rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in found if path.name not in ("package.json", "manifest.json"))
    assert packaging.n_bytes("both", folder, folder / "pretrained") == total > 1000


def test_without_weights(folder, tmp_path):
    package = assemble("both", folder, tmp_path / "package", weightless=True)
    assert not any(path.startswith("pretrained/") for path in files(tmp_path / "package"))
    assert list(package.pretrained) == ["net"]


def test_what_is_no_number_is_written_as_null(folder, tmp_path):
    none = {
        "threshold": float("inf"),
        "threshold_out_of_fold": float("inf"),
        "guaranteed_bound": float("nan"),
    }
    decision = {"temperature": 1.5, "target_error": 0.01} | none
    assemble("words", folder, tmp_path / "package", decision=decision)
    written = json.loads((tmp_path / "package" / "package.json").read_text())
    assert written["decision"] == decision | dict.fromkeys(none)


def test_errors_say_what_is_missing(folder, tmp_path):
    with pytest.raises(AisleError, match="'nothing'"):
        assemble("nothing", folder, tmp_path / "package")
    shutil.rmtree(folder / "words")
    with pytest.raises(AisleError, match="'words'"):
        assemble("both", folder, tmp_path / "package")
    shutil.rmtree(folder / "pretrained" / "net")
    with pytest.raises(AisleError, match=r"pretrained/net must be there"):
        assemble("pixels", folder, tmp_path / "package")
    absent = dataclasses.replace(facts("gone"), weights="not available", estimator=None)
    model_folder.write(absent, folder / "gone")
    with pytest.raises(AisleError, match="available"):
        assemble("gone", folder, tmp_path / "package")


def test_find_by_path_and_by_name(folder, tmp_path):
    assemble("words", folder, tmp_path / "packages" / "champion")
    place = tmp_path / "packages" / "champion"
    assert packaging.find("champion", tmp_path / "packages") == place
    assert packaging.find(str(place), tmp_path / "elsewhere") == place
    with pytest.raises(AisleError, match=r"\(champion\); winner is neither"):
        packaging.find("winner", tmp_path / "packages")


@pytest.mark.parametrize("content", ["{", '{"model": "x", "form": 3}'])
def test_a_broken_description_is_a_clear_error(tmp_path, content):
    (tmp_path / "package.json").write_text(content)
    with pytest.raises(AisleError, match=r"package\.json must be"):
        packaging.read(tmp_path)


def test_a_package_without_tokens_prepares_products_for_one_with_tokens(text_package):
    plain, reads_tokens = Predictor(text_package), Predictor(text_package)
    plain._rules = None  # as of models that read no tokens
    reads_tokens._rules = tokeniser.Rules(
        exceptions={}, prefix="^$", suffix="^$", infix="$^", stop_words=frozenset({"the"})
    )
    products = pd.DataFrame([{"title": "The clocks"}])
    with pytest.raises(AisleError, match=r"tokens\.json"):
        plain.raw(products).texts(["title"], "stems")
    assert plain.raw(products, None, reads_tokens).texts(["title"], "stems") == ["clock"]
    assert reads_tokens.raw(products, None, plain).texts(["title"], "stems") == ["clock"]
