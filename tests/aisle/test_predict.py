"""aisle/predict.py and predictor.py: from raw products, what the pipeline has from its own files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle import cli, features, packaging, predict, predictor, recipes, saved_models, tables, weights
from aisle.classifiers import ClassifierParams, create
from aisle.errors import AisleError
from aisle.feature_fusion import fuse
from aisle.predictor import Predictor
from aisle.stored_inputs import StoredInputs
from stages import classify, embed_images

DRIVER = """
import runpy, socket, sys
def refuse(*_, **__):
    raise OSError("the network must not be used")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.argv = ["aisle.predict", *sys.argv[1:]]
try:
    runpy.run_module("aisle.predict", run_name="__main__")
finally:
    here = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "aisle"}
    assert here and all(path.startswith(SITE) for path in here.values()), here
    heavy = {"tensorflow", "keras", "torch", "mlflow", "dvc", "stages", *UNNEEDED} & sys.modules.keys()
    assert not {name for name in heavy if sys.modules[name] is not None}, heavy
"""


@pytest.fixture(scope="module")
def place(built, write_backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return packages of models of text, of pictures, of a backbone, and of fusions of them."""
    root = tmp_path_factory.mktemp("predict")
    shutil.copytree(built.root / "models", root / "models")
    shutil.copytree(built.root / "features", root / "features")
    write_backbone(root / "models/pretrained/net", "untrained")
    params = embed_images.registry.EncoderParams(encoder="keras_backbone", weights="net")
    recipe = recipes.VectorRecipe(modality="image", learned=False, **params.model_dump())
    metadata = {"encoder": "net", "weights": "untrained", "catalogue": "tiny"}
    features.write_batches(
        embed_images.run(built.root / "data/images.parquet", params, root / "models/pretrained/net"),
        metadata | {"recipe": recipe.model_dump_json()},
        root / "features/image/net.parquet",
    )
    folds = tables.read(built.root / "data/folds.parquet")
    entry = ClassifierParams(title="Net", classifier="feature_svm", input="")
    inputs = create(entry).read(root / "features/image/net.parquet")
    saved_models.write(classify.fit(inputs, folds, create(entry), "net", "Net"), root / "models/net")
    fusion = saved_models.read(root / "models/late_fusion")
    facts = vars(fusion) | {"name": "mixed", "members": ["text_specifications", "descriptors", "net"]}
    saved_models.write(saved_models.SavedModel(**facts | {"weights": "untrained"}), root / "models/mixed")
    text, images = (built.params[section] for section in ("text", "images"))
    decision = {"temperature": 0.8, "threshold": 0.7, "target_error": 0.01}
    for name in ("text_floor", "descriptors", "late_fusion", "stacking", "net", "mixed"):
        packaging.assemble(
            name,
            root / "models",
            root / "models/pretrained",
            root / "packages" / name,
            "tiny",
            text,
            images,
            decision,
        )
    return root


@pytest.fixture(scope="module")
def own(built, place: Path):
    """Return a function: a model's probabilities from the pipeline's files, by product."""

    def stored(name: str) -> pd.DataFrame:
        data = built.root / "data"
        inputs = StoredInputs(data / "text.parquet", data / "images.parquet", place / "features")
        return Predictor(place / "packages" / name).decide(inputs).set_axis(inputs.product_ids)

    return stored


@pytest.fixture
def alone(place: Path, tmp_path: Path, repo: Path):
    """Return a function that runs predict where only the package, the package's code and no network are."""
    site = tmp_path / "site"
    shutil.copytree(repo / "aisle", site / "aisle", ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        unneeded = {"spacy", "nltk", "PIL", "openvino", "cv2"} if name == "text_floor" else set()
        (site / "driver.py").write_text(f"SITE, UNNEEDED = {str(site)!r}, {unneeded!r}\n{DRIVER}")
        package = tmp_path / "package"
        if not package.exists():
            shutil.copytree(place / "packages" / name, package)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AISLE_")}
        environment |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
        command = [sys.executable, str(site / "driver.py"), "--model", str(package), *arguments]
        return subprocess.run(
            command, cwd=elsewhere, env=environment, text=True, capture_output=True, check=False
        )

    return run


def columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table if name.startswith("p_")]


