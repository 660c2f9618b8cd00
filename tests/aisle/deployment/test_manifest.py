"""manifest.py and what a predictor makes of it: a package is used whole, unchanged, unmixed, or refused."""

import json
import shutil
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from aisle.deployment import manifest, packaging
from aisle.deployment.predictor import Predictor
from aisle.models import decision_fusion, model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.pipeline.errors import AisleError
from aisle.representations import recipes

TEXTS = np.array([f"{kind}word thing{i % 4}" for i in range(20) for kind in ("ant", "bee")], object)
LABELS = np.array(["ant", "bee"] * 20)
RAW = pd.DataFrame({"title": ["antword", "beeword thing1"]})


def text_model(name, C):
    options = {"fields": ["title"], "form": "clean", "C": C}
    entry = ClassifierParams(title="", classifier="text_linear", input="", options=options)
    fitted = create(entry).estimator().fit(TEXTS, LABELS)
    recipe = recipes.TextRecipe(fields=["title"], form="clean")
    return model_folder.SavedModel(name, name, ["ant", "bee"], [0.5, 0.5], "none", recipe, estimator=fitted)


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    for name, C in (("one", 1.0), ("two", 100.0)):
        model_folder.write(text_model(name, C), folder / name)
    about = ["ant", "bee"], [0.5, 0.5], "none"
    vote = model_folder.SavedModel(
        "both", "Both", *about, members=["one", "two"], estimator=decision_fusion.Vote()
    )
    model_folder.write(vote, folder / "both")
    return folder


@pytest.fixture
def package(models, tmp_path):
    target = tmp_path / "packages" / "champion"
    packaging.assemble("both", models, models / "pretrained", target, "tiny", {}, {})
    assert len(Predictor(target).predict(RAW)) == 2
    return target


def edit(path, **changes):
    facts = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(facts))


def test_every_file_is_in_the_manifest(package):
    listed = json.loads((package / manifest.FILE).read_text())["files"]
    found = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {*listed} == found - {manifest.FILE} and len(listed) > 6
    assert {len(digest) for digest in listed.values()} == {64}


def test_a_change_to_any_file_is_refused(package):
    """A threshold, a category, a weight: what was checked is what is used."""
    for path in sorted(path for path in package.rglob("*") if path.is_file() and path.name != manifest.FILE):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(AisleError):
            Predictor(package)
        path.write_bytes(before)
    Predictor(package)


@pytest.mark.parametrize("name", ["models/one/extra.bin", "README", "models/three/model.json", ".hidden"])
def test_more_files_are_refused(package, name):
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text("x")
    with pytest.raises(AisleError, match=r"it has, unlisted, .*repro champion"):
        Predictor(package)


def test_fewer_files_are_refused(package):
    (package / "models/two/model.json").unlink()
    with pytest.raises(AisleError, match=r"it lacks models/two/model\.json"):
        Predictor(package)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"form": 2, "files": {}}', '{"form": 3, "files": {"a": 1}}']
)
def test_another_manifest_is_told(package, content):
    (package / manifest.FILE).write_text(content)
    with pytest.raises(AisleError, match=r"repro champion"):
        Predictor(package)


def test_a_package_of_an_older_aisle_is_refused_with_the_way_to_a_new_one(package):
    """As 89f9e67 made it: a pickle, no manifest. Nothing of it is loaded."""
    (package / manifest.FILE).unlink()
    facts = json.loads((package / "package.json").read_text())
    for name in ("form", "members"):
        del facts[name]
    (package / "package.json").write_text(json.dumps(facts))
    for path in package.rglob(model_folder.ESTIMATOR):
        path.rename(path.with_name(model_folder.PICKLE)).write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(AisleError, match=r"must be of form 3, not 1\. `dvc repro champion` makes"):
        Predictor(package)
    with pytest.raises(AisleError, match=r"it has estimator\.joblib of an older version, a pickle"):
        model_folder.read(package / "models/one")
    edit(package / "package.json", form=manifest.FORM)
    with pytest.raises(AisleError, match=r"with manifest\.json; it has none"):
        Predictor(package)


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        ("package.json", {"categories": ["bee", "ant"]}, "package's categories in its order"),
        ("models/two/model.json", {"categories": ["bee", "ant"]}, "package's categories in its order"),
        ("models/two/model.json", {"prior": [1.0]}, "package's categories in its order"),
        ("models/both/model.json", {"members": ["one", "three"]}, "it lacks three"),
        ("package.json", {"members": ["both", "one"]}, "must name the models"),
        ("package.json", {"model": "three"}, "must name the models"),
        ("package.json", {"unfitted": ["one"]}, "it says learned nothing"),
        ("package.json", {"libraries": ["numpy"]}, r"libraries: Input should be a valid dictionary"),
        ("package.json", {"shared_pictures": 3}, r"shared_pictures: Input should be a valid list"),
        ("package.json", {"modalities": []}, "modalities must name what the model reads"),
        ("package.json", {"decision": {"temperature": 0}}, r"decision\.temperature: .* greater than 0"),
        ("package.json", {"decision": {"temperature": None}}, r"decision\.temperature: .* valid number"),
        (
            "package.json",
            {"decision": {"temperature": 1, "threshold": "x"}},
            r"decision\.threshold: .* number",
        ),
        ("package.json", {"decision": {"temperature": 1, "by_fields": [1]}}, r"by_fields: .* dictionary"),
        ("models/two/model.json", {"prior": [float("nan")] * 2}, "shares of 'two' must be numbers"),
        ("models/two/model.json", {"prior": ["a", "b"]}, "shares of 'two' must be numbers"),
    ],
)
def test_parts_that_do_not_fit_are_refused_though_the_manifest_lists_them(package, file, changes, told):
    edit(package / file, **changes)
    manifest.write(package)
    with pytest.raises(AisleError, match=told):
        Predictor(package)


