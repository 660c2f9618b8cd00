"""catalogue/folds_table.py: nodes of a tree with too few groups for the folds are rolled up."""

import pandas as pd
import pytest

from aisle.catalogue.folds_table import make_folds
from aisle.catalogue.splits import FoldsParams
from aisle.pipeline.errors import AisleError

PARAMS = FoldsParams(
    seed=0, n_splits=5, n_repeats=1, text_similarity=0.8, picture_distance=24, shared_text=0.4
)


def catalogue():
    """Return 12 products each of A and A >> x, and 12 of A >> y that have one text; 3 of B."""
    category = ["A"] * 12 + ["A >> x"] * 12 + ["A >> y"] * 12 + ["B"] * 3
    words = [f"{'qwertzuiopas'[i % 12] * 6} {i * i}" for i in range(24)] + ["one and the same text"] * 12
    words += ["bbb one", "ccc two", "ddd three"]
    ids = [f"p{i:02d}" for i in range(39)]
    products = pd.DataFrame({"product_id": ids, "category": category, "title": words, "description": ""})
    return products, pd.DataFrame({"product_id": ids, "place": 0, "phash": None})


def test_a_node_of_too_few_groups_is_rolled_up_and_what_reaches_the_root_alone_is_left_out():
    folds, _, _ = make_folds(*catalogue(), PARAMS, tree=True)
    assert folds["category"].value_counts().to_dict() == {"A": 24, "A >> x": 12}
    assert folds.loc[folds["product_id"].between("p24", "p35"), "category"].eq("A").all()


def test_at_a_fixed_level_it_is_an_error():
    with pytest.raises(AisleError, match="A >> y"):
        make_folds(*catalogue(), PARAMS)
