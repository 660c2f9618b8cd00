"""The sections that explain: Grad-CAM, words, what text and picture did."""

import numpy as np
import pandas as pd
import pytest

from aisle.report.blocks import Paragraph, PicturesBlock
from aisle.report.sections import explanation, modalities

CAM = {"model": "tuned", "n": 40, "drop_hottest": 0.5, "drop_random": 0.3, "difference": 0.2}


@pytest.fixture
def cams(jpeg):
    table = pd.DataFrame(
        {
            **{"product_id": ["p0", "p3"], "true": ["Clocks", "Lamps"], "predicted": ["Clocks", "Mugs"]},
            **{"probability": [0.9, 0.8], "right": [True, False], "original": [jpeg] * 2},
            "activation": [b"\x89PNG1", b"\x89PNG2"],
        }
    )
    table.attrs["title"] = "Tuned"
    return table


@pytest.mark.parametrize(
    ("low", "told"), [(0.1, "counts more than a random one"), (-0.1, "cannot be told from a random one")]
)
def test_grad_cam_has_an_overlay_and_says_whether_it_is_true(make_results, cams, named, low, told):
    found = CAM | {"weights": "pretrained", "difference_low": low, "difference_high": 0.4}
    section = explanation.section(make_results(grad_cam=cams, metrics={"grad_cam": found}))
    block = named(section, "grad-cam")
    assert isinstance(block, PicturesBlock) and not block.untrained
    assert [picture.overlay for picture in block.pictures] == [b"\x89PNG1", b"\x89PNG2"]
    assert block.pictures[1].text == ["Product 3", "is Lamps", "wrong: Mugs 80.0%"]
    assert "1 right and 1 wrong examples" in block.caption
    figure = named(section, "faithfulness")
    assert told in figure.caption and f"0.200 [{low:.3f}, 0.400]" in figure.caption
    assert list(figure.figure.data[0].x) == [0.5, 0.3]


def test_untrained_weights_are_told(make_results, cams, named):
    found = CAM | {"weights": "untrained", "difference_low": 0.1, "difference_high": 0.4}
    section = explanation.section(make_results(grad_cam=cams, metrics={"grad_cam": found}))
    for name in ("grad-cam", "faithfulness"):
        assert named(section, name).untrained and "Tuned (untrained)" in named(section, name).caption


def test_nothing_to_explain(make_results):
    (block,) = explanation.section(make_results()).blocks
    assert isinstance(block, Paragraph) and "there are no examples" in block.text


def test_words_of_categories_and_examples(make_results, named):
    words = pd.DataFrame(
        {
            **{"category": ["Clocks", "Clocks", "Mugs"], "rank": [1, 2, 1], "word": ["dial", "hour", "tea"]},
            **{"mean_shap": [0.5, 0.2, 0.4], "texts": [12, 3, 7]},
        }
    )
    rows = pd.DataFrame(
        {
            **{
                "product_id": ["p0", "p0", "p3", "p3"],
                "title": "Some title",
                "category": ["Clocks"] * 2 + ["Lamps"] * 2,
            },
            **{
                "predicted": ["Clocks"] * 2 + ["Mugs"] * 2,
                "probability": 0.75,
                "right": [True] * 2 + [False] * 2,
            },
            **{"rank": [1, 2, 1, 2], "word": ["dial", "big", "tea", "red"]},
            **{"shap_predicted": [0.6, 0.1, 0.7, -0.2], "shap_true": [0.6, 0.1, -0.3, 0.2]},
        }
    )
    section = explanation.section(make_results(shap_words=words, shap_examples=rows))
    assert any("Clocks: dial, Mugs: tea" in getattr(block, "text", "") for block in section.blocks)
    assert (
        named(section, "words-Clocks").caption
        == "Clocks: dial adds +0.500 on average, and stands in 12 texts."
    )
    right, wrong = named(section, "shap-right-0"), named(section, "shap-wrong-0")
    assert len(right.figure.data) == 1 and list(right.figure.data[0].x) == [0.6, 0.1]
    assert [list(trace.x) for trace in wrong.figure.data] == [[0.7, -0.2], [-0.3, 0.2]]
    assert "predicted Mugs, but is Lamps, 75.0%; tea speaks most for it (+0.70)" in wrong.caption


def test_what_text_and_picture_did(make_results, monkeypatch):
    table = pd.DataFrame(
        {
            **{
                "product_id": [f"p{i}" for i in range(6)],
                "category": "Clocks",
                "predicted": ["Clocks"] * 5 + ["Mugs"],
            },
            **{"phi_text": [1.0, 2, 3, 4, 5, -1], "phi_image": [0.5, -3, 0, 0, 0, 0.5]},
        }
    )
    results = make_results(shap_fusion={"both": table, "lost": table.head(0)})
    figure, folded = modalities.moved(results)
    assert figure.caption.endswith("more than the text: Fusion: 16.7%.")
    text, picture = figure.figure.data
    assert text.median == (2.5,) and picture.name == "picture" and picture.median == (0.0,)
    (points,) = folded.blocks
    assert [len(trace.x) for trace in points.figure.data] == [5, 1]
    assert points.figure.data[0].meta == "products" and list(points.figure.data[1].customdata) == ["p5"]
    assert "against the predicted category of 1, the text of 1" in points.caption
    monkeypatch.setattr(modalities, "SAMPLED", 4)
    (points,) = modalities.moved(results)[1].blocks
    assert sum(len(trace.x) for trace in points.figure.data) == 4
    assert points.caption.endswith("A sample of 4 of 6 products.")


def test_attention_weights_out_of_fold(make_results):
    results = make_results()
    said = results.tables["products"]
    said["weight_text"] = np.where(said["model"] == "both", [0.9, 0.8, 0.7, 0.6, 0.4, 1.0] * 4, np.nan)
    (block,) = modalities.weights(results)
    assert "median of the text's weight is 0.75; it is less than the picture's for 1 of 6" in block.caption
    assert sum(block.figure.data[0].y) == 5 and sum(block.figure.data[1].y) == 1


def test_without_fusions_nothing_moved(make_results):
    assert modalities.moved(make_results()) == [] and modalities.weights(make_results()) == []
