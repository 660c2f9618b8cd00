"""catalogue/hash_pairs.py: no pair is missed, against all pairs."""

import numpy as np
import pytest

from aisle.catalogue import hash_pairs, near_duplicates
from aisle.pipeline.errors import AisleError
from tools import all_pairs
from tools.scale import drawn


@pytest.mark.parametrize("limit", [0, 7, 15, 16, 24, 31, 32, 40, 127])
def test_the_parts_leave_no_room_for_a_pair_that_is_missed(limit):
    """The fewest bits in which two hashes differ that no part finds are more than the limit."""
    radius = hash_pairs.radii(256, limit)
    assert len(radius) == 16 and sum(each + 1 for each in radius) == limit + 1


@pytest.mark.parametrize("limit", [0, 5, 15, 24, 31, 32, 60])
def test_pairs_at_every_distance_are_found(limit):
    """Of each hash one copy at each distance, the bits that differ in all parts or in few of them."""
    rng = np.random.default_rng(limit)
    rows = [rng.integers(0, 2, 256, np.uint8) for _ in range(4)]
    for row in rows[:4]:
        for distance in range(1, 64):
            places = rng.permutation(256) if distance % 2 else np.arange(256).reshape(16, 16).T.ravel()
            copy = row.copy()
            copy[places[:distance]] ^= 1
            rows.append(copy)
    bits = np.unique(rows, axis=0)
    left, right, distance = hash_pairs.pairs(np.packbits(bits, axis=1), limit)
    every = (bits[:, None] != bits[None]).sum(-1)
    expected = np.argwhere(np.triu(every <= limit, 1))
    assert np.array_equal(np.stack([left, right], axis=1), expected) and (limit == 0 or len(expected) > 50)
    assert np.array_equal(distance, every[left, right])


def test_twenty_thousand_hashes_give_the_pairs_of_all_pairs():
    hashes = drawn.hashes(20_000)
    found = near_duplicates.picture_pairs(hashes, 24)
    assert len(found) > 500 and found.equals(all_pairs.picture_pairs(hashes, 24))


def test_small_blocks_give_the_same(monkeypatch):
    hashes = drawn.hashes(500)
    expected = near_duplicates.picture_pairs(hashes, 31)
    monkeypatch.setattr(hash_pairs, "BLOCK", 7)
    assert len(expected) > 10 and near_duplicates.picture_pairs(hashes, 31).equals(expected)


def test_a_hash_of_no_whole_part_is_refused():
    with pytest.raises(AisleError, match="multiple of 16 bits; they have 24"):
        hash_pairs.pairs(np.zeros((2, 3), np.uint8), 1)
