"""stages/check_leakage.py, stages/compare_folds.py: planted leaks are reported, clean data are not."""

import json

import numpy as np
import pandas as pd
import pytest

from aisle import features, folds, predictions, tables, ungrouped, weights
from stages import compare_folds


def check(workspace, folder, **paths):
    workspace.run("check_leakage", output=folder / "leakage.csv", metrics=folder / "leakage.json", **paths)
    return tables.read_csv(folder / "leakage.csv"), json.loads((folder / "leakage.json").read_text())


def verdicts(metrics):
    return {name for name, value in metrics.items() if name.endswith("suspected") and value}


def test_the_clean_catalogue_is_not_suspected(built):
    metrics = json.loads((built.root / "metrics/leakage.json").read_text())
    assert not verdicts(metrics)
    assert metrics["pairs"] > 0 and metrics["pairs_across_folds"] == 0
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
    rows, metrics = check(
        built,
        tmp_path,
        products=leaking.root / "data/products.parquet",
        texts=leaking.root / "data/text.parquet",
    )
    assert verdicts(metrics) == found | {"suspected"}
    flagged = rows[rows["suspected"].astype(str) == "True"]
    assert set(flagged["check"]) >= {"single_word"} and (flagged["value"] > 0.9).all()


@pytest.mark.parametrize("column", ["cv_0", "cv_1", "split"])
def test_a_duplicate_across_folds_is_reported(built, tmp_path, column):
    table = tables.read(built.root / "data/folds.parquet")
    label, row = table.attrs["catalogue"], table["product_id"] == "p01"  # shares p00's description
    values = sorted(set(table[column]))
    table.loc[row, column] = values[(values.index(table.loc[row, column].iloc[0]) + 1) % len(values)]
    tables.write(table, tmp_path / "folds.parquet", label)
    rows, metrics = check(built, tmp_path, folds=tmp_path / "folds.parquet")
    assert {"suspected", "duplicates_suspected"} <= verdicts(metrics)
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
        rows, metrics = check(built, tmp_path, **{name: tmp_path / f"{name}.parquet"})
        assert metrics["duplicates_suspected"]
        assert float(rows.set_index("item").loc[f"{kind}: cv_0", "value"]) == 1


def test_ungrouped_folds_split_groups_and_keep_the_shares_of_the_categories(built):
    table = tables.read(built.root / "data/folds.parquet")
    table["group"] = np.arange(len(table)) // 2  # pairs
    params = folds.FoldsParams(**built.params["folds"])
    free = ungrouped.ungrouped(table, params)
    columns = predictions.repeats(table)
    assert len(columns) == 2 and list(free["product_id"]) == list(table["product_id"])
    assert all((free.groupby("group")[column].nunique() > 1).any() for column in columns)
    assert all((pd.crosstab(free[column], free["category"]) == 4).all(axis=None) for column in columns)
    assert (free["cv_0"] != free["cv_1"]).any()
    pd.testing.assert_frame_equal(free, ungrouped.ungrouped(table, params))


def test_ungrouped_folds_flatter_a_model_of_duplicates(built):
    """Each product has a twin with the same random vector: only ungrouped folds let it be looked up."""
    from sklearn.neighbors import KNeighborsClassifier

    table = tables.read(built.root / "data/folds.parquet").sort_values("category", ignore_index=True)
    table["group"] = np.arange(len(table)) // 2
    params = folds.FoldsParams(**built.params["folds"])
    table = folds.make(table, table["group"].to_numpy(), params)
    vectors = np.repeat(np.random.default_rng(0).normal(size=(len(table) // 2, 8)), 2, axis=0)
    available, model = np.ones(len(table), bool), KNeighborsClassifier(1)
    grouped = predictions.out_of_fold(model, vectors, available, table, inner=False)
    found = ungrouped.compare(model, vectors, available, table, grouped, params)
    assert len(found) == 10 and list(found["fold"]) == [*range(5)] * 2
    assert found["accuracy_grouped"].mean() < 0.6 < 0.8 < found["accuracy_ungrouped"].mean()


def test_the_grouped_accuracy_is_that_of_the_predictions_file(built):
    found = tables.read_csv(built.root / "reports/ungrouped/text_floor.csv")
    rows = predictions.test_rows(tables.read(built.root / "predictions/text_floor.parquet"))
    rows = rows[(rows["protocol"] == "cv") & (rows["repeat"] == 1) & (rows["fold"] == 2)]
    names = np.array(predictions.categories(rows))
    right = names[predictions.probabilities(rows).argmax(axis=1)] == rows["category"].to_numpy(str)
    where = (found["repeat"] == 1) & (found["fold"] == 2)
    assert found.loc[where, "accuracy_grouped"].item() == pytest.approx(right.mean())
    assert set(found["weights"]) == {weights.NONE}


def test_test_rows_alone_are_the_same_as_with_inner_rows(built):
    """`inner=False` leaves fits out; it changes none."""
    from aisle import classifiers

    params = classifiers.ClassifierParams(**built.params["classifiers"]["descriptors"])
    model = classifiers.create(params)
    inputs = model.read(built.root / params.input)
    table = tables.read(built.root / "data/folds.parquet")
    alone = predictions.out_of_fold(model.estimator(), inputs.X, inputs.available, table, inner=False)
    both = tables.read(built.root / "predictions/descriptors.parquet")
    pd.testing.assert_frame_equal(
        alone, predictions.test_rows(both).reset_index(drop=True), check_dtype=False, atol=1e-9
    )


def test_params_that_do_not_agree_are_a_clear_error(built, tmp_path, capsys):
    def other(params):
        params["leakage"]["models"]["text_floor"]["classifier"] = "feature_linear"

    with pytest.raises(SystemExit) as stop:
        built.with_params(tmp_path, other).run("compare_folds", "text_floor", output=tmp_path / "x.csv")
    assert stop.value.code == 2
    assert "leakage.models.text_floor" in capsys.readouterr().err and not (tmp_path / "x.csv").exists()


def test_a_model_without_weights_is_left_out(built, tmp_path):
    (tmp_path / "ungrouped").mkdir()
    for name in built.params["leakage"]["models"]:
        table = tables.read_csv(built.root / f"reports/ungrouped/{name}.csv")
        tables.write_csv(
            table[: 0 if name == "descriptors" else None], tmp_path / f"ungrouped/{name}.csv", "tiny"
        )
    rows, metrics = check(built, tmp_path, ungrouped=tmp_path / "ungrouped")
    assert "optimism_text_floor" in metrics and "optimism_descriptors" not in metrics
    assert set(rows.loc[rows["check"] == "ungrouped_folds", "item"]) == {"text_floor", "text_specifications"}


def test_features_without_weights_are_not_scored(built, tmp_path):
    data = features.read(built.root / "features/image/descriptors.parquet")
    nothing = np.full((len(data.product_ids), 1), np.nan, np.float32)
    absent = features.Features(data.product_ids, nothing, data.metadata | {"weights": weights.ABSENT})
    features.write(absent, tmp_path / "absent.parquet")
    built.run(
        "compare_folds", "descriptors", input=tmp_path / "absent.parquet", output=tmp_path / "scores.csv"
    )
    table = tables.read_csv(tmp_path / "scores.csv")
    assert table.empty and list(table.columns) == compare_folds.COLUMNS
