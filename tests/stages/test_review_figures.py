"""stages/review_figures.py: the rows of three roles' models, in Git."""

import json
import sys
from unittest import mock

import pandas as pd
import pytest

from aisle import cli, tables
from stages import review_figures

ROLES = {"floor": "bow", "champion": "both", "best": "both"}


def test_each_role_has_the_rows_of_its_model():
    table = pd.DataFrame({"coverage": [0.5, 1.0, 0.7, 0.2], "model": ["both", "both", "bow", "other"]})
    found = review_figures.run(table, ROLES)
    assert list(found.columns) == ["role", "model", "coverage"]
    assert found.to_numpy().tolist() == [
        ["floor", "bow", 0.7],
        ["champion", "both", 0.5],
        ["champion", "both", 1.0],
        ["best", "both", 0.5],
        ["best", "both", 1.0],
    ]


@pytest.fixture
def command(tmp_path):
    """Return the stage's command line on small tables."""
    for name in review_figures.TABLES:
        table = pd.DataFrame({"coverage": [0.5, 1.0], "model": ["bow", "both"]})
        tables.write_csv(table, tmp_path / f"evaluation/{name}.csv", "tiny")
    choice = {"catalogue": "tiny", "champion": "both", "best": "both"}
    (tmp_path / "choice.json").write_text(json.dumps(choice))
    evaluation = "{floor: bow, confidence: 0.95, n_bootstrap: 100, seed: 1, target_error: 0.01, n_bins: 5}"
    (tmp_path / "params.yaml").write_text(f"evaluation: {evaluation}\n")
    paths = {"choice": "choice.json", "evaluation": "evaluation", "params": "params.yaml"}
    paths |= {name.replace("_", "-"): f"review/{name}.csv" for name in review_figures.TABLES}
    return [
        "review_figures",
        *(part for name, path in paths.items() for part in (f"--{name}", tmp_path / path)),
    ]


def test_the_stage_writes_three_tables_with_the_catalogues_label(command, tmp_path):
    with mock.patch.object(sys, "argv", [*map(str, command)]):
        cli.run(review_figures.main)
    for name in review_figures.TABLES:
        lines = (tmp_path / f"review/{name}.csv").read_text().splitlines()
        assert lines[0] == "role,model,coverage,catalogue"
        assert lines[1:] == ["floor,bow,0.5,tiny", "champion,both,1,tiny", "best,both,1,tiny"]


def test_a_missing_choice_is_one_clear_error(command, tmp_path, capsys):
    (tmp_path / "choice.json").unlink()
    with mock.patch.object(sys, "argv", [*map(str, command)]), pytest.raises(SystemExit):
        cli.run(review_figures.main)
    assert "choice.json must be there" in capsys.readouterr().err
