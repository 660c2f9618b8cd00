"""stages/evaluate.py: scores, tables and decisions of every model from its predictions alone."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from statsmodels.stats.multitest import multipletests

from aisle.evaluation import calibration, metrics, model_scores
from aisle.evaluation.score_tables import evaluate
from aisle.models import predictions_table
from aisle.pipeline import tables

MODELS = (
    *("text_baseline", "text_specifications", "descriptors"),
    *("late_fusion", "voting", "stacking"),
)
SINGLE = MODELS[:3]
TABLES = (
    *("models", "per_class", "folds", "confusion", "reliability", "risk_coverage", "decisions", "review"),
    *("by_category", "tree", "siblings"),
)


@pytest.fixture(scope="module")
def models(built):
    return {name: tables.read(built.predictions(name)) for name in MODELS}


@pytest.fixture(scope="module")
def found(built, models):
    """Return the scores with all digits."""
    folds = tables.read(built.root / "data/folds.parquet")
    products = tables.read(built.root / "data/products.parquet")
    params = metrics.EvaluationParams(**built.params["evaluation"])
    return evaluate({name: {-1: table} for name, table in models.items()}, folds, products, {}, params).scores


def test_the_metrics_file_has_the_scores_rounded(built, found):
    """To digits that any processor reproduces: four decimals, four significant digits of a p value."""
    written = json.loads((built.root / "metrics/models.json").read_text())
    assert list(written) == ["catalogue", *MODELS] and written["catalogue"] == "tiny"
    for name in MODELS:
        assert list(written[name]) == list(found[name])
        for key, value in written[name].items():
            if value is None or isinstance(value, str):
                assert value == found[name][key] or np.isnan(found[name][key])
            else:
                assert value == pytest.approx(found[name][key], abs=5.01e-5), key
                assert float(f"{value:.4g}" if "p" in key.split("_") else f"{value:.4f}") == value


def rows(table, protocol):
    part = predictions_table.test_rows(table)
    part = part[part["protocol"] == protocol]
    return part, part["category"].to_numpy(str), metrics.predicted(part)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("protocol", ["cv", "holdout"])
def test_scores_are_those_of_scikit_learn(found, models, name, protocol):
    _, true, said = rows(models[name], protocol)
    scores = {
        key.removeprefix(f"{protocol}_"): value
        for key, value in found[name].items()
        if key.startswith(protocol)
    }
    assert scores["accuracy"] == scores["micro_f1"] == pytest.approx(accuracy_score(true, said), abs=1e-6)
    assert scores["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"), abs=1e-6)
    assert scores["weighted_f1"] == pytest.approx(f1_score(true, said, average="weighted"), abs=1e-6)
    for score in ("accuracy", "macro_f1", "micro_f1", "weighted_f1"):
        assert scores[f"{score}_low"] <= scores[score] <= scores[f"{score}_high"]
    assert scores["input_share"] == 1 and scores["accuracy_with_input"] == scores["accuracy"]
    assert ("accuracy_sd" in scores) == (protocol == "cv")


def test_the_baseline_has_no_test_against_itself(found):
    assert list(found) == [*MODELS]
    assert not any(key.startswith("cv_gain") or "mcnemar" in key for key in found["text_baseline"])


def test_every_model_but_the_best_single_is_tested_against_it(found):
    best = max(SINGLE, key=lambda name: found[name]["cv_accuracy"])
    tested = [name for name in MODELS if "cv_over_single" in found[name]]
    assert tested == [name for name in MODELS if name != best]
    for name in tested:
        expected = found[name]["cv_accuracy"] - found[best]["cv_accuracy"]
        assert found[name]["cv_over_single"] == pytest.approx(expected, abs=2e-6)  # folds of equal size


@pytest.mark.parametrize("key", ["cv_gain", "cv_over_single"])
def test_p_is_corrected_for_the_number_of_models(found, key):
    compared = [found[name] for name in MODELS if key in found[name]]
    assert len(compared) == len(MODELS) - 1
    expected = multipletests([each[f"{key}_p"] for each in compared], method="holm")[1]
    np.testing.assert_allclose([each[f"{key}_p_holm"] for each in compared], expected, atol=5e-6)


def test_metrics_are_flat_scalars(found):
    for name in MODELS:
        assert not [key for key, value in found[name].items() if isinstance(value, dict | list)]
        assert all(f"cv_{key}" in found[name] and f"holdout_{key}" in found[name] for key in SCORES)
        assert found[name]["weights"] == "none"


SCORES = [
    *("top3", "nll", "nll_calibrated", "ece", "ece_calibrated", "temperature", "accuracy_level_1"),
    *("recall_level_2", "coverage_at_target_error", "error_at_coverage"),
]


def test_models_without_seeds_have_no_seed_scores(built):
    assert json.loads((built.root / "metrics/seeds.json").read_text()) == {"catalogue": "tiny"}


@pytest.mark.parametrize("name", MODELS[1:])
def test_the_paired_tests(found, models, name):
    scores = []
    for table in (models[name], models["text_baseline"]):
        part, true, said = rows(table, "cv")
        scores.append(pd.Series(true == said, part.index).groupby([part["repeat"], part["fold"]]).mean())
    difference = scores[0] - scores[1]
    assert len(difference) == 10
    error = np.sqrt((1 / 10 + 1 / 4) * difference.var())
    assert found[name]["cv_gain"] == pytest.approx(difference.mean(), abs=1e-6)
    expected = 2 * stats.t.sf(abs(difference.mean() / error), 9) if error else 1
    assert found[name]["cv_gain_p"] == pytest.approx(expected, abs=1e-6)
    half = stats.t.ppf(0.975, 9) * error
    assert found[name]["cv_gain_high"] - found[name]["cv_gain_low"] == pytest.approx(2 * half, abs=2e-6)
    right = [
        rows(table, "holdout")[1] == rows(table, "holdout")[2]
        for table in (models[name], models["text_baseline"])
    ]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    expected = stats.binomtest(only[0], sum(only)).pvalue if sum(only) else 1
    assert found[name]["holdout_mcnemar_p"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("protocol", ["cv", "holdout"])
def test_scores_per_class(built, models, protocol):
    table = pd.read_csv(built.root / "reports/evaluation/per_class.csv")
    assert len(table) == len(MODELS) * 2 * 3
    for name in MODELS:
        _, true, said = rows(models[name], protocol)
        part = table[(table["model"] == name) & (table["protocol"] == protocol)]
        expected = precision_recall_fscore_support(true, said, zero_division=0)
        assert list(part["category"]) == ["Clocks", "Lamps", "Mugs"]
        for column, values in zip(("precision", "recall", "f1"), expected, strict=False):
            np.testing.assert_allclose(part[column], values, atol=1e-9, err_msg=column)
        assert part["support"].tolist() == [20 if protocol == "cv" else 4] * 3
        assert ((part["f1_low"] <= part["f1"]) & (part["f1"] <= part["f1_high"])).all()


def test_fold_scores_and_confusion(built, models):
    by_fold = pd.read_csv(built.root / "reports/evaluation/folds.csv")
    assert by_fold.groupby("model").size().to_dict() == dict.fromkeys(MODELS, 10)
    assert by_fold["n"].eq(12).all()
    confusion = pd.read_csv(built.root / "reports/evaluation/confusion.csv")
    for name in MODELS:
        part = confusion[confusion["model"] == name]
        assert part["products"].sum() == 60  # each product once: the mean over the repeats
        _, true, said = rows(models[name], "cv")
        right = part.loc[part["actual"] == part["predicted"], "products"].sum()
        assert right == pytest.approx((true == said).sum() / 2)


def read(built, name):
    return tables.read_csv(built.root / f"reports/evaluation/{name}.csv")


def test_the_folder_holds_these_tables_and_each_names_the_catalogue(built):
    paths = sorted((built.root / "reports/evaluation").iterdir())
    assert [path.name for path in paths] == sorted([*(f"{name}.csv" for name in TABLES), "products.parquet"])
    for path in paths:
        if path.suffix == ".parquet":
            assert tables.read(path).attrs["catalogue"] == "tiny"
            continue
        table = pd.read_csv(path)
        assert list(table)[-1] == "catalogue" and set(table["catalogue"]) <= {"tiny"}


def test_the_table_of_models(built):
    table = read(built, "models").set_index("model")
    assert list(table.index) == list(MODELS)
    params = built.params["classifiers"] | built.params["fusions"]
    assert table["title"].to_dict() == {name: params[name]["title"] for name in MODELS}
    assert table["modalities"].to_dict() == dict.fromkeys(MODELS, "image+text") | {
        "text_baseline": "text",
        "text_specifications": "text",
        "descriptors": "image",
    }
    assert set(table["weights"]) == {"none"} and set(table["seeds"]) == {1}


def prepared(models, name, built):
    """Return a model as the library prepares it."""
    params = metrics.EvaluationParams(**built.params["evaluation"])
    group = tables.read(built.root / "data/folds.parquet").set_index("product_id")["group"]
    return model_scores.prepare("", ["text"], "none", {-1: models[name]}, group, params)


def test_reliability_adds_up_to_the_calibration_error(built, found):
    table = read(built, "reliability")
    assert set(table["model"]) == set(MODELS)
    for (name, state), part in table.groupby(["model", "probabilities"]):
        assert part["share"].sum() == pytest.approx(1)
        error = (part["share"] * (part["confidence"] - part["accuracy"]).abs()).sum()
        key = {"raw": "cv_ece", "calibrated": "cv_ece_calibrated"}[state]
        assert error == pytest.approx(found[name][key], abs=1e-5), (name, state)


def test_the_risk_coverage_curve_ends_at_the_error_of_all(built, found):
    table = read(built, "risk_coverage")
    for name in MODELS:
        part = table[table["model"] == name]
        assert part["coverage"].is_monotonic_increasing and part["coverage"].iloc[-1] == 1
        assert part["error"].iloc[-1] == pytest.approx(1 - found[name]["cv_accuracy"], abs=1e-6)


def test_decisions_for_new_products(built, models, found):
    table = read(built, "decisions").set_index("model").astype(float, errors="ignore")
    assert list(table.index) == list(MODELS)
    assert set(table["target_error"].astype(float)) == {built.params["evaluation"]["target_error"]}
    for name in MODELS:
        row = table.loc[name]
        part, _, _ = rows(models[name], "cv")
        values = predictions_table.probabilities(part)
        temperature = calibration.fit_temperature(values, calibration.true_index(part))
        assert float(row["temperature"]) == pytest.approx(temperature)
        assert float(row["coverage"]) == pytest.approx(found[name]["cv_coverage_at_target_error"], abs=1e-6)
        assert float(row["error"]) == pytest.approx(found[name]["cv_error_at_coverage"], abs=1e-6)
        assert float(row["threshold"]) == np.inf and float(row["needed"]) == 299  # of 60 products at most
        assert int(row["calibrated_on"]) < 60 and np.isnan(float(row["guaranteed_bound"]))


@pytest.mark.parametrize("name", ["text_baseline", "late_fusion"])
def test_what_each_model_says_of_each_product(built, models, name):
    table = tables.read(built.root / "reports/evaluation/products.parquet")
    assert table.groupby("model", observed=True).size().to_dict() == dict.fromkeys(MODELS, 60)
    mine = table[table["model"] == name].set_index("product_id")
    cv = prepared(models, name, built).decided.query("protocol == 'cv'")
    names = predictions_table.categories(cv)
    mean = cv.groupby("product_id")[[f"p_{each}" for each in names]].mean()
    ranked = np.sort(mean.to_numpy(), axis=1)[:, ::-1]
    assert list(mine.index) == list(mean.index)
    for place, column in enumerate(("predicted", "second", "third")):
        probability = mine[f"{column}_probability"].to_numpy()
        np.testing.assert_allclose(probability, ranked[:, place], atol=1e-4)
        said = [mean.loc[key, f"p_{category}"] for key, category in mine[column].items()]
        np.testing.assert_allclose(said, ranked[:, place], atol=1e-9)
    _, true, predicted = rows(models[name], "cv")
    ids = rows(models[name], "cv")[0]["product_id"].to_numpy()
    right = pd.Series(true == predicted).groupby(ids).mean()
    assert mine["right_share"].to_dict() == right.to_dict()
    assert mine["outcomes"].map(lambda text: text.count("1") / 2).to_dict() == right.to_dict()
    assert dict(zip(ids, true, strict=True)) == mine["category"].to_dict()


def test_the_review_list_is_the_best_models(built, models, found):
    table = read(built, "review")
    best = max(MODELS, key=lambda name: found[name]["cv_accuracy"])
    assert set(table["model"]) <= {best}
    titles = tables.read(built.root / "data/products.parquet").set_index("product_id")["title"]
    assert (titles[table["product_id"]].to_numpy() == table["title"]).all()
    decided = prepared(models, best, built).decided
    automatic = decided[decided["protocol"] == "cv"].groupby("product_id")["automatic"].mean()
    assert set(table["product_id"]) == set(automatic.index[automatic < 0.5])


@pytest.mark.parametrize("damage", ["missing", "left over"])
def test_the_folder_must_hold_what_the_params_name(built, tmp_path, capsys, damage):
    shutil.copytree(built.root / "predictions", tmp_path / "predictions")
    path = tmp_path / "predictions/fusions/voting.parquet"
    path.unlink() if damage == "missing" else shutil.copy(path, path.with_name("voted.parquet"))
    with pytest.raises(SystemExit) as stop:
        built.run(
            "evaluate", predictions=tmp_path / "predictions", metrics=tmp_path / "m", tables=tmp_path / "t"
        )
    assert stop.value.code == 2
    assert ("voting" if damage == "missing" else "voted") + ".parquet" in capsys.readouterr().err


def test_the_same_bytes_again(built, tmp_path):
    built.run("evaluate", metrics=tmp_path / "m", seed_metrics=tmp_path / "s", tables=tmp_path / "evaluation")
    assert (tmp_path / "m").read_bytes() == (built.root / "metrics/models.json").read_bytes()
    for name in TABLES:
        old = built.root / f"reports/evaluation/{name}.csv"
        assert (tmp_path / f"evaluation/{name}.csv").read_bytes() == old.read_bytes(), name
    again = (tmp_path / "evaluation/products.parquet").read_bytes()
    assert again == (built.root / "reports/evaluation/products.parquet").read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"baseline": "flor"}, ["evaluation.baseline", "'flor'", "text_baseline"]),
        ({"confidence": 95}, ["evaluation.confidence", "95"]),
        ({"n_bootstrap": 3}, ["evaluation.n_bootstrap"]),
        ({"target_error": 0}, ["evaluation.target_error"]),
        ({"target_error": 1.5}, ["evaluation.target_error", "1.5"]),
        ({"n_bins": 1}, ["evaluation.n_bins"]),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["evaluation"].update(change))
    with pytest.raises(SystemExit) as stop:
        workspace.run("evaluate", metrics=tmp_path / "models.json", tables=tmp_path / "tables")
    written = capsys.readouterr().err
    assert stop.value.code == 2 and len(written.splitlines()) == 1
    assert all(part in written for part in told), written


def test_a_missing_predictions_file_is_named(built, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run("evaluate", predictions=tmp_path)
    assert stop.value.code == 2
    assert "text_baseline.parquet" in capsys.readouterr().err
