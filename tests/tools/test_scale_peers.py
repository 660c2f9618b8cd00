"""tools/scale/peers.py: each way to look for near-duplicates finds them, and what is planted is counted."""

import pandas as pd
import pytest

from tools import make_catalogue
from tools.scale import peers

LONG = "the quick brown fox jumps over the lazy dog near the old mill by the river"
TEXTS = pd.Series([LONG, "something else altogether is said here", LONG + " bank", "", LONG, ""])


@pytest.mark.parametrize("how", peers.WAYS)
def test_each_way_finds_what_is_nearly_the_same_and_nothing_else(how):
    found = peers.WAYS[how](TEXTS)
    assert {*zip(found["left"], found["right"], strict=True)} == {(0, 2), (0, 4), (2, 4)}


def test_candidates_that_are_checked_are_pairs_of_the_exact_way():
    texts = pd.Series([LONG, LONG.replace("fox", "cat"), LONG[:40], LONG[::-1]])
    exact, checked = (
        {*map(tuple, way(texts)[["left", "right"]].to_numpy())} for way in (peers.exact, peers.checked)
    )
    assert (0, 1) in checked <= exact


def test_what_is_planted_is_found(tmp_path):
    make_catalogue.write(tmp_path, 200, 0, pictures=False)
    texts, planted = peers.given(str(tmp_path))
    assert len(texts) == 200 and len(planted) and (planted["left"] < planted["right"]).all()
    found = peers.pairs("aisle", str(tmp_path))
    assert found["pairs"] and found["recall_of_planted"] > 0.9
