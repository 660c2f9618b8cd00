"""explanation/image_examples.py: which test pictures are shown, as pictures, and what is measured of them."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aisle.explanation import image_examples
from aisle.models.heads.relu_head import ReluHead
from aisle.models.model_folder import SavedModel
from aisle.models.predictions_table import TEST
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, status
from aisle.representations.encoders.image import efficientnet_lite, keras_backbone

PARAMS = image_examples.GradCamParams(
    **{"model": "m", "predictions": "p", "backbone": "b", "examples": 2, "example_side": 40, "quality": 80},
    **{"pictures": 5, "share": 0.2, "draws": 2, "confidence": 0.9, "n_bootstrap": 100, "seed": 0},
)


@pytest.fixture
def predictions():
    """Return predictions of 8 products: of the test part, p0 to p5 are right, p6 wrong, p7 has no picture."""
    category = np.array(list("xyzxyzxy"))
    said = np.array(list("xyzxyzyy"))
    confidence = np.array([0.9, 0.8, 0.5, 0.95, 0.6, 0.7, 0.99, 0.9])
    table = pd.DataFrame(
        {
            "protocol": "holdout",
            "inner_fold": TEST,
            "product_id": [f"p{i}" for i in range(8)],
            "category": category,
            "available": np.arange(8) < 7,
        }
    )
    for name in "xyz":
        table[f"p_{name}"] = np.where(said == name, confidence, (1 - confidence) / 2)
    inner, cv = table.assign(inner_fold=2), table.assign(protocol="cv")
    return pd.concat([inner, cv, table.sample(frac=1, random_state=0)], ignore_index=True)


def test_the_tested_pictures_are_the_hold_outs_the_most_confident_first(predictions):
    found = image_examples.tested(predictions)
    assert list(found["product_id"]) == ["p6", "p3", "p0", "p1", "p5", "p4", "p2"]
    assert list(found["probability"]) == [0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert list(found["right"]) == [False] + [True] * 6
    assert found.loc[0, ["true", "predicted"]].tolist() == ["x", "y"]


def test_examples_are_right_ones_of_different_categories_and_wrong_ones(predictions):
    tested = image_examples.tested(predictions)
    assert list(image_examples.choose(tested, 2)["product_id"]) == ["p3", "p1", "p6"]
    assert list(image_examples.choose(tested, 9)["product_id"]) == ["p3", "p1", "p5", "p6"]


@pytest.fixture
def images(tmp_path):
    """Return the path of pictures of 60 x 30."""
    rng, rows = np.random.default_rng(0), []
    for i in range(8):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (30, 60, 3), dtype=np.uint8)).save(file, "JPEG")
        rows.append({"product_id": f"p{i}", "picture": file.getvalue() if i < 7 else None})
    tables.write(pd.DataFrame(rows), tmp_path / "images.parquet", "tiny")
    return tmp_path / "images.parquet"


def model(estimator, label=status.UNTRAINED):
    return SavedModel("m", "M", list("xyz"), [1 / 3] * 3, label, estimator=estimator)


@pytest.fixture(params=["keras_backbone", "efficientnet_lite"])
def backbone(request, write_backbone, tmp_path):
    """Return the folder of a backbone, of each kind that has feature maps."""
    write_backbone(tmp_path / "backbone", status.UNTRAINED)
    about = description.read(tmp_path / "backbone")
    description.write(replace(about, export=request.param), tmp_path / "backbone")
    return tmp_path / "backbone"


def test_the_encoder_is_that_of_the_backbone(backbone):
    encoder = image_examples.map_encoder(str(backbone))
    kinds = {
        "keras_backbone": keras_backbone.KerasBackbone,
        "efficientnet_lite": efficientnet_lite.EfficientNetLite,
    }
    assert type(encoder) is kinds[description.read(backbone).export]
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert encoder.transform([picture]).reshape(-1, *encoder.facts["map"]).shape == (1, 4, 4, 6)


def test_a_backbone_without_maps_is_a_clear_error(tmp_path):
    description.write(description.Weights("digest", "path", export="clip"), tmp_path)
    with pytest.raises(
        AisleError, match=r"grad_cam\.backbone must be an export of .*keras_backbone; .* 'clip'"
    ):
        image_examples.map_encoder(str(tmp_path))


def test_the_examples_and_the_figures(predictions, images, backbone):
    rng = np.random.default_rng(1)
    head = ReluHead(np.array(list("xyz")), np.zeros(6), np.ones(6), [(rng.normal(size=(6, 3)), np.zeros(3))])
    arguments = model(head), predictions, images, str(backbone), PARAMS
    examples, figures = image_examples.explain(*arguments)
    assert list(examples) == image_examples.COLUMNS and list(examples["product_id"]) == ["p3", "p1", "p6"]
    for column in ("original", "activation", "overlay"):
        sizes = {Image.open(io.BytesIO(picture)).size for picture in examples[column]}
        assert sizes == {(40, 20)}, column
    mixed = [
        np.asarray(Image.open(io.BytesIO(examples.loc[0, name])), float)
        for name in image_examples.COLUMNS[5:]
    ]
    assert np.abs(mixed[2] - (mixed[0] + mixed[1]) / 2).mean() < 10  # but for what JPEG loses
    assert figures["n"] == 5 and figures["model"] == "m" and figures["weights"] == "untrained"
    again = image_examples.explain(*arguments)
    pd.testing.assert_frame_equal(again[0], examples)
    assert again[1] == figures


def test_without_weights_or_test_pictures_nothing_is_read(predictions, tmp_path):
    nowhere = tmp_path / "nowhere", str(tmp_path / "nowhere"), PARAMS
    for made, table in (
        (model(None, status.ABSENT), predictions),
        (model(object()), predictions.assign(available=False)),
    ):
        examples, figures = image_examples.explain(made, table, *nowhere)
        assert examples.empty and list(examples) == image_examples.COLUMNS
        assert figures == {"model": "m", "weights": status.kind(made.weights)}


def test_a_model_without_dense_layers_is_a_clear_error(predictions, tmp_path):
    with pytest.raises(AisleError, match=r"grad_cam\.model must have a head of dense layers.* m has not"):
        image_examples.explain(model(object()), predictions, tmp_path / "i", str(tmp_path), PARAMS)
