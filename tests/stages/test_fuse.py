"""stages/fuse.py: three predictions files become one of the same rows, and a model to use with theirs."""

import numpy as np
import pandas as pd
import pytest

from aisle import fusion, predictions, saved_models, tables
from aisle.weights import ABSENT
from stages import fuse

FUSIONS = ["late_fusion", "voting", "stacking"]
MEMBERS = ["text_floor", "text_specifications", "descriptors"]
FLAGS = ["first", "second", "third"]


@pytest.fixture(scope="module")
def models(built):
    return {name: tables.read(built.root / f"predictions/{name}.parquet") for name in (*MEMBERS, *FUSIONS)}


def write_as(table, path, like, **attrs):
    """Write a predictions table with the metadata of another."""
    tables.write(table, path, **like.attrs | attrs)


@pytest.mark.parametrize("name", FUSIONS)
def test_the_predictions_file(models, built, name):
    fused, text = models[name], models["text_floor"]
    keys = [*predictions.KEYS, "category", "available"]
    pd.testing.assert_frame_equal(fused[keys], text[keys])
    assert list(fused.columns) == list(text.columns)
    assert fused.attrs == {
        "catalogue": "tiny",
        "weights": "none",
        "modalities": "image+text",
        "title": built.params["fusions"][name]["title"],
    }
    np.testing.assert_allclose(predictions.probabilities(fused).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_it_is_what_the_library_makes_of_the_members(models, built, name):
    params = fuse.FusionParams(**built.params["fusions"][name])
    assert params.models == MEMBERS
    expected = fusion.fuse([models[member] for member in MEMBERS], params.method, params.options)
    np.testing.assert_allclose(
        predictions.probabilities(models[name]), predictions.probabilities(expected), atol=1e-9
    )


@pytest.mark.parametrize("name", FUSIONS)
def test_the_same_bytes_again(built, tmp_path, name):
    built.run("fuse", name, output=tmp_path / "again", model=tmp_path / "model")
    assert (tmp_path / "again").read_bytes() == (built.root / f"predictions/{name}.parquet").read_bytes()
    for file in (saved_models.DESCRIPTION, saved_models.ESTIMATOR):
        assert (tmp_path / "model" / file).read_bytes() == (built.root / "models" / name / file).read_bytes()


@pytest.mark.parametrize("name", FUSIONS)
def test_the_model_is_fitted_on_all_out_of_fold_predictions(models, built, name):
    saved = saved_models.read(built.root / "models" / name)
    assert (saved.name, saved.members, saved.recipe, saved.weights) == (name, MEMBERS, None, "none")
    assert saved.title == built.params["fusions"][name]["title"] and saved.available
    assert saved.categories == ["Clocks", "Lamps", "Mugs"]
    assert saved.prior == pytest.approx([1 / 3] * 3)
    cv = [
        predictions.test_rows(each[each["protocol"] == "cv"]) for each in (models[name] for name in MEMBERS)
    ]
    each, available, y = fusion.stacked(cv)
    assert len(y) == 120  # every product once a repeat
    params = fuse.FusionParams(**built.params["fusions"][name])
    expected = fusion.create(params.method, params.options).fit(each, available, y)
    np.testing.assert_array_equal(saved.estimator.combine(each, available), expected.combine(each, available))


def test_the_shares_are_those_of_the_products(built, models, tmp_path):
    """Not of the rows: the hold-out's test part is no more frequent."""
    folds = tables.read(built.root / "data/folds.parquet").set_index("product_id")
    lamps = folds.index[(folds["category"] == "Lamps") & (folds["split"] == "test")]
    flags = {flag: tmp_path / flag for flag in FLAGS}
    for path, name in zip(flags.values(), MEMBERS, strict=True):
        table = models[name].copy()
        table.loc[table["product_id"].isin(lamps), "category"] = "Mugs"
        write_as(table, path, models[name])
    built.run("fuse", "voting", **flags, output=tmp_path / "out", model=tmp_path / "model")
    saved = saved_models.read(tmp_path / "model")
    assert saved.prior == pytest.approx([20 / 60, 16 / 60, 24 / 60])


def test_the_options_come_from_the_params(built, models, tmp_path):
    workspace = built.with_params(
        tmp_path, lambda params: params["fusions"]["stacking"].update(options={"C": 1e-6})
    )
    workspace.run("fuse", "stacking", output=tmp_path / "fused.parquet", model=tmp_path / "model")
    fused = predictions.probabilities(tables.read(tmp_path / "fused.parquet"))
    assert fused.max() < 0.45 < 0.9 < predictions.probabilities(models["stacking"]).max()  # but the shares


def test_given_weights_of_one_model_are_that_model(built, models, tmp_path):
    workspace = built.with_params(
        tmp_path, lambda params: params["fusions"]["late_fusion"].update(options={"weights": [0, 0, 1]})
    )
    workspace.run("fuse", "late_fusion", output=tmp_path / "fused.parquet", model=tmp_path / "model")
    fused = predictions.probabilities(tables.read(tmp_path / "fused.parquet"))
    np.testing.assert_allclose(fused, predictions.probabilities(models["descriptors"]), rtol=1e-6)


def test_a_member_without_its_weights_leaves_no_model_to_use(built, models, tmp_path):
    write_as(models["descriptors"], tmp_path / "third.parquet", models["descriptors"], weights=ABSENT)
    built.run(
        "fuse",
        "stacking",
        third=tmp_path / "third.parquet",
        output=tmp_path / "fused.parquet",
        model=tmp_path / "model",
    )
    assert tables.read(tmp_path / "fused.parquet").attrs["weights"] == ABSENT
    saved = saved_models.read(tmp_path / "model")
    assert not saved.available and saved.members == MEMBERS


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("stacking", {"options": {"C": 0}}, "C"),
        ("stacking", {"options": {"c": 1}}, "c: "),
        ("late_fusion", {"options": {"weights": [1, 2]}}, "weights must be 3 numbers"),
        ("late_fusion", {"options": {"weights": [1, 2, -1]}}, "weights.2"),
        ("voting", {"options": {"C": 1}}, "C: "),
        ("voting", {"method": "mean"}, "fusions.voting.method"),
        ("voting", {"models": ["text_floor", "descriptors"]}, "fusions.voting.models"),
        ("votes", {}, "fusions.votes"),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, name, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["fusions"].get(name, {}).update(change))
    flags = {
        key: built.root / f"predictions/{model}.parquet" for key, model in zip(FLAGS, MEMBERS, strict=True)
    }
    with pytest.raises(SystemExit) as stop:
        workspace.run("fuse", name, **flags, output=tmp_path / "fused.parquet", model=tmp_path / "model")
    written = capsys.readouterr().err
    assert stop.value.code == 2 and len(written.splitlines()) == 1
    assert told in written, written
    assert not (tmp_path / "fused.parquet").exists() and not (tmp_path / "model").exists()
