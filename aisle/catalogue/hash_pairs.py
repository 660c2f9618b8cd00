"""Pairs of perceptual hashes at most so many bits apart, without all pairs: multi-index hashing, exact.

A hash is cut into parts of 16 bits. Two hashes that differ in `limit` bits cannot differ much in every part:
with m parts and limit = r m + a, 0 <= a < m, they differ in at most r bits in one of the first a + 1 parts,
or in at most r - 1 in one of the others; for otherwise they would differ in (a + 1)(r + 1) + (m - a - 1) r =
r m + a + 1 bits or more. So whoever looks, part by part, at the hashes that have the same part or one
that near misses no pair, and each pair found is then compared as a whole (Norouzi, Punjani and Fleet 2012).
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from aisle.pipeline.errors import AisleError

PART = 16
"""Bits of a part: 65,536 keys, about as many as there are hashes."""
LOOKED_UP = 1
"""Bits in which parts may differ to be looked up; of two there are 137 keys a part, more than it saves."""
BLOCK = 1 << 20
"""Pairs compared at a time: bounds memory, to some 100 MB."""


def radii(bits: int, limit: int) -> list[int]:
    """Return how far parts may differ, part by part, so that no pair at most `limit` bits apart is missed.

    Parameters
    ----------
    bits
        Of a hash, a multiple of `PART`.
    limit
        In bits.

    Returns
    -------
    list of int
        -1 where a part need not be looked at.
    """
    parts = bits // PART
    radius, rest = divmod(limit, parts)
    return [radius] * (rest + 1) + [radius - 1] * (parts - rest - 1)


def pairs(hashes: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of different hashes that differ in at most `limit` bits.

    Parameters
    ----------
    hashes
        uint8 (n, bytes), each row once.
    limit
        In bits.

    Returns
    -------
    left, right, distance : numpy.ndarray
        Rows, left < right, by left and right; bits. Beyond twice as many bits as parts (31 of 256) the parts
        would differ too much to be looked up, and all pairs are compared, which gives the same.

    Raises
    ------
    AisleError
        If a hash is no whole number of parts.
    """
    if hashes.shape[1] * 8 % PART:
        raise AisleError(
            f"perceptual hashes must have a multiple of {PART} bits; they have {hashes.shape[1] * 8}. "
            "`dvc repro --force prepare_images` makes them anew"
        )
    n, found = len(hashes), [np.empty((3, 0), np.int64)]
    words = _words(hashes)
    radius = radii(hashes.shape[1] * 8, limit)
    candidates = _looked_up(hashes, radius) if max(radius) <= LOOKED_UP else _all(n)
    for left, right in candidates:
        distance = np.zeros(len(left), np.int64)
        for word in words:
            distance += np.bitwise_count(word[left] ^ word[right])
        near = distance <= limit
        sides = np.sort([left[near], right[near]], axis=0)
        found.append(np.vstack([sides, distance[near]]))
        if sum(each.shape[1] for each in found[1:]) > max(found[0].shape[1], BLOCK):
            found = [_once(found, n)]
    left, right, distance = _once(found, n)
    return left, right, distance


def _words(hashes: np.ndarray) -> list[np.ndarray]:
    """Return the hashes' bits 64 at a time, each array (n,)."""
    padded = np.pad(hashes, ((0, 0), (0, -hashes.shape[1] % 8)))
    return [np.ascontiguousarray(column) for column in padded.view(np.uint64).T]


def _once(found: list[np.ndarray], n: int) -> np.ndarray:
    """Return each pair once, whichever parts it was found by: (3, pairs)."""
    every = np.concatenate(found, axis=1)
    _, first = np.unique(every[0] * n + every[1], return_index=True)
    return every[:, first]


def _all(n: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs of n rows."""
    starts = np.arange(n)
    yield from _listed(starts, starts + 1, np.full(n, n), starts)


def _looked_up(hashes: np.ndarray, radius: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs that a part has near enough, part by part."""
    for keys, allowed in zip(hashes.view(np.uint16).T, radius, strict=True):
        order = np.argsort(keys, kind="stable")
        ends = np.cumsum(np.bincount(keys, minlength=1 << PART))
        starts = ends - np.bincount(keys, minlength=1 << PART)
        own = keys[order].astype(np.int64)
        if allowed >= 0:  # the same part: the later ones of the same key
            yield from _listed(order, np.arange(len(own)) + 1, ends[own], order)
        for changed in range(1, allowed + 1):
            for places in combinations(range(PART), changed):
                flip = sum(1 << place for place in places)
                # of two keys that differ so, the one without the first of the bits looks the other up
                asks = np.flatnonzero(own & (1 << places[0]) == 0)
                other = own[asks] ^ flip
                yield from _listed(order[asks], starts[other], ends[other], order)


def _listed(
    rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, order: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each of `rows` with `order[start:end]` of its own, some `BLOCK` pairs at a time."""
    count = np.maximum(ends - starts, 0)
    total = np.cumsum(count)
    begin = 0
    while begin < len(rows):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + BLOCK, side="right")))
        own = count[begin:end]
        within = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
        yield np.repeat(rows[begin:end], own), order[np.repeat(starts[begin:end], own) + within]
        begin = end