@pytest.mark.parametrize("name", ["text_floor", "mixed"])
def test_raw_products_elsewhere_give_the_pipelines_probabilities(name, alone, own, built, tmp_path):
    out = tmp_path / "out" / "predictions.csv"
    source = built.root / "products.csv"
    done = alone(name, "--input", str(source), "--images", str(built.images), "--output", str(out))
    assert done.returncode == 0, done.stderr
    predicted, expected = pd.read_csv(out, keep_default_na=False).set_index("id"), own(name)
    expected = expected.loc[predicted.index]
    np.testing.assert_allclose(predicted[columns(predicted)], expected[columns(expected)], atol=1e-5, rtol=0)
    assert len(predicted) == 60 and predicted[columns(predicted)].to_numpy().std() > 0.1
    assert list(predicted["predicted_category"]) == list(expected["predicted_category"])
    assert list(predicted["send_to_person"]) == list(expected["send_to_person"])
    assert list(predicted["brand"])[:2] == ["brand0", "brand1"]  # the input's columns are kept


@pytest.mark.parametrize("name", ["descriptors", "late_fusion", "stacking", "net"])
def test_every_kind_of_model(name, place, own, built):
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    predicted, expected = Predictor(place / "packages" / name).predict(raw, built.images), own(name)
    expected = expected.loc[raw.index]
    np.testing.assert_allclose(predicted[columns(predicted)], expected[columns(expected)], atol=1e-5, rtol=0)


def test_fused_features(place, own, built, monkeypatch):
    """A model on text and picture vectors side by side."""
    table = tables.read(built.root / "data/text.parquet")
    ids = list(table["product_id"])
    text = recipes.VectorRecipe(
        modality="text", encoder="lengths", weights="none", fields=["title"], form="clean", learned=False
    )
    picture = recipes.loads(features.read(place / "features/image/descriptors.parquet").metadata["recipe"])

    class Lengths:
        def get_feature_names_out(self):
            return ["words", "letters"]

        def transform(self, X):
            return np.array([[len(item.split()), len(item)] for item in X], np.float32)

    create_one = predictor.encoder
    monkeypatch.setattr(
        predictor,
        "encoder",
        lambda recipe, folder: Lengths() if recipe.encoder == "lengths" else create_one(recipe, folder),
    )
    vectors = Lengths().transform(list(table["title_clean"]))
    metadata = {
        "encoder": "lengths",
        "weights": "none",
        "catalogue": "tiny",
        "recipe": text.model_dump_json(),
    }
    recipe = recipes.FusedRecipe(text=text, picture=picture, picture_weight=0.3)
    picture_file = features.read(place / "features/image/descriptors.parquet")
    made = fuse(features.Features(ids, vectors, metadata), picture_file, 0.3)
    folds = tables.align(tables.read(built.root / "data/folds.parquet"), ids, "folds", "texts")
    estimator = create(ClassifierParams(title="", classifier="feature_svm", input="")).estimator()
    estimator.fit(made.vectors, folds["category"].to_numpy(str))
    facts = saved_models.read(place / "models/descriptors")
    model = vars(facts) | {"name": "fused", "recipe": recipe, "estimator": estimator}
    saved_models.write(saved_models.SavedModel(**model), place / "models/fused")
    packaging.assemble(
        "fused",
        place / "models",
        place / "models/pretrained",
        place / "packages/fused",
        "tiny",
        built.params["text"],
        built.params["images"],
    )
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id").loc[ids]
    predicted = Predictor(place / "packages/fused").predict(raw, built.images)
    np.testing.assert_allclose(
        predicted[columns(predicted)], estimator.predict_proba(made.vectors), atol=1e-5
    )
    half = Predictor(place / "packages/fused").predict(raw.assign(image=""), built.images)
    assert half["used_text"].all() and not half["used_image"].any()


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["aisle.predict", *map(str, arguments)])
    cli.run(predict.main)


