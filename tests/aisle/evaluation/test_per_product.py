"""evaluation/per_product.py: one row per product over repeats and seeds."""

import numpy as np

from aisle.evaluation import per_product
from tests.aisle.evaluation.examples import REPEATS, made, prepared


def test_products_of_two_categories_weights_and_missing_input(models):
    table = models["baseline"].rows("cv").drop(columns=["p_cow", "p_dog"])
    keys = table["product_id"].unique()
    table = table.assign(
        wrong=table["product_id"] != keys[0],
        available=table["product_id"] != keys[1],
        weight_text=np.where(table["product_id"] == keys[1], np.nan, 0.25),
        p_ant=0.75,
        p_bee=0.25,
    )
    found = per_product.summary(table).set_index("product_id")
    assert found["third"].isna().all() and found["third_probability"].isna().all()
    assert set(found["predicted"]) == {"ant"} and set(found["second_probability"]) == {0.25}
    assert found.index[found["right_share"] == 1].tolist() == [keys[0]]
    assert found.index[~found["available"]].tolist() == [keys[1]]
    assert found.index[found["weight_text"].isna()].tolist() == [keys[1]]


def test_the_outcomes_are_of_each_seed_and_repeat_in_order(folds):
    """Whatever the order of the rows; their mean is `right_share`."""
    seeds = {7: made(folds, 10, 1.0), 3: made(folds, 11, 1.0)}
    cv = prepared(seeds).decided.query("protocol == 'cv'")
    found = per_product.summary(cv.sample(frac=1, random_state=0)).set_index("product_id")
    assert set(found["outcomes"].str.len()) == {2 * REPEATS} and found["outcomes"].nunique() > 4
    right = cv.assign(right=~cv["wrong"]).set_index(["product_id", "seed", "repeat"])["right"]
    for product in ("p00", "p33", "p79"):
        expected = [right[product, seed, repeat] for seed in (3, 7) for repeat in range(REPEATS)]
        assert found.loc[product, "outcomes"] == "".join("1" if each else "0" for each in expected)
    share = found["outcomes"].map(lambda text: text.count("1") / len(text))
    np.testing.assert_allclose(found["right_share"], share, atol=1e-4)


def test_the_tables_of_all_models_are_below_each_other(models):
    summaries = {
        name: per_product.summary(model.decided.query("protocol == 'cv'")) for name, model in models.items()
    }
    found = per_product.all_models(summaries)
    assert list(found["model"].unique()) == list(models) and list(found)[:2] == ["model", "product_id"]
    for name, table in summaries.items():
        mine = found[found["model"] == name]
        assert list(mine["product_id"]) == list(table["product_id"])
        assert list(mine["outcomes"]) == list(table["outcomes"])
