"""stages/champion.py: two packages, the pipeline's own predictions, and the choice as a metric."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.deployment import packaging
from aisle.deployment.mlflow_store import digest
from aisle.deployment.predictor import Predictor
from aisle.pipeline import tables


def test_the_outputs(built):
    chosen = json.loads((built.root / "metrics/champion.json").read_text())
    table = tables.read_csv(built.root / "reports/champion.csv")
    assert chosen["catalogue"] == "tiny" and chosen["candidates"] == len(table) == 6
    smallest = table.loc[table["tied"], "megabytes"].min()
    assert chosen["champion_megabytes"] == pytest.approx(smallest, abs=1e-4)
    decided = tables.read_csv(built.root / "reports/evaluation/decisions.csv").set_index("model")
    for role in ("champion", "challenger"):
        package = packaging.read(built.root / "packages" / role)
        assert package.model == chosen[role] and package.catalogue == "tiny"
        assert package.decision["temperature"] == decided.loc[package.model, "temperature"]
        assert table.set_index("model").loc[package.model, "role"] == role


def test_the_pipelines_own_predictions_are_those_from_raw_products(built):
    own = tables.read(built.root / "reports/champion_predictions.parquet").set_index("product_id")
    raw = pd.read_csv(built.root / "products.csv", dtype=str, keep_default_na=False).set_index("id")
    predicted = Predictor(built.root / "packages/champion").predict(raw.loc[own.index], built.images)
    columns = [name for name in own if name.startswith("p_")]
    np.testing.assert_allclose(predicted[columns], own[columns], atol=1e-5)
    assert list(predicted["predicted_category"]) == list(own["predicted_category"])


def test_again_the_same_bytes(built, tmp_path):
    outputs = built.outputs("champion")
    built.run("champion", **{name: tmp_path / name for name in outputs})
    assert {"champion", "challenger", "review"} < {*outputs} and len(outputs) == 8
    for name, path in outputs.items():
        if Path(path).is_dir():
            assert digest(tmp_path / name) == digest(Path(path))
        else:
            assert (tmp_path / name).read_bytes() == Path(path).read_bytes()


def test_one_model_alone_has_an_empty_challenger(built, tmp_path):
    scores = json.loads((built.root / "metrics/models.json").read_text())
    kept = {name: scores[name] for name in ("catalogue", "text_baseline")}
    (tmp_path / "scores.json").write_text(json.dumps(kept))
    outputs = {name: tmp_path / name for name in built.outputs("champion")}
    built.run("champion", scores=tmp_path / "scores.json", **outputs)
    assert not list((tmp_path / "challenger").iterdir())
    assert json.loads((tmp_path / "metrics").read_text())["challenger"] is None


def test_missing_scores_are_a_clear_error(built, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        built.run(
            "champion", scores=tmp_path / "none.json", champion=tmp_path / "x", challenger=tmp_path / "y"
        )
    assert stop.value.code == 2 and "none.json must be there" in capsys.readouterr().err
