"""catalogue/splits.py: the hold-out split and the folds."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from aisle.catalogue import splits
from aisle.models import predictions_table
from aisle.pipeline.errors import AisleError

PARAMS = splits.FoldsParams(
    seed=20, n_splits=5, n_repeats=3, text_similarity=0.8, shared_text=0.4, picture_distance=24
)


@pytest.fixture(scope="module")
def products():
    """Return 300 products in 4 categories, one of them rare."""
    category = np.repeat(["a", "b", "c", "rare"], [100, 100, 80, 20])
    return pd.DataFrame({"product_id": [f"p{i:03d}" for i in range(300)], "category": category})


@pytest.fixture(scope="module")
def grouped():
    """Return groups: pairs of neighbours among the first 100, a large group, two that cross categories."""
    group = np.arange(300)
    group[1:100:2] = group[0:99:2]
    group[110:120] = 110
    group[205], group[290] = 4, 150
    return pd.factorize(group)[0]


def test_groups_are_never_split(products, grouped):
    table = splits.make(products, grouped, PARAMS)
    for column in ("split", *predictions_table.repeats(table)):
        assert table.groupby("group")[column].nunique().max() == 1
    assert predictions_table.repeats(table) == ["cv_0", "cv_1", "cv_2"]


def test_the_hold_out_is_60_20_20_and_stratified(products, grouped):
    table = splits.make(products, grouped, PARAMS)
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        assert table["split"].eq(part).mean() == pytest.approx(share, abs=0.03)
        within = table.groupby("category")["split"].apply(lambda values, part=part: (values == part).mean())
        assert within.to_numpy() == pytest.approx(share, abs=0.08)


def test_the_folds_are_stratified_and_every_product_is_tested_once(products, grouped):
    table = splits.make(products, grouped, PARAMS)
    for column in predictions_table.repeats(table):
        assert sorted(table[column].unique()) == [0, 1, 2, 3, 4]
        shares = pd.crosstab(table[column], table["category"], normalize="columns")
        assert shares.to_numpy() == pytest.approx(0.2, abs=0.08)


def test_repeats_and_seeds_differ_and_the_same_seed_does_not(products, grouped):
    table = splits.make(products, grouped, PARAMS)
    assert not table["cv_0"].equals(table["cv_1"]) and not table["cv_1"].equals(table["cv_2"])
    pd.testing.assert_frame_equal(splits.make(products, grouped, PARAMS), table)
    other = splits.make(products, grouped, PARAMS.model_copy(update={"seed": 50}))
    assert not other["split"].equals(table["split"]) and not other["cv_0"].equals(table["cv_0"])
    assert (other[["product_id", "category", "group"]] == table[["product_id", "category", "group"]]).all(
        axis=None
    )


def test_a_category_with_too_few_groups_is_named(products):
    group = np.arange(300)
    group[284:] = 284  # 'rare' is 280 to 299: five groups
    splits.make(products, group, PARAMS)
    group[283:] = 283
    with pytest.raises(AisleError) as error:
        splits.make(products, group, PARAMS)
    assert "'rare' has 4" in str(error.value) and "folds.text_similarity" in str(error.value)


@pytest.mark.parametrize("n_splits", [3, 4, 10])
def test_other_numbers_of_folds(products, grouped, n_splits):
    table = splits.make(products, grouped, PARAMS.model_copy(update={"n_splits": n_splits, "n_repeats": 1}))
    assert table["cv_0"].nunique() == n_splits
    assert predictions_table.repeats(table) == ["cv_0"]


@pytest.mark.parametrize(
    ("groups", "n_repeats", "expected"),
    [
        (199, 3, 3),
        (2401, 3, 3),
        (2402, 3, 2),
        (3601, 3, 2),
        (3602, 3, 1),
        (10**7, 3, 1),
        (10, 1, 1),
        (4802, 10, 5),
    ],
)
def test_a_large_catalogue_has_fewer_repeats(groups, n_repeats, expected):
    """0.98 / 0.02 squared is 2,401 groups; beyond, fits times products do not grow."""
    assert splits.repeats(groups, PARAMS.model_copy(update={"n_repeats": n_repeats})) == expected


def test_repeats_follow_the_groups_that_there_are(products):
    coarse = PARAMS.model_copy(update={"half_width": 0.08})  # 150 groups are enough
    alone, pairs = np.arange(300), np.arange(300) // 2
    assert predictions_table.repeats(splits.make(products, alone, coarse)) == ["cv_0"]
    assert predictions_table.repeats(splits.make(products, pairs, coarse)) == ["cv_0", "cv_1", "cv_2"]


def test_counts(products, grouped):
    table = splits.make(products, grouped, PARAMS)
    pairs = pd.DataFrame({"left": [0], "right": [1]})
    found = splits.counts(table, pairs, pairs.iloc[:0])
    assert found["groups"] == 300 - 50 - 9 - 2
    assert found["groups_of_several"] == 50 + 1 + 1
    assert found["products_in_groups_of_several"] == 101 + 10 + 2
    assert found["largest_group"] == 10
    assert found["groups_across_categories"] == 2
    assert (found["text_pairs"], found["picture_pairs"]) == (1, 0)
    assert found["train_share"] + found["validation_share"] + found["test_share"] == pytest.approx(1)


def test_there_are_three_folds_at_least():
    """With two, no inner fold is left to fit temperatures, weights and thresholds on."""
    with pytest.raises(ValidationError, match="n_splits"):
        splits.FoldsParams(**PARAMS.model_dump() | {"n_splits": 2})
