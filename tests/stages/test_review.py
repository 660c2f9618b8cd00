"""stages/review.py: the rows of three roles' models, and what the champion's package is made of, in Git."""

import json
import sys
from unittest import mock

import pandas as pd
import pytest

from aisle import cli, tables
from stages import review

VECTOR = {"kind": "vector", "encoder": "e", "weights": "minilm", "learned": False}
FUSED = {
    "kind": "fused",
    "text": VECTOR | {"modality": "text", "fields": ["description"]},
    "picture": VECTOR | {"modality": "image"},
    "picture_weight": 0.5,
}
ROLES = {"floor": "bow", "champion": "both", "best": "both"}


def test_each_role_has_the_rows_of_its_model():
    table = pd.DataFrame({"coverage": [0.5, 1.0, 0.7, 0.2], "model": ["both", "both", "bow", "other"]})
    found = review.run(table, ROLES)
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
    for name in review.TABLES:
        table = pd.DataFrame({"coverage": [0.5, 1.0], "model": ["bow", "both"]})
        tables.write_csv(table, tmp_path / f"evaluation/{name}.csv", "tiny")
    choice = {"catalogue": "tiny", "champion": "both", "best": "both"}
    (tmp_path / "choice.json").write_text(json.dumps(choice))
    evaluation = "{floor: bow, confidence: 0.95, n_bootstrap: 100, seed: 1, target_error: 0.01, n_bins: 5}"
    (tmp_path / "params.yaml").write_text(f"evaluation: {evaluation}\n")
    files = {
        "package.json": {"model": "both", "pretrained": {"minilm": "0" * 64}},
        "models/both/model.json": {"title": "Both", "recipe": None, "members": ["words", "seen"]},
        "models/words/model.json": {"title": "Words", "recipe": {"fields": ["title"], "form": "stems"}},
        "models/seeds/seen-0/model.json": {"title": "Seen", "recipe": FUSED},
        "pretrained/minilm/weights.json": {
            "label": "1" * 64,
            "source": "package",
            "revision": "r",
            "licence": "MIT",
            "export": "transformer",
        },
    }
    files["models/words/model.json"]["recipe"]["kind"] = "text"
    for name, content in files.items():
        (tmp_path / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / name).write_text(json.dumps(content))
    paths = {
        "choice": "choice.json",
        "evaluation": "evaluation",
        "champion": "package",
        "output": "review",
        "params": "params.yaml",
    }
    return ["review", *(part for name, path in paths.items() for part in (f"--{name}", str(tmp_path / path)))]


def test_the_stage_writes_three_tables_with_the_catalogues_label(command, tmp_path):
    with mock.patch.object(sys, "argv", command):
        cli.run(review.main)
    for name in review.TABLES:
        lines = (tmp_path / f"review/{name}.csv").read_text().splitlines()
        assert lines[0] == "role,model,coverage,catalogue"
        assert lines[1:] == ["floor,bow,0.5,tiny", "champion,both,1,tiny", "best,both,1,tiny"]
    assert json.loads((tmp_path / "review/package.json").read_text()) == {
        "model": "both",
        "pretrained": {"minilm": {"label": "1" * 64, "source": "package", "revision": "r", "licence": "MIT"}},
        "reads": {
            "words": {"title": "Words", "modalities": ["text"], "texts": {"stems": ["title"]}},
            "seen-0": {"title": "Seen", "modalities": ["image", "text"], "texts": {"raw": ["description"]}},
        },
    }


def test_a_missing_choice_is_one_clear_error(command, tmp_path, capsys):
    (tmp_path / "choice.json").unlink()
    with mock.patch.object(sys, "argv", command), pytest.raises(SystemExit):
        cli.run(review.main)
    assert "choice.json must be there" in capsys.readouterr().err
