"""catalogue/chained_groups.py: a group that chains to a large part of a catalogue is told with its links."""

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue import chained_groups, folds_table, near_duplicates
from aisle.catalogue.splits import FoldsParams
from aisle.pipeline.params import load_params


@pytest.fixture
def params(repo):
    return load_params(repo / "params.yaml", "folds", FoldsParams)


def table(n: int, rows: list[tuple[int, int, str, float]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return folds and pairs of n products, as `make_folds` returns them."""
    sides = pd.DataFrame(rows, columns=["left", "right", "kind", "value"])
    group = near_duplicates.groups(n, sides)
    ids = np.array([f"p{i:03d}" for i in range(n)])
    names = {f"product_id_{side}": ids[sides[side]] for side in ("left", "right")}
    return pd.DataFrame({"product_id": ids, "group": group}), sides.assign(**names)


def test_the_weak_link_between_two_halves_is_told(params):
    """Two stars of 40 and 60 copies, held by one text pair near the limit and a picture pair as near."""
    stars = [(0, i, "text", 0.99) for i in range(1, 40)] + [(40, i, "picture", 2) for i in range(41, 100)]
    folds, pairs = table(400, [*stars, (3, 50, "text", 0.81), (5, 60, "picture", 23)])
    ((size, links),) = chained_groups.chained(folds, pairs, params)
    assert size == 100
    assert str(links[0]) == "p003 and p050 (text, cosine 0.81) between 40 and 60 of them"
    (told,) = chained_groups.told(folds, pairs, params)
    assert told.startswith("100 of 400 products are one group of near-duplicates") and "p003 and p050" in told


def test_a_chain_is_cut_in_its_middle(params):
    folds, pairs = table(300, [(i, i + 1, "text", 0.9) for i in range(80)])
    ((_, links),) = chained_groups.chained(folds, pairs, params)
    assert links[0].sides == (40, 41) and len(links) == chained_groups.LINKS


def test_the_same_text_on_all_has_no_weak_link(params):
    folds, pairs = table(300, [(0, i, "text", 1.0) for i in range(1, 80)])
    (told,) = chained_groups.told(folds, pairs, params)
    assert "The same text or picture is on all of them" in told


@pytest.mark.parametrize("n", [4000, 90])
def test_groups_that_are_small_are_not_told(n, params):
    folds, pairs = table(n, [(0, i, "text", 0.9) for i in range(1, 45)])
    assert not chained_groups.told(folds, pairs, params)


def test_where_one_text_is_on_too_many_products_each_is_paired_with_the_first(monkeypatch, params):
    texts = pd.Series(["a large blue chair of solid oak with arms"] * 30 + ["a lamp"] * 3, dtype=object)
    texts[33] = f"{texts[0]}!"
    every = near_duplicates.text_pairs(texts, 0.5)
    monkeypatch.setattr(near_duplicates, "MANY", 100)
    few = near_duplicates.text_pairs(texts, 0.5)
    assert len(every) == 30 * 29 // 2 + 30 + 3 and len(few) == 29 + 1 + 2
    assert few.attrs[near_duplicates.UNLISTED] == len(every) - len(few)
    assert np.array_equal(*(near_duplicates.groups(len(texts), each) for each in (every, few)))
    assert few.merge(every).shape == few.shape  # of the same value
    folds, pairs = table(10, [(0, 1, "text", 0.9)])
    pairs.attrs = few.attrs
    counts = {"shared_text_products": 0, "shared_text_only": 0}
    (told,) = folds_table.warnings(folds, pairs, counts, params)
    assert told.startswith("436 pairs of products with the very same text or picture are not listed")
