"""predict.py and predictor.py: from raw products, what the pipeline has from its own files."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle import predict
from aisle.deployment import manifest, packaging, predictor
from aisle.deployment.predictor import Predictor
from aisle.deployment.stored_products import StoredInputs
from aisle.models import fit_all, model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.pipeline import cli, tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.representations import picture_vectors, recipes, vectors_file
from aisle.representations.concatenation import fuse
from aisle.representations.encoders.registry import EncoderParams

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
    params = EncoderParams(encoder="keras_backbone", weights="net")
    recipe = recipes.VectorRecipe(modality="image", learned=False, **params.of_vectors())
    metadata = {"encoder": "net", "weights": "untrained", "catalogue": "tiny"}
    vectors_file.write_batches(
        picture_vectors.encode_pictures(
            built.root / "data/images.parquet", params, root / "models/pretrained/net"
        ),
        metadata | {"recipe": recipe.model_dump_json()},
        root / "features/image/net.parquet",
    )
    folds = tables.read(built.root / "data/folds.parquet")
    entry = ClassifierParams(title="Net", classifier="feature_svm", input="")
    inputs = create(entry).read(root / "features/image/net.parquet")
    net = fit_all.fit_all(create(entry).estimator(), inputs, folds, "net", "Net")
    model_folder.write(net, root / "models/net")
    fusion = model_folder.read(root / "models/fusions/late_fusion")
    facts = vars(fusion) | {"name": "mixed", "members": ["text_specifications", "descriptors", "net"]}
    model_folder.write(model_folder.SavedModel(**facts | {"weights": "untrained"}), root / "models/mixed")
    text, images = (built.params[section] for section in ("text", "images"))
    decision = {"temperature": 0.8, "threshold": 0.7, "target_error": 0.01, "confidence": 0.95}
    decision |= {"guaranteed_bound": 0.009}
    for name in ("text_baseline", "descriptors", "late_fusion", "stacking", "net", "mixed"):
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
        unneeded = {"spacy", "nltk", "PIL", "openvino", "cv2"} if name == "text_baseline" else set()
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


@pytest.mark.parametrize("name", ["text_baseline", "mixed"])
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


@pytest.fixture(scope="module")
def installed(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an environment in which `pip install .` has run and nothing else.

    Without bytecode, which takes pip as long as all the rest: Python makes it of what is imported.
    """
    folder = tmp_path_factory.mktemp("installed")
    source, environment = folder / "source", folder / "environment"
    shutil.copytree(repo / "aisle", source / "aisle", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(repo / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    probe = [*pip, "download", "--no-deps", "--dest", str(folder / "probe"), f"tqdm=={version('tqdm')}"]
    if not os.environ.get("CI") and subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no package index to install from")
    constraints = [
        "--constraint",
        str(repo / "requirements.txt"),
        "--constraint",
        str(repo / "constraints.txt"),
    ]
    done = subprocess.run(
        [*pip, "install", "--no-compile", *constraints, str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return environment


@pytest.mark.install
def test_the_plain_installation_is_small_and_predicts(installed, place, own, built, repo, tmp_path):
    """`mixed` has every way into a model: stems, descriptors and a network of OpenVINO."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("AISLE_", "PYTHON"))}

    def run(*arguments: str) -> str:
        command = [str(installed / "bin/python"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    packages = json.loads(run("-m", "pip", "--disable-pip-version-check", "list", "--format=json"))
    names = {entry["name"].lower() for entry in packages}
    heavy = {"torch", "tensorflow", "dvc", "spacy", "opencv-python-headless", "pyarrow", "mlflow", "plotly"}
    assert {"aisle", "openvino"} <= names and not {
        *heavy,
        *filter(re.compile("nvidia|cuda").match, names),
    } & names
    out, source = tmp_path / "predictions.csv", built.root / "products.csv"
    files = ["--input", str(source), "--images", str(built.images), "--output", str(out)]
    run("-m", "aisle.predict", "--model", str(place / "packages/mixed"), *files)
    predicted, expected = pd.read_csv(out, keep_default_na=False).set_index("id"), own("mixed")
    expected = expected.loc[predicted.index]
    np.testing.assert_allclose(predicted[columns(predicted)], expected[columns(expected)], atol=1e-5, rtol=0)
    for encoder in ("text.transformer", "text.clip", "image.clip", "image.keras_backbone"):
        run("-c", f"import aisle.representations.encoders.{encoder}")
    picture = next(built.images.glob("*.png"))
    for package in (repo / "packages").glob("*/package.json"):  # where the pipeline has run
        product = ["--title", "Wall clock, quartz", "--image", str(picture), "--json"]
        answer = json.loads(run("-m", "aisle.predict", "--model", str(package.parent), *product))
        assert sum(answer["probabilities"].values()) == pytest.approx(1) and not answer["warning"]
    blocks = {(file.stat().st_ino, file.stat().st_blocks) for file in installed.rglob("*") if file.is_file()}
    megabytes = sum(count for _, count in blocks) * 512 / 1e6
    assert megabytes < 800, f"{megabytes:.0f} MB"


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
    picture = recipes.loads(
        vectors_file.read(place / "features/image/descriptors.parquet").metadata["recipe"]
    )

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
    picture_file = vectors_file.read(place / "features/image/descriptors.parquet")
    made = fuse(vectors_file.Features(ids, vectors, metadata), picture_file, 0.3)
    folds = tables.align(tables.read(built.root / "data/folds.parquet"), ids, "folds", "texts")
    estimator = create(ClassifierParams(title="", classifier="feature_svm", input="")).estimator()
    estimator.fit(made.vectors, folds["category"].to_numpy(str))
    facts = model_folder.read(place / "models/descriptors")
    model = vars(facts) | {"name": "fused", "recipe": recipe, "estimator": estimator}
    model_folder.write(model_folder.SavedModel(**model), place / "models/fused")
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
    assert found["used"] == {"text": True, "image": True}
    lacking = "of a product without specifications nothing is promised"
    assert found["send_to_person"] and found["warning"] == lacking
    run(monkeypatch, "--model", package, "--title", "quartz alarm dial", "--image", picture)
    said = capsys.readouterr()
    assert "Clocks" in said.out and "send to person" in said.out and "UNTRAINED" in said.out
    assert lacking in said.err


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
    assert alone["probabilities"] == found["probabilities"]
    assert alone["warning"] == "of a product without description, specifications, image nothing is promised"


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
        run(monkeypatch, "--model", place / "packages/text_baseline", "--image", built.images / "p00.png")
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
    shutil.copytree(place / "packages/text_baseline", tmp_path / "package")
    path = tmp_path / "package/package.json"
    facts = json.loads(path.read_text())
    for decision in ({}, facts["decision"] | {"threshold": None}):
        path.write_text(json.dumps(facts | {"decision": decision}))
        manifest.write(path.parent)
        found = Predictor(tmp_path / "package").predict(pd.DataFrame({"title": ["quartz alarm dial clock"]}))
        assert found["send_to_person"].all()


def test_batches_change_nothing(place, built, monkeypatch):
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False)
    whole = Predictor(place / "packages/late_fusion").predict(raw, built.images)
    monkeypatch.setattr("aisle.deployment.predictor.BATCH", 7)
    seen = []
    model = Predictor(place / "packages/late_fusion")
    parts = model.predict(raw, built.images, lambda rows: seen.extend(rows) or rows)
    assert seen == list(range(0, 60, 7))
    # a row's last bits depend on its place in a product of matrices, on some processors
    np.testing.assert_allclose(parts[columns(parts)], whole[columns(whole)], atol=1e-6)


def test_other_weights_are_refused(place, tmp_path):
    shutil.copytree(place / "packages/net", tmp_path / "package")
    about = description.read(tmp_path / "package/pretrained/net")
    description.write(
        description.Weights(**vars(about) | {"model": "other"}), tmp_path / "package/pretrained/net"
    )
    manifest.write(tmp_path / "package")
    with pytest.raises(AisleError, match="made with; it is another"):
        Predictor(tmp_path / "package")


def test_given_weights_are_looked_at_not_only_their_description(place, tmp_path):
    """As those that MLflow keeps beside a package: zeroed, they would give other figures without a word."""
    shutil.copytree(place / "models/pretrained/net", tmp_path / "net")
    Predictor(place / "packages/net", {"net": tmp_path / "net"})
    weights = tmp_path / "net/model.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    with pytest.raises(AisleError, match="made with; it is another"):
        Predictor(place / "packages/net", {"net": tmp_path / "net"})


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
    model = [] if "--model" in arguments else ["--model", "text_baseline"]
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
            run(monkeypatch, "--model", "text_baseline", "--input", table, "--output", tmp_path / "out.csv")
        assert why in capsys.readouterr().err and not (tmp_path / "out.csv").exists()
    table.write_text("title\n")
    run(monkeypatch, "--model", "text_baseline", "--input", table, "--json")
    assert json.loads(capsys.readouterr().out) == []


OK = "id,title,description\n007,{0},{1}\nNA,{2},{3}\n"


@pytest.mark.parametrize(
    "written",
    [
        OK,
        OK.replace("\n", ",\n"),
        OK.replace("\nNA", ",\nNA"),
        OK.replace(",", ";"),
        OK.replace("title,description", "Title, DESCRIPTION "),
        '"id","title","description"\r\n"007","{0}","{1}"\r\n"NA","{2}","{3}"\r\n',
    ],
)
def test_tables_as_people_write_them(written, place, built, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    rows = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).head(2)
    texts = [text.replace(",", " ") for row in rows[["title", "description"]].to_numpy() for text in row]
    found = []
    for name, content in (("ok", OK), ("other", written)):
        table, out = tmp_path / f"{name}.csv", tmp_path / f"{name}-out.csv"
        table.write_text(content.format(*texts), encoding="utf-8", newline="")
        run(monkeypatch, "--model", "text_baseline", "--input", table, "--output", out)
        found.append(pd.read_csv(out, dtype=str, keep_default_na=False))
    columns = [name for name in found[0] if name.startswith(("predicted", "p_", "send"))]
    pd.testing.assert_frame_equal(found[0][columns], found[1][columns])
    assert list(found[1]["id"]) == ["007", "NA"] and set(found[1]["used_text"]) == {"True"}


def test_inch_marks_swallow_no_row(place, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(place)
    table, out = tmp_path / "inch.csv", tmp_path / "out.csv"
    table.write_text('id,title,description\n1,"Monitor 27,Screen\n2,Book 10",Notebook\n3,Hose,Green\n')
    run(monkeypatch, "--model", "text_baseline", "--input", table, "--output", out)
    assert list(pd.read_csv(out, dtype=str)["id"]) == ["1", "2", "3"]
    table.write_text('id,title,description\n1,"Monitor 27,Screen\n2,Book 10",Notebook\n3,"Hose, new",Green\n')
    out.unlink()
    with pytest.raises(SystemExit):
        run(monkeypatch, "--model", "text_baseline", "--input", table, "--output", out)
    assert "inch mark" in capsys.readouterr().err and not out.exists()


def test_a_malformed_record_goes_to_a_person_and_moves_no_other(place, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    table, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    table.write_text("id,title,description\n1,mug,red\n2,cup,blue,more\n3,lamp,white\n")
    run(monkeypatch, "--model", "text_baseline", "--input", table, "--output", out)
    rows = pd.read_parquet(out)
    assert list(rows["id"]) == ["1", "2", "3"] and rows["send_to_person"][1]
    assert "4 fields, but the header has 3" in rows["warning"][1] and not rows["used_text"][1]


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
    (tmp_path / "models/descriptors" / model_folder.ESTIMATOR).unlink()
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    found = {}
    for name, images in (
        ("late_fusion", built.images),
        ("descriptors", built.images),
        ("text_baseline", None),
    ):
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
    shutil.copytree(place / "packages/text_baseline", tmp_path / "package")
    (tmp_path / "package/models/text_baseline" / model_folder.ESTIMATOR).unlink()
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    with pytest.raises(AisleError, match=r"it lacks models/text_baseline/estimator\.npz"):
        Predictor(tmp_path / "package").predict(raw, None)


def test_several_pictures_of_a_product_are_averaged_in_any_order(place, built):
    predictor = Predictor(place / "packages/descriptors")
    one, two, three = ((built.images / f"p{i}.png").read_bytes() for i in ("00", "21", "42"))
    lists = [
        [one],
        [one, two, three],
        [three, one, two],
        [two, "gone.png", three, b"broken", one],
        [],
        ["gone.png"],
    ]
    table = pd.DataFrame({"image": [*lists, one]})
    found = predictor.predict(table, built.images)
    values = found.filter(like="p_").to_numpy()
    # up to a row's last bits, which depend on its place in a product of matrices on some processors
    np.testing.assert_allclose(values[[6, 2, 3]], values[[0, 1, 1]], atol=1e-6)
    assert not np.allclose(values[0], values[1], atol=1e-3)
    assert found["used_image"].tolist() == [True] * 4 + [False] * 2 + [True]
    warnings = found["warning"].tolist()
    assert (
        warnings[:3] == [""] * 3
        and "gone.png: file missing" in warnings[3]
        and "; picture: not" in warnings[3]
    )
    names = pd.DataFrame({"image": [["P00.PNG", "https://x.org/a/p21.png?v=1", "images\\p42"]]})
    alone = predictor.predict(names, built.images).filter(like="p_").to_numpy()
    np.testing.assert_allclose(
        alone[0], values[1], atol=1e-6
    )  # a batch of one is multiplied in another order


def test_a_placeholder_counts_as_none(place, built, tmp_path):
    """The package knows the digest of what many products of its catalogue share."""
    package = tmp_path / "package"
    shutil.copytree(place / "packages/descriptors", package)
    images = tables.read(built.root / "data/images.parquet").set_index("product_id")
    description = json.loads((package / "package.json").read_text(encoding="utf-8"))
    description["shared_pictures"] = [images.loc["p00", "sha256"]]
    (package / "package.json").write_text(json.dumps(description), encoding="utf-8")
    manifest.write(package)
    table = pd.DataFrame({"image": ["p00.png", "p01.png", ["p00.png", "p01.png"]]})
    found = Predictor(package).predict(table, built.images)
    assert found["used_image"].tolist() == [False, True, True]
    assert "picture p00.png: many products of the catalogue have it" in found["warning"][0]
    values = found.filter(like="p_").to_numpy()
    np.testing.assert_array_equal(values[1], values[2])
