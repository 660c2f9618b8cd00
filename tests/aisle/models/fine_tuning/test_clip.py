"""models/fine_tuning/clip.py: a small CLIP through the stage, with and without its last block.

torch has a process of its own: it and TensorFlow crash in one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aisle.models import model_folder
from aisle.models.fine_tuning.clip import Tuner
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import check
from aisle.pretrained import description
from aisle.representations.encoders.image.clip import ClipImage
from aisle.representations.encoders.pictures import Pictures

REPO = Path(__file__).parents[4]
TRAINED = ("visual.transformer.resblocks.2.", "visual.ln_post.", "visual.proj")
"""What names of parameters begin with, of the last of three blocks and what follows it."""


def made(folder, unfreeze, cores):
    """Run the maker in a process of its own on some cores; return its folder."""
    folder.mkdir()
    maker = Path(__file__).parent / "makers" / "tune_clip.py"
    done = subprocess.run(
        [sys.executable, str(maker), str(folder), unfreeze],
        cwd=REPO,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPO)},
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return made(tmp_path_factory.mktemp("tuned") / "clip", "last_block", os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def vectors(tuned):
    """Return what the exported tower gives for all pictures."""
    pictures = Pictures(pd.read_parquet(tuned / "pictures.parquet")["picture"].tolist())
    model = model_folder.read(tuned / "model")
    assert model.recipe.encoder == "clip"
    return ClipImage(str(tuned / "model"), **model.recipe.options).transform(pictures)


def test_it_learns_and_keeps_the_best_epoch(tuned):
    history, rows = pd.read_csv(tuned / "history.csv"), pd.read_csv(tuned / "predicted.csv")
    assert list(history["epoch"]) == list(range(1, len(history) + 1)) and 4 < len(history) <= 9
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[2] < 0.5 * history["loss"].iloc[0]
    names = ["blue", "green", "red"]
    probabilities = rows[[f"p_{name}" for name in names]].to_numpy()
    true = np.array([names.index(name) for name in rows["category"]])
    inner = (rows["inner_fold"] >= 0).to_numpy()
    assert inner.sum() == 12 and (~inner).sum() == 12
    assert (probabilities.argmax(1) == true)[~inner].mean() > 0.8  # 1/3 by chance
    loss = -np.log(probabilities[np.arange(len(true)), true])[inner].mean()
    assert loss == pytest.approx(history["val_loss"].min(), abs=1e-4)


def test_the_last_block_alone_is_changed(tuned):
    names, changed = (json.loads((tuned / f"{name}.json").read_text()) for name in ("names", "changed"))
    assert changed == [name for name in names if name.startswith(TRAINED)]
    assert len(changed) == 15 and len(names) > 50


def test_the_export_gives_what_torch_gives(tuned, vectors):
    expected = np.load(tuned / "vectors.npy")
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    head, rows = model_folder.read(tuned / "model").estimator, pd.read_csv(tuned / "predicted.csv")
    at = [int(name[1:]) for name in rows["product_id"]]
    probabilities = rows[["p_blue", "p_green", "p_red"]].to_numpy()
    np.testing.assert_allclose(probabilities, head.predict_proba(expected[at]), atol=1e-4)
    facts = description.read(tuned / "model").facts
    assert facts["side"] == 32 and facts["dimension"] == 24
    block = 12 * 64**2 + 13 * 64 + 2 * 64 + 64 * 24  # with what follows it
    assert facts["trained_parameters"] == block + 25 * 16 + 17 * 3 < facts["parameters"]


def test_the_same_bytes_again_on_one_core(tuned, tmp_path):
    again = made(tmp_path / "again", "last_block", {min(os.sched_getaffinity(0))})
    files = sorted(path.relative_to(tuned) for path in (tuned / "model").iterdir())
    assert {"image.bin", "image.xml", "estimator.npz", "weights.json"} <= {path.name for path in files}
    for path in (*files, Path("predicted.csv"), Path("history.csv")):
        assert (again / path).read_bytes() == (tuned / path).read_bytes(), path


def test_a_frozen_tower_stays_as_it_is(tmp_path):
    frozen = made(tmp_path / "frozen", "none", os.sched_getaffinity(0))
    assert json.loads((frozen / "changed.json").read_text()) == []
    assert len(pd.read_csv(frozen / "history.csv")) <= 3
    assert description.read(frozen / "model").facts["trained_parameters"] == 25 * 16 + 17 * 3


def test_an_architecture_without_a_last_block_is_a_clear_error(tuned):
    errors = json.loads((tuned / "errors.json").read_text())
    assert (
        "residual attention blocks" in errors["convolutions"] and "'convolutions'" in errors["convolutions"]
    )
    assert "one of open_clip's models, not 'nonsense'" in errors["nonsense"]


@pytest.mark.parametrize("options", [{"unfreeze": "all"}, {"weight_decay": -1}, {"augment": {}}])
def test_wrong_options_are_a_clear_error(options):
    with pytest.raises(AisleError, match=next(iter(options))):
        check(options, Tuner, "options of the tuner 'clip'")