def test_one_product(place, built, monkeypatch, capsys):
    package = place / "packages/mixed"
    picture = built.images / "p00.png"
    run(monkeypatch, "--model", package, "--title", "quartz alarm dial", "--image", picture, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["category"] == "Clocks" == found["top3"][0]["category"]
    assert [entry["category"] for entry in found["top3"]] == sorted(
        found["probabilities"], key=lambda name: -found["probabilities"][name]
    )
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["send_to_person"] == (found["probability"] < 0.7)
    assert found["used"] == {"text": True, "image": True} and found["warning"] == ""
    run(monkeypatch, "--model", package, "--title", "quartz alarm dial", "--image", picture)
    said = capsys.readouterr()
    assert "Clocks" in said.out and "send to person" in said.out and "UNTRAINED" in said.out and not said.err


@pytest.mark.parametrize(
    ("content", "why"), [(None, "file missing"), (b"no picture", "not a picture"), (b"half", "damaged")]
)
def test_a_picture_that_cannot_be_read_costs_a_warning(
    place, built, tmp_path, monkeypatch, capsys, content, why
):
    picture = tmp_path / "x.png"
    if content:
        whole = (built.images / "p00.png").read_bytes()
        picture.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    arguments = ["--model", place / "packages/late_fusion", "--title", "quartz alarm dial", "--json"]
    run(monkeypatch, *arguments, "--image", picture)
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert why in said.err and why in found["warning"] and str(picture) in said.err
    assert found["used"] == {"text": True, "image": False}
    run(monkeypatch, *arguments)
    alone = json.loads(capsys.readouterr().out)
    assert alone["probabilities"] == found["probabilities"] and alone["warning"] == ""


def test_a_model_of_pictures_says_so(place, monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, "--model", place / "packages/descriptors", "--title", "alarm")
    assert stop.value.code == 2 and "reads the picture only" in capsys.readouterr().err
    run(monkeypatch, "--model", place / "packages/descriptors", "--image", tmp_path / "no.png", "--json")
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["send_to_person"] and found["used"] == {"text": False, "image": False}
    assert "reads the picture only" in found["warning"] and "shares" in said.err
    assert list(found["probabilities"].values()) == pytest.approx([1 / 3] * 3)


def test_a_model_of_text_says_so(place, built, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--model", place / "packages/text_floor", "--image", built.images / "p00.png")
    assert "reads text only" in capsys.readouterr().err


def test_a_picture_outside_of_the_folder_is_not_read(place, built, monkeypatch, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copyfile(built.images / "p00.png", tmp_path / "p00.png")
    raw = pd.DataFrame({"title": ["alarm"], "image": ["../p00.png"]})
    found = Predictor(place / "packages/late_fusion").predict(raw, tmp_path / "in")
    assert not found["used_image"].any() and "file missing" in found["warning"][0]


def test_bytes_of_a_picture(place, built):
    predictor = Predictor(place / "packages/descriptors")
    path = built.images / "p03.png"
    found = predictor.predict(pd.DataFrame({"image": [path.read_bytes(), str(path), None]}))
    np.testing.assert_array_equal(found.loc[0, columns(found)], found.loc[1, columns(found)])
    assert list(found["used_image"]) == [True, True, False]


def test_without_a_decision_everything_goes_to_a_person(place, tmp_path):
    shutil.copytree(place / "packages/text_floor", tmp_path / "package")
    path = tmp_path / "package/package.json"
    facts = json.loads(path.read_text())
    for decision in ({}, facts["decision"] | {"threshold": None}):
        path.write_text(json.dumps(facts | {"decision": decision}))
        found = Predictor(tmp_path / "package").predict(pd.DataFrame({"title": ["quartz alarm dial clock"]}))
        assert found["send_to_person"].all()


def test_batches_change_nothing(place, built, monkeypatch):
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False)
    whole = Predictor(place / "packages/late_fusion").predict(raw, built.images)
    monkeypatch.setattr("aisle.predictor.BATCH", 7)
    seen = []
    model = Predictor(place / "packages/late_fusion")
    parts = model.predict(raw, built.images, lambda rows: seen.extend(rows) or rows)
    assert seen == list(range(0, 60, 7))
    np.testing.assert_allclose(parts[columns(parts)], whole[columns(whole)], atol=1e-12)


def test_other_weights_are_refused(place, tmp_path):
    shutil.copytree(place / "packages/net", tmp_path / "package")
    about = weights.read(tmp_path / "package/pretrained/net")
    weights.write(weights.Weights(**vars(about) | {"model": "other"}), tmp_path / "package/pretrained/net")
    with pytest.raises(AisleError, match="made with; it is another"):
        Predictor(tmp_path / "package")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "either one product"),
        (["--title", "x", "--input", "y.csv"], "either one product"),
        (["--input", "y.csv"], "--output"),
        (["--title", "x", "--output", "y.csv"], "--input"),
        (["--title", " "], "must not all be empty"),
        (["--title", "x", "--model", "nothing"], "nothing is neither"),
        (["--input", "none.csv", "--json"], "no such file"),
    ],
)
def test_wrong_command_lines(arguments, why, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    model = [] if "--model" in arguments else ["--model", "text_floor"]
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, *model, *arguments)
    assert stop.value.code == 2 and why in capsys.readouterr().err


