"""Catalogues that lack something: every stage gives results, or the run ends in one clear error."""

import json
import shutil

import numpy as np
import pytest

from aisle import features, predictions, saved_models, tables, tuners
from aisle.weights import WeightsParams
from stages import fine_tune


def all_rows(**values):
    def edit(rows):
        for row in rows:
            row.update(values)

    return edit


def no_words_shared(rows):
    for i, row in enumerate(rows):
        row.update(
            title="".join(chr(97 + i * 7 % 26) + chr(97 + i // 26 + j) for j in range(5)) + str(i),
            description="",
        )


def one_category(rows):
    for i, row in enumerate(rows):
        row["category_path"] = f"Clocks >> leaf{i}"


def read(workspace, name):
    return json.loads((workspace.root / "metrics" / name).read_text())


def break_pictures(workspace):
    for i, path in enumerate(sorted(workspace.images.iterdir())):
        path.write_bytes([b"", b"text", path.read_bytes()[: len(path.read_bytes()) // 2]][i % 3])


def no_image_column(workspace):
    del workspace.params["catalogue"]["columns"]["image"]
    workspace.set(workspace.params)


PICTURELESS = {
    "empty folder": lambda workspace: [path.unlink() for path in workspace.images.iterdir()],
    "no folder": lambda workspace: shutil.rmtree(workspace.images),
    "all broken": break_pictures,
    "no column": no_image_column,
}


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("empty folder", {"file_missing": 60}),
        ("no folder", {"file_missing": 60}),
        ("all broken", {"not_a_picture_in_a_known_format": 40, "damaged": 20}),
        ("no column", {"no_picture_named": 60}),
    ],
)
def test_why_there_is_no_picture(make_workspace, kind, reasons):
    workspace = make_workspace()
    PICTURELESS[kind](workspace)
    workspace.run_data()
    counts = read(workspace, "images.json")
    assert counts["readable"] == 0
    assert reasons.items() <= counts.items()
    assert read(workspace, "ingest.json")["without_picture"] == (0 if kind == "all broken" else 60)
    assert read(workspace, "folds.json")["picture_pairs"] == 0


@pytest.fixture(scope="module")
def pictureless(make_workspace):
    """Return a catalogue whose pictures are all broken; to the other kinds models are the same."""
    workspace = make_workspace()
    break_pictures(workspace)
    return workspace.run_all()


def test_without_pictures_descriptors_are_the_training_shares(pictureless):
    workspace = pictureless
    vectors = features.read(workspace.root / "features/image/descriptors.parquet")
    assert vectors.vectors.shape == (60, 194) and not vectors.available.any()
    cluster = read(workspace, "cluster/descriptors.json")
    assert cluster["n"] == 0 and cluster["ari"] is None
    assert len(tables.read(workspace.root / "reports/clusters/descriptors.parquet")) == 0
    guess = tables.read(workspace.root / "predictions/descriptors.parquet")
    assert not guess["available"].any()
    np.testing.assert_allclose(predictions.probabilities(guess), 1 / 3, atol=0.05)
    models = read(workspace, "models.json")
    assert models["descriptors"]["cv_input_share"] == models["descriptors"]["holdout_input_share"] == 0
    assert models["descriptors"]["cv_accuracy_with_input"] is None


def test_without_pictures_the_fusion_is_that_of_the_texts(pictureless):
    """The weighted mean with the weights that the two models of texts have among themselves."""
    workspace = pictureless
    first, second, fused = (
        tables.read(workspace.root / f"predictions/{name}.parquet")
        for name in ("text_floor", "text_specifications", "late_fusion")
    )
    logs = [np.log(predictions.probabilities(table)) for table in (first, second, fused)]
    one, two, both = (each - each.mean(axis=1, keepdims=True) for each in logs)
    for _, rows in fused.groupby(["protocol", "repeat", "fold", "inner_fold"]).indices.items():
        weights, residual, *_ = np.linalg.lstsq(
            np.stack([one[rows].ravel(), two[rows].ravel()], axis=1), both[rows].ravel()
        )
        assert weights.sum() == pytest.approx(1, abs=1e-3) and (weights > -1e-6).all()
        assert residual.sum() < 1e-6
    models = read(workspace, "models.json")
    assert models["late_fusion"]["cv_input_share"] == 1
    assert models["late_fusion"]["products_without_picture"] == 60
    assert models["late_fusion"]["cv_accuracy_without_picture"] == models["late_fusion"]["cv_accuracy"]
    assert "products_without_text" not in models["late_fusion"]


def test_without_pictures_nothing_is_tuned(pictureless, tmp_path):
    """A stage that ended in an error here would take the whole run with it."""
    params = pictureless.params
    entry = tuners.FineTuneParams(
        title="t",
        encoder="keras_backbone",
        weights="vgg16",
        options={"side": 64, "unfreeze": "none"},
        training={
            **{"units": [], "dropout": 0, "head_epochs": 1, "head_learning_rate": 0.1},
            **{"patience": 1, "batch_size": 8, "seed": 0},
        },
    )
    pictures = tables.read(pictureless.root / "data/images.parquet", ["product_id", "picture"])
    folds = tables.read(pictureless.root / "data/folds.parquet")
    pretrained = WeightsParams(**params["weights"]["vgg16"])
    assert pretrained.source == "random"
    table, history = fine_tune.run(pictures, folds, "tuned", entry, pretrained, tmp_path)
    assert not table["available"].any() and history.empty
    np.testing.assert_allclose(predictions.probabilities(table), 1 / 3, atol=0.05)
    assert not saved_models.read(tmp_path).available


def test_without_pictures_the_report_is_written(pictureless):
    workspace = pictureless
    workspace.run("report")
    assert "<html" in (workspace.root / "reports/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "edit",
    [
        all_rows(description=""),
        all_rows(title="one title"),
        all_rows(title="a & b"),
        all_rows(specifications=""),
        all_rows(specifications="{broken", brand="", price=""),
    ],
    ids=["no description", "one title", "title of stop words", "no specifications", "broken specifications"],
)
def test_poor_texts_give_results(make_workspace, edit):
    workspace = make_workspace(edit).run_models()
    models = read(workspace, "models.json")
    names = (*workspace.params["classifiers"], *workspace.params["fusions"])
    assert set(models) == {"catalogue", *names}
    assert 0 <= models["text_floor"]["cv_accuracy"] <= 1 and models["text_floor"]["cv_input_share"] == 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "edit",
    [
        all_rows(title="one title", description="", specifications=""),
        all_rows(title="one title", description="one description"),
        all_rows(title="!!!", description="", specifications=""),
        no_words_shared,
        one_category,
        all_rows(title="x y z", description=""),
    ],
    ids=["one text", "one description", "no word", "no word shared", "one category", "single letters"],
)
def test_hopeless_texts_give_results_or_one_clear_error(make_workspace, edit, capsys):
    workspace = make_workspace(edit)
    try:
        workspace.run_all()
    except SystemExit as stop:
        written = capsys.readouterr().err
        assert stop.code == 2
        assert written.startswith("error: ") and len(written.splitlines()) == 1, written
    else:
        assert "text_floor" in read(workspace, "models.json")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "edit", [all_rows(title="x y z", description=""), no_words_shared], ids=["letters", "unique"]
)
def test_the_floor_alone_survives_hopeless_texts(make_workspace, edit, capsys):
    """Where embed_text ends in a clear error, classify does not depend on it."""
    workspace = make_workspace(edit)
    try:
        for name in ("ingest", "prepare_images", "preprocess_text", "make_folds"):
            workspace.run(name)
        workspace.run("classify", "text_floor")
    except SystemExit as stop:
        written = capsys.readouterr().err
        assert stop.code == 2 and written.startswith("error: ") and len(written.splitlines()) == 1, written
    else:
        table = tables.read(workspace.root / "predictions/text_floor.parquet")
        np.testing.assert_allclose(predictions.probabilities(table).sum(axis=1), 1, atol=1e-5)


def test_few_pictures_and_the_repositorys_own_components(make_workspace, repo):
    """More principal components asked for than there are pictures, or products, to learn from."""

    def edit(rows):
        for i, row in enumerate(rows):
            row["image"] = row["image"] if i % 4 == 0 else ""

    workspace = make_workspace(edit)
    workspace.params["classifiers"]["descriptors"]["options"]["n_components"] = 75
    workspace.set(workspace.params)
    workspace.run_models()
    models = read(workspace, "models.json")
    assert models["descriptors"]["cv_input_share"] == 0.25
    assert models["stacking"]["products_without_picture"] == 45
    assert models["descriptors"]["cv_accuracy_with_input"] > 0.5
