"""stages/check_leakage.py, stages/compare_folds.py: planted leaks are reported, clean data are not."""

import json

import numpy as np
import pytest

from aisle.evaluation import metrics
from aisle.models import predictions_table
from aisle.pipeline import tables
from aisle.pretrained import status
from aisle.representations import vectors_file


def check(workspace, folder, **paths):
    workspace.run("check_leakage", output=folder / "leakage.csv", metrics=folder / "leakage.json", **paths)
    return tables.read_csv(folder / "leakage.csv"), json.loads((folder / "leakage.json").read_text())


def verdicts(figures):
    return {name for name, value in figures.items() if name.endswith("suspected") and value}


def test_the_clean_catalogue_is_not_suspected(built):
    figures = json.loads((built.root / "metrics/leakage.json").read_text())
    assert not verdicts(figures)
    assert figures["pairs"] > 0 and figures["pairs_across_folds"] == 0
    rows = tables.read_csv(built.root / "reports/leakage.csv")
    checks = ["duplicates_across_folds", "category_name", "category_path", "single_word", "ungrouped_folds"]
    assert list(rows["check"].unique()) == checks


def say_the_category(rows):
    for row in rows:
        row["description"] += f" Sold under {row['category_path'].split(' >> ')[0]}!"


def say_the_path(rows):
    for row in rows:
        row["specifications"] += f"; Path: {row['category_path']}"


def say_a_code(rows):
    for row in rows:
        row["title"] += f" zz{row['category_path'][0]}zz"


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (say_the_category, {"name_suspected", "word_suspected"}),
        (say_the_path, {"name_suspected", "path_suspected", "word_suspected"}),
        (say_a_code, {"word_suspected"}),
    ],
)
def test_a_category_in_the_text_is_reported(built, make_workspace, tmp_path, edit, found):
    leaking = make_workspace(edit)
    for stage in ("ingest", "preprocess_text"):
        leaking.run(stage)
    rows, figures = check(
        built,
        tmp_path,
        products=leaking.root / "data/products.parquet",
        texts=leaking.root / "data/text.parquet",
    )
    assert verdicts(figures) == found | {"suspected"}
    flagged = rows[rows["suspected"].astype(str) == "True"]
    assert set(flagged["check"]) >= {"single_word"} and (flagged["value"] > 0.9).all()


@pytest.mark.parametrize("column", ["cv_0", "cv_1", "split"])
def test_a_duplicate_across_folds_is_reported(built, tmp_path, column):
    table = tables.read(built.root / "data/folds.parquet")
    label, row = table.attrs["catalogue"], table["product_id"] == "p01"  # shares p00's description
    values = sorted(set(table[column]))
    table.loc[row, column] = values[(values.index(table.loc[row, column].iloc[0]) + 1) % len(values)]
    tables.write(table, tmp_path / "folds.parquet", label)
    rows, figures = check(built, tmp_path, folds=tmp_path / "folds.parquet")
    assert {"suspected", "duplicates_suspected"} <= verdicts(figures)
    flagged = rows[(rows["check"] == "duplicates_across_folds") & (rows["suspected"].astype(str) == "True")]
    assert f"near-duplicate text: {column}" in set(flagged["item"])
    assert f"identical picture: {column}" not in set(flagged["item"])


def test_an_identical_picture_or_description_is_found_though_no_pair_names_it(built, tmp_path):
    """The pairs of make_folds are not trusted: what is identical is looked up again."""
    ids = tables.read(built.root / "data/folds.parquet").set_index("product_id")["cv_0"]
    other = next(product for product in ids.index if ids[product] != ids["p05"])
    pictures = tables.read(built.root / "data/images.parquet")
    texts = tables.read(built.root / "data/text.parquet")
    for table, column, name in (
        (pictures, "sha256", "pictures"),
        (texts, "description_clean", "texts"),
    ):
        label, by_id = table.attrs["catalogue"], table.set_index("product_id")[column]
        table.loc[table["product_id"] == other, column] = by_id["p05"]
        tables.write(table, tmp_path / f"{name}.parquet", label)
    for name, kind in (("pictures", "identical picture"), ("texts", "identical description")):
        rows, figures = check(built, tmp_path, **{name: tmp_path / f"{name}.parquet"})
        assert figures["duplicates_suspected"]
        assert float(rows.set_index("item").loc[f"{kind}: cv_0", "value"]) == 1


@pytest.fixture(scope="module")
def ungrouped(built):
    return tables.read_csv(built.root / "reports/ungrouped.csv")


def test_the_grouped_accuracy_is_that_of_the_predictions_file(built, ungrouped):
    found = ungrouped[ungrouped["model"] == "text_baseline"]
    rows = predictions_table.test_rows(
        tables.read(built.root / "predictions/classifiers/text_baseline.parquet")
    )
    rows = rows[(rows["protocol"] == "cv") & (rows["repeat"] == 1) & (rows["fold"] == 2)]
    where = (found["repeat"] == 1) & (found["fold"] == 2)
    expected = pytest.approx(metrics.right(rows).mean())
    assert found.loc[where, "accuracy_grouped"].item() == expected
    assert set(found["weights"]) == {status.NONE}


@pytest.mark.parametrize("name", ["nobody", "clip_zero_shot"])
def test_a_model_that_is_no_classifier_is_a_clear_error(built, tmp_path, capsys, name):
    def other(params):
        params["leakage"]["models"] = [name]

    zero_shot = tables.read(built.root / "predictions/classifiers/text_baseline.parquet")
    tables.write(zero_shot, tmp_path / "clip_zero_shot.parquet", "tiny", weights=status.NONE)  # beside them
    with pytest.raises(SystemExit) as stop:
        built.with_params(tmp_path, other).run(
            "compare_folds", predictions=tmp_path, output=tmp_path / "x.csv"
        )
    assert stop.value.code == 2
    assert name in capsys.readouterr().err and not (tmp_path / "x.csv").exists()


def test_a_model_without_weights_is_left_out(built, tmp_path, ungrouped):
    tables.write_csv(ungrouped[ungrouped["model"] != "descriptors"], tmp_path / "ungrouped.csv", "tiny")
    rows, figures = check(built, tmp_path, ungrouped=tmp_path / "ungrouped.csv")
    assert "optimism_text_baseline" in figures and "optimism_descriptors" not in figures
    assert set(rows.loc[rows["check"] == "ungrouped_folds", "item"]) == {
        "text_baseline",
        "text_specifications",
    }


def test_features_without_weights_are_not_scored(built, tmp_path, ungrouped):
    data = vectors_file.read(built.root / "features/image/descriptors.parquet")
    nothing = np.full((len(data.product_ids), 1), np.nan, np.float32)
    absent = vectors_file.Features(data.product_ids, nothing, data.metadata | {"weights": status.ABSENT})
    (tmp_path / "features/image").mkdir(parents=True)
    vectors_file.write(absent, tmp_path / "features/image/descriptors.parquet")
    built.run("compare_folds", features=tmp_path / "features", output=tmp_path / "scores.csv")
    table = tables.read_csv(tmp_path / "scores.csv")
    assert list(table.columns) == list(ungrouped)
    assert set(table["model"]) == set(ungrouped["model"]) - {"descriptors"}
