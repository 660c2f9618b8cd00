"""predictions_table.py: tables that belong together, and those that do not; means over the repeats."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from aisle.models import cross_fitting, predictions_table
from aisle.pipeline.errors import AisleError


@pytest.fixture(scope="module")
def folds():
    """Return 30 products: 3 categories, groups of two, two repeats of 3 folds, a hold-out."""
    group = np.arange(30) // 2
    return pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(30)],
            "category": np.array(["ant", "bee", "cow"])[group % 3],
            "group": group,
            "split": np.select([group % 5 == 4, group % 5 == 3], ["test", "validation"], "train"),
            "cv_0": group // 5,
            "cv_1": group // 3 % 3,
        }
    )


@pytest.fixture(scope="module")
def models(folds):
    """Return predictions of two models: the first lacks p03, the second p03 and p04."""
    rng = np.random.default_rng(1)
    made = []
    for without in ([3], [3, 4]):
        available = ~np.isin(np.arange(30), without)
        X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, 1, (30, 3))
        made.append(cross_fitting.out_of_fold(LogisticRegression(), X, available, folds))
    return made


def test_align_puts_rows_in_the_references_order(models):
    first, second = models
    aligned = predictions_table.align(second.sample(frac=1, random_state=0), first, "picture", "text")
    pd.testing.assert_frame_equal(aligned, second)


def test_align_takes_rows_in_order_as_they_are_unless_they_are_doubled_in_both(models):
    first, second = models
    pd.testing.assert_frame_equal(predictions_table.align(second, first, "picture", "text"), second)
    doubled = [pd.concat([table, table[table["product_id"] == "p05"]]) for table in models]
    with pytest.raises(AisleError, match="several for p05"):
        predictions_table.align(doubled[1], doubled[0], "picture", "text")


def test_align_follows_a_shuffled_reference(models):
    first, second = models
    reference = first.sample(frac=1, random_state=0)
    aligned = predictions_table.align(second, reference, "picture", "text")
    keys = predictions_table.KEYS
    pd.testing.assert_frame_equal(
        aligned[keys].reset_index(drop=True), reference[keys].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(aligned.sort_values(keys, ignore_index=True), second)


def change(table, product, **values):
    table = table.copy()
    table.loc[table["product_id"] == product, list(values)] = list(values.values())
    return table


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda table: table[table["product_id"] != "p05"], ["lacks p05"]),
        (lambda table: table[(table["product_id"] != "p05") | (table["repeat"] == 0)], ["lacks p05"]),
        (lambda table: change(table, "p05", product_id="new"), ["lacks p05", "alone has new"]),
        (lambda table: pd.concat([table, table[table["product_id"] == "p05"]]), ["several for p05"]),
        (lambda table: change(table, "p05", fold=2), ["fold 2", "p05"]),
        (lambda table: predictions_table.test_rows(table), ["lacks", "inner fold"]),
        (lambda table: table[~((table["inner_fold"] == 2) & (table["product_id"] == "p29"))], ["lacks p29"]),
        (lambda table: table[table["repeat"] == 0], ["repeat 1"]),
        (lambda table: pd.concat([table, table[table["repeat"] == 1].assign(repeat=2)]), ["repeat 2"]),
        (lambda table: table.rename(columns={"p_bee": "p_wasp"}), ["wasp"]),
        (lambda table: change(table, "p02", category="cow"), ["p02"]),
    ],
    ids=[
        *("product lacks", "product lacks once", "other product", "product doubled", "other fold"),
        *("no inner rows", "inner row lacks"),
        *("repeat lacks", "repeat more", "other categories", "other label"),
    ],
)
def test_predictions_that_do_not_fit_are_an_error_that_says_why(models, spoil, told):
    """Another run's predictions: other products, repeats, folds, categories or labels."""
    first, second = models
    with pytest.raises(AisleError) as error:
        predictions_table.align(spoil(second), first, "picture", "text")
    assert all(part in str(error.value) for part in ["picture", *told]), str(error.value)


# ---------------------------------------------------------------------------------------------------- repeats


def test_the_mean_over_the_repeats_is_geometric_and_of_the_cross_validation_alone(models):
    table, _ = models
    mean = predictions_table.mean_over_repeats(table.sample(frac=1, random_state=0))
    assert list(mean["product_id"]) == sorted(set(table["product_id"]))
    rows = predictions_table.test_rows(table)
    rows = rows[(rows["protocol"] == "cv") & (rows["product_id"] == "p07")]
    assert len(rows) == 2
    product = predictions_table.probabilities(rows).prod(axis=0) ** 0.5
    found = mean.set_index("product_id").loc["p07"]
    np.testing.assert_allclose(found[["p_ant", "p_bee", "p_cow"]].astype(float), product / product.sum())
    assert found["category"] == rows["category"].iloc[0] and found["available"]


@pytest.mark.parametrize("spoil", ["missing", "doubled"])
def test_a_product_must_be_once_in_each_repeat(models, spoil):
    table, _ = models
    p05 = (table["product_id"] == "p05") & (table["repeat"] == 1)
    spoilt = table[~p05] if spoil == "missing" else pd.concat([table, table[p05]])
    with pytest.raises(AisleError, match="each product once in each repeat; not so p05"):
        predictions_table.mean_over_repeats(spoilt)
