"""Evolution: planted changes of the categories are told, and nothing where nothing changes."""

import numpy as np
import pandas as pd
import pytest

from aisle.monitoring.evolution import centres, follow, proposals, shares, terms, time_effect

PARAMS = follow.EvolutionParams(period="M", n_permutations=199, n_null=39, n_random=3, n_bootstrap=50)
BASE = {"A": "alpha apple", "B": "beta banana", "C": "gamma grape"}


def products(last_shares=(1, 1, 1), moved=0.0, two_kinds=False, drift=0.0, seed=0):
    """Return 240 products of four months, with what the last month is to have."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(240):
        month = i // 60
        weights = np.array(last_shares if month == 3 else (1, 1, 1), float)
        name = rng.choice([*"ABC"], p=weights / weights.sum())
        vector = rng.normal(size=8)
        vector["ABC".index(name)] += 4 - drift * (month == 3) * 4
        vector[4] += moved * (month == 3) * (name == "A")
        second = two_kinds and name == "B" and rng.random() < 0.4
        vector[5] += 12 * second
        text = f"{BASE[name]} {'lid jar' if second else 'plain'} {'christmas' if month == 3 else 'sale'}"
        rows.append(
            {
                **{
                    "product_id": f"p{i:03d}",
                    "date": f"2026-{month + 1:02d}-10",
                    "title": name,
                    "text": text,
                },
                **{"label": name, "predicted": name, "group": i, "vector": vector.astype(np.float32)},
                **{"foreign_p": np.nan, "jpeg": None},
            }
        )
    return pd.DataFrame(rows)


def test_a_quiet_catalogue_has_no_change():
    found = follow.follow(products(), PARAMS)
    assert found.metrics["periods"] == 4 and found.metrics["categories_changed"] == 0
    assert found.metrics["categories_moved"] == 0 and found.metrics["new_categories_proposed"] == 0
    low, high = found.metrics["time_effect_low"], found.metrics["time_effect_high"]
    assert low <= 0 <= high


def test_categories_vanish_and_grow():
    table = shares.changes(
        products((0, 1, 4)).assign(
            period=lambda each: each["date"].str[:7], category=lambda each: each["label"]
        ),
        0.05,
    ).set_index("category")["change"]
    assert table["A"] == shares.VANISHING and table["C"] == shares.GROWS


def test_terms_that_rise_and_fall():
    rows = products()
    table = terms.compare(list(rows["text"]), (rows["date"].str[5:7] == "04").to_numpy())
    assert table["term"].iloc[0] == "christmas" and table["term"].iloc[-1] == "sale"
    assert table["z"].iloc[0] > 1.96 and table["z"].iloc[-1] < -1.96
    assert abs(table.set_index("term").loc["alpha", "z"]) < 1.96


def test_a_category_moves():
    rows = products(moved=3.0).assign(period=lambda each: each["date"].str[:7])
    rows["category"] = rows["label"]
    vectors = np.stack(rows["vector"].to_list())
    table = centres.movements(rows, vectors, 0.05, 199, np.random.default_rng(0)).set_index("category")
    assert table["alarm"].to_dict() == {"A": True, "B": False, "C": False}


def test_a_category_of_two_kinds_is_to_be_split_and_named():
    rows = products(two_kinds=True)
    found = proposals.splits(rows.assign(category=rows["label"]), np.stack(rows["vector"].to_list()), 39, 0)
    found = found.set_index("category")
    assert found.loc["B", "p"] <= 0.05 and {"jar", "lid"} <= {*found.loc["B", "words"].split(", ")}
    assert found.loc["A", "p"] > 0.05


def test_categories_taken_for_each_other_are_to_be_merged():
    rows = products()
    swap = (rows["label"] == "A") & (np.arange(len(rows)) % 2 == 0)
    rows.loc[swap, "predicted"] = "B"
    found = proposals.merges(rows, 0.05)
    assert found[["category", "other"]].to_numpy().tolist() == [["A", "B"]]


def test_foreign_products_that_are_alike_may_be_a_category():
    rows = products()
    vectors, rng = np.stack(rows["vector"].to_list()), np.random.default_rng(0)
    rows.loc[:19, "foreign_p"] = 0.01
    rows.loc[:9, "text"], rows.loc[10:19, "text"] = "dog bone puppy", "fish tank water"
    vectors[:10], vectors[10:20] = rng.normal(9, 0.3, (10, 8)), rng.normal(-9, 0.3, (10, 8))
    found, members = proposals.new_groups(rows, vectors)
    assert sorted(found["products"]) == [10, 10] and len(members) == 20
    assert {*found["words"].str.split(", ").str[0]} <= {"dog", "bone", "puppy", "fish", "tank", "water"}


def test_time_costs_accuracy_where_categories_move():
    rows = products(drift=2.0)
    vectors, day = np.stack(rows["vector"].to_list()), rows["date"].to_numpy(str)
    found = time_effect.measure(
        vectors, rows["label"].to_numpy(str), day, np.arange(240), 5, 100, np.random.default_rng(0)
    )
    assert found.high < 0 and found.low <= found.difference <= found.high


@pytest.mark.parametrize("rows", [products().assign(date=None), products().iloc[:60]])
def test_without_two_periods_there_is_nothing_to_follow(rows):
    found = follow.follow(rows, PARAMS)
    assert found.metrics == {"periods": 0} and all(table.empty for table in found.tables.values())
