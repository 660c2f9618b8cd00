"""stages/fuse.py: predictions files become one of the same rows, and a model to use with theirs."""

import shutil

import numpy as np
import pandas as pd
import pytest

from aisle.models import decision_fusion, model_folder, predictions_table
from aisle.pipeline import tables
from aisle.pretrained import status

FUSIONS = ["late_fusion", "voting", "stacking"]
MEMBERS = ["text_baseline", "text_specifications", "descriptors"]


@pytest.fixture(scope="module")
def models(built):
    return {name: tables.read(built.predictions(name)) for name in (*MEMBERS, *FUSIONS)}


def write_as(table, path, like, **attrs):
    """Write a predictions table with the metadata of another."""
    tables.write(table, path, **like.attrs | attrs)


@pytest.mark.parametrize("name", FUSIONS)
def test_the_predictions_file(models, built, name):
    fused, text = models[name], models["text_baseline"]
    keys = [*predictions_table.KEYS, "category", "available"]
    pd.testing.assert_frame_equal(fused[keys], text[keys])
    assert list(fused.columns) == list(text.columns)
    assert fused.attrs == {
        "catalogue": "tiny",
        "weights": "none",
        "modalities": "image+text",
        "title": built.params["fusions"][name]["title"],
    }
    np.testing.assert_allclose(predictions_table.probabilities(fused).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_it_is_what_the_library_makes_of_the_members(models, built, name):
    params = decision_fusion.FusionParams(**built.params["fusions"][name])
    assert params.models == MEMBERS
    expected = decision_fusion.fuse([models[member] for member in MEMBERS], params.method, params.options)
    np.testing.assert_allclose(
        predictions_table.probabilities(models[name]), predictions_table.probabilities(expected), atol=1e-9
    )


@pytest.fixture
def run(tmp_path):
    """Return a function that runs the stage and returns the folders of its predictions and models."""

    def run(workspace, **changed):
        made = {"output": tmp_path / "fused", "models": tmp_path / "models"}
        workspace.run("fuse", **made, **changed)
        return made["output"], made["models"]

    return run


def test_the_same_bytes_again(built, run):
    places = dict(zip(("predictions", "models"), run(built), strict=True))
    for kind, place in places.items():
        old = {
            path.relative_to(built.root / kind / "fusions"): path.read_bytes()
            for path in (built.root / kind / "fusions").rglob("*.*")
        }
        assert len(old) == (3 if kind == "predictions" else 6)
        assert {path.relative_to(place): path.read_bytes() for path in place.rglob("*.*")} == old


@pytest.mark.parametrize("name", FUSIONS)
def test_the_model_is_fitted_on_all_out_of_fold_predictions(models, built, name):
    saved = model_folder.read(built.root / "models/fusions" / name)
    assert (saved.name, saved.members, saved.recipe, saved.weights) == (name, MEMBERS, None, "none")
    assert saved.title == built.params["fusions"][name]["title"] and saved.available
    assert saved.categories == ["Clocks", "Lamps", "Mugs"]
    assert saved.prior == pytest.approx([1 / 3] * 3)
    cv = [
        predictions_table.test_rows(each[each["protocol"] == "cv"])
        for each in (models[name] for name in MEMBERS)
    ]
    each, available, y = decision_fusion.stacked(cv)
    assert len(y) == 120  # every product once a repeat
    params = decision_fusion.FusionParams(**built.params["fusions"][name])
    expected = decision_fusion.create(params.method, params.options).fit(each, available, y)
    np.testing.assert_array_equal(saved.estimator.combine(each, available), expected.combine(each, available))
    assert saved.params == {"fusions": params.model_dump(mode="json")}


@pytest.fixture
def folder(built, tmp_path):
    """Return a copy of the classifiers' predictions."""
    return shutil.copytree(built.root / "predictions/classifiers", tmp_path / "classifiers")


def test_the_shares_are_those_of_the_products(built, models, folder, run):
    """Not of the rows: the hold-out's test part is no more frequent."""
    folds = tables.read(built.root / "data/folds.parquet").set_index("product_id")
    lamps = folds.index[(folds["category"] == "Lamps") & (folds["split"] == "test")]
    for name in MEMBERS:
        table = models[name].copy()
        table.loc[table["product_id"].isin(lamps), "category"] = "Mugs"
        write_as(table, folder / f"{name}.parquet", models[name])
    _, made = run(built, predictions=folder)
    assert model_folder.read(made / "voting").prior == pytest.approx([20 / 60, 16 / 60, 24 / 60])


def options(**given):
    """Return an edit of params.yaml that gives fusions these options."""
    return lambda params: [params["fusions"][name].update(options=each) for name, each in given.items()]


def test_the_options_come_from_the_params(built, models, tmp_path, run):
    made, _ = run(built.with_params(tmp_path, options(stacking={"C": 1e-6})))
    fused = predictions_table.probabilities(tables.read(made / "stacking.parquet"))
    assert (
        fused.max() < 0.45 < 0.9 < predictions_table.probabilities(models["stacking"]).max()
    )  # but the shares


def test_given_weights_of_one_model_are_that_model(built, models, tmp_path, run):
    made, _ = run(built.with_params(tmp_path, options(late_fusion={"weights": [0, 0, 1]})))
    fused = predictions_table.probabilities(tables.read(made / "late_fusion.parquet"))
    np.testing.assert_allclose(fused, predictions_table.probabilities(models["descriptors"]), rtol=1e-6)


def test_a_member_without_its_weights_leaves_no_model_to_use(built, models, folder, run):
    write_as(
        models["descriptors"], folder / "descriptors.parquet", models["descriptors"], weights=status.ABSENT
    )
    fused, made = run(built, predictions=folder)
    for name in FUSIONS:
        assert tables.read(fused / f"{name}.parquet").attrs["weights"] == status.ABSENT
        saved = model_folder.read(made / name)
        assert not saved.available and saved.members == MEMBERS


def test_fusions_of_two_and_of_four(built, models, folder, tmp_path, run):
    """Whatever the number; each is what the library makes of those members."""
    write_as(models["voting"], folder / "fourth.parquet", models["voting"])
    wanted = {"pair": MEMBERS[1:], "four": ["fourth", *MEMBERS]}

    def edit(params):
        entries = {name: {"title": name, "method": "stack", "models": each} for name, each in wanted.items()}
        params["fusions"] = entries

    fused, made = run(built.with_params(tmp_path, edit), predictions=folder)
    assert {path.stem for path in fused.iterdir()} == {path.name for path in made.iterdir()} == set(wanted)
    for name, members in wanted.items():
        members = [tables.read(folder / f"{member}.parquet") for member in members]
        expected = decision_fusion.fuse(members, "stack", {})
        found = tables.read(fused / f"{name}.parquet")
        np.testing.assert_allclose(
            predictions_table.probabilities(found), predictions_table.probabilities(expected), atol=1e-9
        )
        assert model_folder.read(made / name).members == wanted[name]


def test_a_member_that_is_no_classifier_is_named(built, folder, tmp_path, capsys, run):
    (folder / "descriptors.parquet").unlink()
    with pytest.raises(SystemExit) as stop:
        run(built, predictions=folder)
    assert stop.value.code == 2 and "descriptors.parquet must be there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("stacking", {"options": {"C": 0}}, "C"),
        ("stacking", {"options": {"c": 1}}, "c: "),
        ("late_fusion", {"options": {"weights": [1, 2]}}, "weights must be 3 numbers"),
        ("late_fusion", {"options": {"weights": [1, 2, -1]}}, "weights.2"),
        ("voting", {"options": {"C": 1}}, "C: "),
        ("voting", {"method": "mean"}, "fusions.voting.method"),
        ("voting", {"models": ["text_baseline"]}, "fusions.voting.models"),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, run, name, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["fusions"][name].update(change))
    with pytest.raises(SystemExit) as stop:
        run(workspace)
    written = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 2 and written.startswith("error: ")
    assert told in written, written
    assert not (tmp_path / f"fused/{name}.parquet").exists() and not (tmp_path / f"models/{name}").exists()