def test_a_model_of_other_categories_is_refused(package):
    folder = package / "models/one"
    other = LogisticRegression().fit(np.eye(2), ["ant", "wasp"])
    about = (folder / model_folder.DESCRIPTION).read_bytes()
    read = model_folder.loads(folder, about, None)
    model_folder.write(model_folder.SavedModel(**vars(read) | {"estimator": other}), folder)
    manifest.write(package)
    with pytest.raises(AisleError, match="it also has wasp"):
        Predictor(package)


@pytest.mark.parametrize("library", ["numpy", "scipy"])
def test_another_version_is_a_warning(package, capsys, library):
    facts = json.loads((package / "package.json").read_text())
    edit(package / "package.json", libraries=facts["libraries"] | {library: "0.1"})
    manifest.write(package)
    Predictor(package)
    said = capsys.readouterr().err
    assert f"other versions, and may predict otherwise: here is {library} {version(library)}, not 0.1" in said


def test_another_scikit_learn_is_refused(package, capsys):
    facts = json.loads((package / "package.json").read_text())
    minor = ".".join(version("scikit-learn").split(".")[:2])
    for other, refused in ((f"{minor}.99", False), ("1.2.0", True), ("9.9.9", True)):
        edit(package / "package.json", libraries=facts["libraries"] | {"scikit-learn": other})
        manifest.write(package)
        if refused:
            with pytest.raises(AisleError, match=f"must be used with scikit-learn {other}"):
                Predictor(package)
        else:
            Predictor(package)
            assert f"not {other}" in capsys.readouterr().err


def test_models_swapped_under_an_open_predictor_do_not_mix(package, models, tmp_path):
    opened = Predictor(package)
    before = opened.predict(RAW)
    shutil.rmtree(package)
    packaging.assemble("one", models, models / "pretrained", package, "tiny", {}, {})
    pd.testing.assert_frame_equal(opened.predict(RAW), before)


def test_files_swapped_while_a_package_is_open_are_noticed(package):
    contents = manifest.Contents(package)
    path = package / "models/one/model.json"
    content = path.read_bytes()
    contents.check("models/one/")
    path.write_bytes(content)  # touched, the same
    contents.check("models/one/")
    path.write_bytes(content + b" ")
    contents.check("models/two/")
    for look in (lambda: contents.check("models/one/"), lambda: contents.read("models/one/model.json")):
        with pytest.raises(AisleError, match="replaced while it was in use"):
            look()
    path.unlink()
    with pytest.raises(AisleError, match="replaced while it was in use"):
        contents.check("models/one/")


def test_a_package_takes_its_place_when_it_is_whole(package, models, monkeypatch):
    """A kill or a full disk while it is made leaves the old one, and no half."""
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packaging.manifest, "write", full)
    with pytest.raises(OSError, match="No space"):
        packaging.assemble("one", models, models / "pretrained", package, "tiny", {}, {})
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before
    assert [path.name for path in package.parent.iterdir()] == ["champion"]


def test_a_name_is_a_package_and_never_a_folder_that_happens_to_be_here(
    package, models, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    packaging.assemble("one", models, models / "pretrained", tmp_path / "champion", "tiny", {}, {})
    packaging.assemble("one", models, models / "pretrained", tmp_path / "mine", "tiny", {}, {})
    assert packaging.find("champion", tmp_path / "packages") == package
    assert packaging.read(packaging.find("./champion", tmp_path / "packages")).model == "one"
    assert packaging.find(str(tmp_path / "champion"), tmp_path / "packages") == tmp_path / "champion"
    with pytest.raises(AisleError, match=r"There is a folder mine here: to use it, write \./mine"):
        packaging.find("mine", tmp_path / "packages")


@pytest.mark.parametrize("method", ["log_mean", "vote", "stack"])
def test_a_product_that_has_nothing_gets_the_shares_of_the_categories(models, tmp_path, method):
    rng = np.random.default_rng(0)
    fitted = decision_fusion.create(method, {})
    fitted.fit(rng.dirichlet([1, 1], (30, 2)), rng.random((30, 2)) < 0.8, rng.integers(0, 2, 30))
    about = model_folder.read(models / "both")
    unequal = {"prior": [0.7, 0.3], "estimator": fitted}
    model_folder.write(model_folder.SavedModel(**vars(about) | unequal), models / "both")
    for name in ("one", "two"):
        model = model_folder.read(models / name)
        model_folder.write(model_folder.SavedModel(**vars(model) | {"prior": [0.7, 0.3]}), models / name)
    packaging.assemble("both", models, models / "pretrained", tmp_path / "p", "tiny", {}, {})
    found = Predictor(tmp_path / "p").predict(pd.DataFrame({"title": ["\U0001f600\U0001f381", ""]}))
    np.testing.assert_allclose(found[["p_ant", "p_bee"]], [[0.7, 0.3]] * 2)
    assert found["send_to_person"].all() and not found["used_text"].any()
