"""explanation/modality_shap.py: Shapley values of text and picture are exact and add up."""

import numpy as np
import pandas as pd
import pytest

from aisle.explanation.modality_shap import Coalitions, explain, log_odds, summarise
from aisle.models import decision_fusion

NAMES = ["Clocks", "Lamps", "Mugs"]
PRIOR = np.array([0.5, 0.3, 0.2])
READ = [frozenset({"text"}), frozenset({"text"}), frozenset({"image"})]


def member(seed, unavailable=()):
    """Return one row per product, 20 of them, right more often than not."""
    rng = np.random.default_rng(seed)
    y = np.arange(20) % 3
    values = rng.dirichlet([1, 1, 1], 20) + 0.7 * np.eye(3)[y]
    values /= values.sum(axis=1, keepdims=True)
    table = pd.DataFrame({"product_id": [f"p{i:02d}" for i in range(20)], "category": np.array(NAMES)[y]})
    table["available"] = ~np.isin(np.arange(20), unavailable)
    table[[f"p_{name}" for name in NAMES]] = values
    return table


@pytest.fixture
def members():
    """Return two of text and one of pictures; p03 has no picture, p04 no text, p05 neither."""
    return [member(0, [4, 5]), member(1, [4, 5]), member(2, [3, 5])]


def coalitions(members, method="log_mean", read=READ):
    combination = decision_fusion.create(method, {}).fit(*decision_fusion.stacked(members))
    return Coalitions(combination, members, read, PRIOR)


@pytest.mark.parametrize("method", sorted(decision_fusion.METHODS))
def test_the_values_add_up_to_the_log_odds_of_the_prediction(members, method):
    made = coalitions(members, method)
    table = explain(made, members)
    each, available, _ = decision_fusion.stacked(members)
    both = made.combination.combine(each, available)
    both[5] = PRIOR  # from nothing: the shares
    assert list(table["predicted"]) == [NAMES[i] for i in both.argmax(axis=1)]
    np.testing.assert_allclose(table["value"], log_odds(both.max(axis=1)), atol=1e-12)
    np.testing.assert_allclose(
        table["base"] + table["phi_text"] + table["phi_image"], table["value"], atol=1e-9
    )
    base = log_odds(PRIOR[[NAMES.index(name) for name in table["predicted"]]])
    np.testing.assert_allclose(table["base"], base)


@pytest.mark.parametrize("method", sorted(decision_fusion.METHODS))
def test_they_are_those_of_kernel_shap_which_is_exact_for_two(members, method):
    import shap

    made = coalitions(members, method)
    table = explain(made, members)
    for row in (0, 3, 4, 7):
        category = NAMES.index(table.loc[row, "predicted"])

        def value(given, row=row, category=category):
            sets = [frozenset(np.array(["text", "image"])[each.astype(bool)]) for each in given]
            return np.array([log_odds(made.probabilities(each)[0][row, category]) for each in sets])

        explainer = shap.KernelExplainer(value, np.zeros((1, 2)))
        found = explainer(np.ones((1, 2)), silent=True)
        expected = table.loc[row, ["phi_text", "phi_image"]].to_numpy(float)
        np.testing.assert_allclose(found.values[0], expected, atol=1e-9)
        assert found.base_values[0] == pytest.approx(table.loc[row, "base"])


def test_what_a_product_lacks_moved_nothing(members):
    table = explain(coalitions(members), members).set_index("product_id")
    assert table.loc["p03", "phi_image"] == 0 and table.loc["p03", "phi_text"] != 0
    assert table.loc["p04", "phi_text"] == 0 and table.loc["p04", "phi_image"] != 0
    assert not table.loc["p05", ["phi_text", "phi_image"]].any()
    assert table.loc["p03", "predicted_image"] is None and table.loc["p03", "predicted_text"] is not None
    assert table.loc["p05", ["predicted_text", "predicted_image"]].isna().all()


def test_one_alone_is_the_fusion_of_its_members(members):
    made = coalitions(members, "vote")
    table = explain(made, members)
    text = decision_fusion.create("vote", {}).combine(*decision_fusion.stacked(members[:2])[:2])
    there = table["predicted_text"].notna().to_numpy()
    assert list(table["predicted_text"][there]) == [NAMES[i] for i in text.argmax(axis=1)[there]]
    picture = members[2][[f"p_{name}" for name in NAMES]].to_numpy().argmax(axis=1)
    there = table["predicted_image"].notna().to_numpy()
    assert list(table["predicted_image"][there]) == [NAMES[i] for i in picture[there]]


def test_a_member_of_both_counts_only_if_both_are_given(members):
    read = [READ[0], frozenset({"text", "image"}), READ[2]]
    made = coalitions(members, read=read)
    alone = made.probabilities(frozenset({"text"}))[0]
    first = members[0][[f"p_{name}" for name in NAMES]].to_numpy()
    np.testing.assert_allclose(alone[0], first[0], atol=1e-6)
    assert (made.probabilities(frozenset({"text", "image"}))[0][0] != alone[0]).any()


def test_the_summary_counts_only_products_that_have_the_modality():
    table = pd.DataFrame(
        {
            "predicted": ["a", "a", "b"],
            "phi_text": [1.0, -2.0, 3.0],
            "phi_image": [2.0, 0.0, -1.0],
            "predicted_text": ["a", "b", "b"],
            "predicted_image": ["b", None, "b"],
        }
    )
    assert summarise(table) == {
        "n": 3,
        "phi_text": 2,
        "changed_by_text_alone": pytest.approx(1 / 3),
        "phi_image": 1,
        "changed_by_image_alone": 0.5,
        "image_moved_more": pytest.approx(1 / 3),
    }