def test_wrong_tables(place, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(place)
    table = tmp_path / "in.csv"
    for text, why in (
        ("name\nx\n", "some of the columns title"),
        ("title,probability,p_Mugs\nx,1,2\n", "p_Mugs"),
    ):
        table.write_text(text)
        with pytest.raises(SystemExit):
            run(monkeypatch, "--model", "text_floor", "--input", table, "--output", tmp_path / "out.csv")
        assert why in capsys.readouterr().err and not (tmp_path / "out.csv").exists()
    table.write_text("title\n")
    run(monkeypatch, "--model", "text_floor", "--input", table, "--json")
    assert json.loads(capsys.readouterr().out) == []


def test_help_says_what_to_do(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, "--help")
    said = capsys.readouterr().out
    assert stop.value.code == 0
    for word in (
        "--model champion --title",
        "--input products.csv --output",
        "--json",
        "send it to a person",
    ):
        assert word in said


def test_a_member_that_has_learned_nothing_is_left_out(place, built, tmp_path):
    """As a picture model of a catalogue without pictures: a new product's picture tells it nothing."""
    shutil.copytree(place / "models", tmp_path / "models")
    (tmp_path / "models/descriptors" / saved_models.ESTIMATOR).unlink()
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    found = {}
    for name, images in (("late_fusion", built.images), ("descriptors", built.images), ("text_floor", None)):
        folders = tmp_path / "models", tmp_path / "models/pretrained", tmp_path / name
        sections = (built.params[section] for section in ("text", "images"))
        packaging.assemble(name, *folders, "tiny", *sections, {"temperature": 1.0, "threshold": 0.1})
        found[name] = Predictor(tmp_path / name).predict(raw, images)
    whole = Predictor(place / "packages/late_fusion").predict(raw, None)
    fused, picture = found["late_fusion"], found["descriptors"]
    assert fused["used_text"].all() and not fused["used_image"].any()
    assert list(fused["predicted_category"]) == list(whole["predicted_category"])  # as without pictures
    np.testing.assert_allclose(picture[columns(picture)], 1 / 3)
    assert picture["send_to_person"].all() and not picture["used_image"].any()


def test_an_estimator_that_was_lost_is_an_error(place, built, tmp_path):
    shutil.copytree(place / "packages/text_floor", tmp_path / "package")
    (tmp_path / "package/models/text_floor" / saved_models.ESTIMATOR).unlink()
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    with pytest.raises(AisleError, match=r"text_floor must have estimator\.joblib"):
        Predictor(tmp_path / "package").predict(raw, None)
