"""aisle/catalogue/sampling.py: some of many products."""

import pandas as pd

from aisle.catalogue import sampling


def test_a_sample_keeps_the_categories_shares_and_a_seed():
    products = pd.DataFrame(
        {"product_id": [f"p{i:03d}" for i in range(300)], "category": ["A"] * 200 + ["B"] * 90 + ["C"] * 10}
    )
    chosen = sampling.choose(products, 30, 0)
    shares = products.set_index("product_id").loc[chosen, "category"].value_counts().to_dict()
    assert shares == {"A": 20, "B": 9, "C": 1}
    assert chosen == sorted(chosen) == sampling.choose(products.sample(frac=1, random_state=3), 30, 0)
    assert chosen != sampling.choose(products, 30, 1)
    assert sampling.choose(products, 300, 0) == sampling.choose(products, 999, 5)
    assert len(sampling.choose(products, 999, 0)) == 300
