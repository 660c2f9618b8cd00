"""stages/fuse.py: two predictions files become one of the same rows."""

import numpy as np
import pandas as pd
import pytest

from aisle import fusion, predictions, tables


@pytest.fixture(scope="module")
def models(built):
    return {
        name: tables.read(built.root / f"predictions/{name}.parquet")
        for name in ("text_floor", "descriptors", "late_fusion")
    }


def test_the_predictions_file(models):
    fused, text = models["late_fusion"], models["text_floor"]
    keys = ["protocol", "repeat", "fold", "product_id", "category", "available"]
    pd.testing.assert_frame_equal(fused[keys], text[keys])
    assert list(fused.columns) == list(text.columns) and fused.attrs["catalogue"] == "tiny"
    np.testing.assert_allclose(predictions.probabilities(fused).sum(axis=1), 1, atol=1e-5)


def test_it_is_the_mean_with_the_weight_of_the_params(models, built):
    weight = built.params["fusions"]["late_fusion"]["picture_weight"]
    expected = fusion.fuse(models["text_floor"], models["descriptors"], weight)
    np.testing.assert_allclose(
        predictions.probabilities(models["late_fusion"]), predictions.probabilities(expected), atol=1e-5
    )


@pytest.mark.parametrize(("weight", "same"), [(0, "text_floor"), (1, "descriptors")])
def test_the_weight_comes_from_the_params(built, models, tmp_path, weight, same):
    workspace = built.with_params(
        tmp_path, lambda params: params["fusions"]["late_fusion"].update(picture_weight=weight)
    )
    workspace.run("fuse", "late_fusion", output=tmp_path / "fused.parquet")
    fused = tables.read(tmp_path / "fused.parquet")
    np.testing.assert_allclose(
        predictions.probabilities(fused), predictions.probabilities(models[same]), atol=1e-5
    )


@pytest.mark.parametrize("weight", [-0.1, 1.1, "half"])
def test_a_weight_beyond_its_ends_is_a_clear_error(built, tmp_path, capsys, weight):
    workspace = built.with_params(
        tmp_path, lambda params: params["fusions"]["late_fusion"].update(picture_weight=weight)
    )
    with pytest.raises(SystemExit) as stop:
        workspace.run("fuse", "late_fusion", output=tmp_path / "fused.parquet")
    assert stop.value.code == 2
    assert "fusions.late_fusion.picture_weight" in capsys.readouterr().err
