"""stages/audit_labels.py: wrong labels are ranked first; what is known of them measures the audit."""

import json

import pytest

from aisle.pipeline import tables
from aisle.pretrained import status

WRONG = {"p05": "Clocks", "p30": "Lamps"}
"""Products whose label the tests change, and the right category."""


@pytest.fixture
def mislabelled(built, tmp_path):
    """Return paths of predictions and folds in which the products of WRONG are called Mugs."""
    paths = {}
    for flag, name in (("predictions", "predictions/fusions/late_fusion"), ("folds", "data/folds")):
        table = tables.read(built.root / f"{name}.parquet")
        attrs = dict(table.attrs)
        table.loc[table["product_id"].isin(WRONG), "category"] = "Mugs"
        paths[flag] = tmp_path / f"{flag}.parquet"
        tables.write(table, paths[flag], attrs.pop("catalogue"), **attrs)
    return paths


def audit(workspace, folder, **paths):
    workspace.run("audit_labels", output=folder / "issues.csv", metrics=folder / "audit.json", **paths)
    return tables.read_csv(folder / "issues.csv"), json.loads((folder / "audit.json").read_text())


def known(folder, built, errors):
    return built.with_params(folder, lambda params: params["label_audit"].update(known_errors=errors))


def test_wrong_labels_are_first_and_the_right_category_is_suggested(built, tmp_path, mislabelled):
    issues, metrics = audit(known(tmp_path, built, WRONG), tmp_path, **mislabelled)
    assert list(issues["rank"]) == list(range(1, 61)) and issues["label_quality"].is_monotonic_increasing
    first = issues[:2].set_index("product_id")
    assert first["suggested"].to_dict() == WRONG and (first["category"] == "Mugs").all()
    assert (first["is_issue"]).all() and (first["p_suggested"] > first["p_category"]).all()
    flagged = int(issues["is_issue"].sum())
    assert metrics["issues"] == flagged and metrics["issues_share"] == pytest.approx(flagged / 60, abs=1e-4)
    expected = {"known_errors": 2, "recall": 1, "recall_at_known": 1, "suggestion_accuracy": 1}
    assert {name: metrics[name] for name in expected} == expected
    assert metrics["precision"] == pytest.approx(2 / flagged, abs=1e-4)


def test_an_audit_that_misses_says_so(built, tmp_path):
    """The labels are right: p05 and p30 are not found."""
    issues, metrics = audit(known(tmp_path, built, WRONG | {"p06": "Mugs"}), tmp_path)
    assert metrics["recall"] < 1 and metrics["recall_at_known"] < 1 and metrics["suggestion_accuracy"] < 1
    assert issues.set_index("product_id").loc["p06", "suggested"] != "Mugs"


def test_the_files_of_the_pipeline(built):
    issues = tables.read_csv(built.root / "reports/label_issues.csv")
    products = tables.read(built.root / "data/products.parquet").set_index("product_id")
    group = tables.read(built.root / "data/folds.parquet").set_index("product_id")["group"]
    assert sorted(issues["product_id"]) == sorted(products.index)
    ids = issues["product_id"]
    assert list(issues["title"]) == list(products.loc[ids, "title"])
    assert list(issues["category"]) == list(products.loc[ids, "category"])
    assert list(issues["group"]) == list(group[ids])
    metrics = json.loads((built.root / "metrics/label_audit.json").read_text())
    assert metrics["products"] == 60 and "known_errors" not in metrics  # the sample's are not of this one


def test_known_errors_in_part_of_another_catalogue_are_named(built, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        audit(known(tmp_path, built, WRONG | {"q77": "Mugs"}), tmp_path)
    assert stop.value.code == 2 and "q77" in capsys.readouterr().err


def test_known_errors_are_those_planted_in_the_sample(repo, small_params):
    planted = json.loads((repo / "data/sample/planted.json").read_text(encoding="utf-8"))["wrong_labels"]
    assert small_params["label_audit"]["known_errors"] == planted


@pytest.fixture
def one_unavailable(built, tmp_path):
    """Return predictions for which the model has no input for p03."""
    table = tables.read(built.root / "predictions/fusions/late_fusion.parquet")
    attrs = dict(table.attrs)
    table.loc[table["product_id"] == "p03", "available"] = False
    tables.write(table, tmp_path / "some.parquet", attrs.pop("catalogue"), **attrs)
    return tmp_path / "some.parquet"


def test_a_product_without_input_is_not_audited(built, tmp_path, one_unavailable):
    issues, metrics = audit(built, tmp_path, predictions=one_unavailable)
    assert len(issues) == metrics["products"] == 59 and metrics["without_input"] == 1
    assert "p03" not in set(issues["product_id"])


def test_without_weights_nothing_is_made_up(built, tmp_path):
    table = tables.read(built.root / "predictions/fusions/late_fusion.parquet")
    attrs = dict(table.attrs) | {"weights": status.ABSENT}
    tables.write(table, tmp_path / "none.parquet", attrs.pop("catalogue"), **attrs)
    issues, metrics = audit(built, tmp_path, predictions=tmp_path / "none.parquet")
    assert issues.empty and list(issues.columns)
    assert metrics == {"catalogue": "tiny", "model": "late_fusion", "weights": status.ABSENT}
