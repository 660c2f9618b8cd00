"""Catalogues that lack something: every stage gives results, or the run ends in one clear error."""

import csv
import json

import numpy as np
import pytest

from aisle.models import model_folder, predictions_table
from aisle.models.fine_tuning import base as tuners
from aisle.models.hold_out_tuning import fine_tune
from aisle.pipeline import tables
from aisle.pretrained.sources import WeightsParams
from aisle.representations import vectors_file


@pytest.fixture(scope="module")
def make_workspace(make_workspace):
    """Return the same with 3 folds instead of 5, and as many inside them: less than half of the fits."""

    def make(*arguments, n_splits=3):
        workspace = make_workspace(*arguments)
        workspace.params["folds"]["n_splits"] = n_splits
        workspace.write_params(workspace.params)
        return workspace

    return make


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


def all_digits(rows):
    """Ids such as 007, names such as 1e5, categories such as 0202: none of them is a figure."""
    categories = sorted({row["category_path"].split(" >> ")[0] for row in rows})
    for i, row in enumerate(rows):
        number = categories.index(row["category_path"].split(" >> ")[0])
        row.update(id=f"{i:03}", title=f"{i}e{number}", category_path=f"0{number}02 >> 00{number}")


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
    workspace.write_params(workspace.params)


def no_picture_there(workspace):
    for path in workspace.images.iterdir():
        path.unlink()
    workspace.params["images"]["max_missing_share"] = 1
    workspace.write_params(workspace.params)


def no_folder(workspace):
    no_picture_there(workspace)
    workspace.images.rmdir()


PICTURELESS = {
    "empty folder": no_picture_there,
    "no folder": no_folder,
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
    vectors = vectors_file.read(workspace.root / "features/image/descriptors.parquet")
    assert vectors.vectors.shape == (60, 194) and not vectors.available.any()
    cluster = read(workspace, "cluster/descriptors.json")
    assert cluster["n"] == 0 and cluster["ari"] is None
    assert len(tables.read(workspace.root / "reports/clusters/descriptors/points.parquet")) == 0
    guess = tables.read(workspace.root / "predictions/classifiers/descriptors.parquet")
    assert not guess["available"].any()
    np.testing.assert_allclose(predictions_table.probabilities(guess), 1 / 3, atol=0.05)
    models = read(workspace, "models.json")
    assert models["descriptors"]["cv_input_share"] == models["descriptors"]["holdout_input_share"] == 0
    assert models["descriptors"]["cv_accuracy_with_input"] is None


def test_without_pictures_the_fusion_is_that_of_the_texts(pictureless):
    """The weighted mean with the weights that the two models of texts have among themselves."""
    workspace = pictureless
    first, second, fused = (
        tables.read(workspace.predictions(name))
        for name in ("text_baseline", "text_specifications", "late_fusion")
    )
    logs = [np.log(predictions_table.probabilities(table)) for table in (first, second, fused)]
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
        weights="mobilenet_v2",
        options={"side": 64, "unfreeze": "none"},
        training={
            **{"units": [], "dropout": 0, "head_epochs": 1, "head_learning_rate": 0.1},
            **{"patience": 1, "batch_size": 8, "seed": 0},
        },
    )
    pictures = tables.read(pictureless.root / "data/images.parquet", ["product_id", "picture"])
    folds = tables.read(pictureless.root / "data/folds.parquet")
    pretrained = WeightsParams(**params["weights"]["mobilenet_v2"] | {"source": "random"})
    table, history = fine_tune(pictures, folds, "tuned", entry, pretrained, tmp_path)
    assert not table["available"].any() and history.empty
    np.testing.assert_allclose(predictions_table.probabilities(table), 1 / 3, atol=0.05)
    assert not model_folder.read(tmp_path).available


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
    assert 0 <= models["text_baseline"]["cv_accuracy"] <= 1 and models["text_baseline"]["cv_input_share"] == 1


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
        (told,) = [line for line in written.splitlines() if not line.startswith("warning: ")]
        assert told.startswith("error: "), written
    else:
        assert "text_baseline" in read(workspace, "models.json")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "edit", [all_rows(title="x y z", description=""), no_words_shared], ids=["letters", "unique"]
)
def test_the_baseline_alone_survives_hopeless_texts(make_workspace, edit, capsys):
    """Where embed_text ends in a clear error, classify does not depend on it."""
    workspace = make_workspace(edit)
    try:
        for name in ("ingest", "prepare_images", "preprocess_text", "make_folds"):
            workspace.run(name)
        workspace.run("classify", "text_baseline")
    except SystemExit as stop:
        written = capsys.readouterr().err
        (told,) = [line for line in written.splitlines() if not line.startswith("warning: ")]
        assert stop.code == 2 and told.startswith("error: "), written
    else:
        table = tables.read(workspace.root / "predictions/classifiers/text_baseline.parquet")
        np.testing.assert_allclose(predictions_table.probabilities(table).sum(axis=1), 1, atol=1e-5)


def test_few_pictures_and_the_repositorys_own_components(make_workspace, repo):
    """More principal components asked for than there are pictures, or products, to learn from."""

    def edit(rows):
        for i, row in enumerate(rows):
            row["image"] = row["image"] if i % 4 == 0 else ""

    workspace = make_workspace(edit)
    workspace.params["classifiers"]["descriptors"]["options"]["n_components"] = 75
    workspace.write_params(workspace.params)
    workspace.run_models()
    models = read(workspace, "models.json")
    assert models["descriptors"]["cv_input_share"] == 0.25
    assert models["stacking"]["products_without_picture"] == 45
    assert models["descriptors"]["cv_accuracy_with_input"] > 0.5


def test_ids_names_and_categories_of_digits_are_text(make_workspace):
    workspace = make_workspace(n_splits=5)  # with fewer products to learn from it is less accurate
    with (workspace.root / "products.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    all_digits(rows)
    workspace.write_table(rows)
    workspace.run_all()
    products = tables.read(workspace.root / "data/products.parquet")
    assert list(products["product_id"]) == [f"{i:03}" for i in range(60)]
    assert set(products["category"]) == {"0002", "0102", "0202"}
    assert read(workspace, "models.json")["text_baseline"]["cv_accuracy"] > 0.8
    pairs = tables.read_csv(workspace.root / "data/near_duplicates.csv")
    assert {*pairs["product_id_left"]} <= {*products["product_id"]}
    for path in sorted((workspace.root / "reports").rglob("*.csv")):
        for name, column in tables.read_csv(path).items():
            if name in tables.TEXT_COLUMNS:
                assert column.map(type).eq(str).all(), f"{path.name}: {name}"
