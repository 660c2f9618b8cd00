"""Pictures that are no product's own: "no picture" in its place, on products of several categories."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aisle.catalogue.images import SharedPictureParams
from aisle.catalogue.picture_rows import SHARED

SAME = 16
"""Bits of 256 in which two hashes of one picture differ at most, saved at another size or quality."""
CANDIDATES = 100
"""The most frequent hashes looked at."""


def shared(
    rows: Sequence[Mapping[str, Any]], category: Mapping[str, str], params: SharedPictureParams
) -> dict[int, str]:
    """Return the position of each row whose picture counts as none, and why, in words.

    Counted are pictures that look the same: hashes at most `SAME` bits apart. They are shared if they are
    of `min_products` products and `min_share` of all that have a picture, and no category has more than
    `max_in_category` of these products.

    Parameters
    ----------
    rows
        Of data/images.parquet, without the pictures.
    category
        Product id to its category, "" where it has none; such products are not held against the spread.
    params
        Section `images.shared`.
    """
    hashed = [i for i, row in enumerate(rows) if row.get("phash")]
    frequent = Counter(rows[i]["phash"] for i in hashed).most_common(CANDIDATES)
    everyone = len({row["product_id"] for row in rows if not row.get("problem")})
    bits = _bits([rows[i]["phash"] for i in hashed])
    found: dict[int, str] = {}
    for seed, count in frequent:
        if count == 1:
            break  # nor are the others frequent
        alike = np.count_nonzero(bits != _bits([seed]), axis=1) <= SAME
        members = [i for i, same in zip(hashed, alike, strict=True) if same and i not in found]
        products = {rows[i]["product_id"] for i in members}
        if len(products) < max(params.min_products, params.min_share * everyone):
            continue
        spread = Counter(category[product] for product in products if category[product])
        if spread and max(spread.values()) > params.max_in_category * spread.total():
            continue
        reason = f"{SHARED}{len(products)} products of {len(spread)} categories"
        found |= dict.fromkeys(members, reason)
    return found


def _bits(hashes: Sequence[str]) -> np.ndarray:
    """Return booleans (n, bits) of hexadecimal hashes."""
    if not hashes:
        return np.zeros((0, 0), bool)
    values = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), -1)
    return np.unpackbits(values, axis=1).astype(bool)
