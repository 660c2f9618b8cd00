"""stages/evaluate.py: scores of every model from its predictions file alone."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from aisle import metrics, tables

MODELS = ("text_floor", "descriptors", "late_fusion")


@pytest.fixture(scope="module")
def found(built):
    return json.loads((built.root / "metrics/models.json").read_text())


@pytest.fixture(scope="module")
def models(built):
    return {name: tables.read(built.root / f"predictions/{name}.parquet") for name in MODELS}


def rows(table, protocol):
    part = table[table["protocol"] == protocol]
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
    assert scores["coverage"] == 1 and scores["accuracy_with_input"] == scores["accuracy"]
    assert ("accuracy_sd" in scores) == (protocol == "cv")


def test_the_floor_has_no_test_against_itself(found):
    assert list(found) == ["catalogue", *MODELS]
    assert not any(key.startswith("cv_gain") or "mcnemar" in key for key in found["text_floor"])


@pytest.mark.parametrize("name", MODELS[1:])
def test_the_paired_tests(found, models, name):
    scores = []
    for table in (models[name], models["text_floor"]):
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
        for table in (models[name], models["text_floor"])
    ]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    expected = stats.binomtest(only[0], sum(only)).pvalue if sum(only) else 1
    assert found[name]["holdout_mcnemar_p"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("protocol", ["cv", "holdout"])
def test_scores_per_class(built, models, protocol):
    table = pd.read_csv(built.root / "reports/evaluation/per_class.csv")
    assert len(table) == 3 * 2 * 3
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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"floor": "flor"}, ["evaluation.floor", "'flor'", "text_floor"]),
        ({"confidence": 95}, ["evaluation.confidence", "95"]),
        ({"n_bootstrap": 3}, ["evaluation.n_bootstrap"]),
    ],
)
def test_wrong_params_are_a_clear_error(built, tmp_path, capsys, change, told):
    workspace = built.with_params(tmp_path, lambda params: params["evaluation"].update(change))
    with pytest.raises(SystemExit) as stop:
        workspace.run("evaluate", metrics=tmp_path / "models.json")
    written = capsys.readouterr().err
    assert stop.value.code == 2 and len(written.splitlines()) == 1
    assert all(part in written for part in told), written


def test_a_missing_predictions_file_is_named(built, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run("evaluate", predictions=tmp_path)
    assert stop.value.code == 2
    assert "text_floor.parquet" in capsys.readouterr().err
