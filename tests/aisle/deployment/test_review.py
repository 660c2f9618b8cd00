"""review.py: the rows of three roles' models, and what the champion's package is made of, in Git."""

import json

import pandas as pd
import pytest

from aisle.deployment import review
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

VECTOR = {"kind": "vector", "encoder": "e", "weights": "minilm", "learned": False}
FUSED = {
    "kind": "fused",
    "text": VECTOR | {"modality": "text", "fields": ["description"]},
    "picture": VECTOR | {"modality": "image"},
    "picture_weight": 0.5,
}
ROLES = {"baseline": "bow", "champion": "both", "best": "both"}


def test_each_role_has_the_rows_of_its_model():
    table = pd.DataFrame({"coverage": [0.5, 1.0, 0.7, 0.2], "model": ["both", "both", "bow", "other"]})
    found = review.of_roles(table, ROLES)
    assert list(found.columns) == ["role", "model", "coverage"]
    assert found.to_numpy().tolist() == [
        ["baseline", "bow", 0.7],
        ["champion", "both", 0.5],
        ["champion", "both", 1.0],
        ["best", "both", 0.5],
        ["best", "both", 1.0],
    ]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with small tables and the champion's package."""
    for name in review.TABLES:
        table = pd.DataFrame({"coverage": [0.5, 1.0], "model": ["bow", "both"]})
        tables.write_csv(table, tmp_path / f"evaluation/{name}.csv", "tiny")
    files = {
        "package.json": {"model": "both", "pretrained": {"minilm": "0" * 64}},
        "models/both/model.json": {"title": "Both", "recipe": None, "members": ["words", "seen"]},
        "models/words/model.json": {"title": "Words", "recipe": {"fields": ["title"], "form": "stems"}},
        "models/seen/model.json": {"title": "Seen", "recipe": FUSED},
        "pretrained/minilm/weights.json": {
            "label": "1" * 64,
            "source": "package",
            "revision": "r",
            "licence": "MIT",
            "export": "transformer",
        },
    }
    files["models/words/model.json"]["recipe"]["kind"] = "text"
    outcomes = {"bow": ["101", "000"], "both": ["111", "110"]}
    products = pd.concat(
        pd.DataFrame({"model": model, "product_id": ["a", "b"], "outcomes": runs})
        for model, runs in outcomes.items()
    )
    tables.write(products, tmp_path / "evaluation/products.parquet", "tiny")
    # a product without a label is judged by no model
    folds = {"product_id": ["b", "a", "c"], "group": [7, 8, 9], "category": ["x", "y", None]}
    tables.write(pd.DataFrame(folds), tmp_path / "folds.parquet", "tiny")
    for name, content in files.items():
        (tmp_path / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / name).write_text(json.dumps(content))
    return tmp_path


def write(folder):
    choice = {"champion": "both", "best": "both"}
    places = folder / "review", folder / "evaluation", folder / "package"
    review.write(*places, "bow", choice, folder / "folds.parquet", "tiny")


def test_a_table_of_each_kind_with_the_catalogues_label(folder):
    write(folder)
    for name in review.TABLES:
        lines = (folder / f"review/{name}.csv").read_text().splitlines()
        assert lines[0] == "role,model,coverage,catalogue"
        assert lines[1:] == ["baseline,bow,0.5,tiny", "champion,both,1,tiny", "best,both,1,tiny"]
    assert json.loads((folder / "review/package.json").read_text()) == {
        "model": "both",
        "pretrained": {"minilm": {"label": "1" * 64, "source": "package", "revision": "r", "licence": "MIT"}},
        "reads": {
            "words": {"title": "Words", "modalities": ["text"], "texts": {"stems": ["title"]}},
            "seen": {"title": "Seen", "modalities": ["image", "text"], "texts": {"raw": ["description"]}},
        },
    }


def test_who_is_right_on_which_product(folder):
    write(folder)
    table = tables.read_csv(folder / "review/paired.csv").astype(str).set_index("group")
    assert list(table.loc["8", ["champion", "baseline", "best"]]) == ["111", "101", "111"]
    assert list(table.loc["7", ["champion", "baseline", "best"]]) == ["110", "000", "110"]


def test_figures_have_the_digits_that_another_processor_reproduces(folder):
    table = pd.DataFrame({"coverage": [1 / 3], "cv_gain_p": [1.23456e-7], "model": ["both"]})
    tables.write_csv(table, folder / "evaluation/models.csv", "tiny")
    write(folder)
    lines = (folder / "review/models.csv").read_text().splitlines()
    assert lines[1] == "champion,both,0.3333,1.235e-07,tiny"


def test_the_stage_champion_writes_it(built):
    """Of the baseline, the champion and the best, with what the champion's package is made of."""
    choice = tables.read_json(built.root / "metrics/champion.json")
    roles = {"baseline": "text_baseline", "champion": choice["champion"], "best": choice["best"]}
    for name in review.TABLES:
        table = tables.read_csv(built.root / f"metrics/review/{name}.csv")
        assert table.groupby("role")["model"].unique().str.join("+").to_dict() == roles
    package = tables.read_json(built.root / "metrics/review/package.json")
    assert package["model"] == choice["champion"] and package["reads"]


def test_a_missing_table_is_one_clear_error(folder):
    (folder / "evaluation/decisions.csv").unlink()
    with pytest.raises(AisleError, match=r"decisions\.csv must be there"):
        write(folder)
