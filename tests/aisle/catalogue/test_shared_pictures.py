"""catalogue/shared_pictures.py: a picture of many products of several categories is no product's own."""

import pytest

from aisle.catalogue import shared_pictures
from aisle.catalogue.images import SharedPictureParams

PARAMS = SharedPictureParams(min_share=0.1, min_products=5, max_in_category=0.8)
PLACEHOLDER = "0f" * 32


def own(i):
    """Return a hash that is far from every other: 16 of its bits say i, each 16 times."""
    return "".join("ffff" if i >> bit & 1 else "0000" for bit in range(16))


def rows(hashes):
    return [{"product_id": f"p{i}", "place": 0, "phash": each} for i, each in enumerate(hashes)]


def found(hashes, categories="abc", params=PARAMS, table=None):
    category = {f"p{i}": categories[i % len(categories)] for i in range(len(hashes))}
    return shared_pictures.shared(table or rows(hashes), category, params)


def test_a_placeholder_is_found():
    hashes = [PLACEHOLDER] * 8 + [own(i) for i in range(40)]
    assert found(hashes) == dict.fromkeys(range(8), "shared by 8 products of 3 categories")


def test_a_placeholder_saved_at_other_sizes_is_one():
    near = [
        PLACEHOLDER,
        PLACEHOLDER,
        "0e" + PLACEHOLDER[2:],
        "1e0e" + PLACEHOLDER[4:],
        "0000" + PLACEHOLDER[4:],
    ]
    assert list(found(near * 2 + [own(i) for i in range(40)])) == list(range(10))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_few_products_that_share_a_picture_are_near_duplicates(count):
    assert not found([PLACEHOLDER] * count + [own(i) for i in range(10)])


def test_variants_of_one_category_are_near_duplicates():
    hashes = [PLACEHOLDER] * 8 + [own(i) for i in range(40)]
    assert not found(hashes, "a" * 48)
    assert not found(hashes, "a" * 7 + "b" * 41)  # 7 of 8
    assert len(found(hashes, "a" * 6 + "b" * 42)) == 8


def test_what_few_of_many_share_stays():
    assert not found([PLACEHOLDER] * 5 + [own(i) for i in range(60)])
    assert found([PLACEHOLDER] * 5 + [own(i) for i in range(40)])


def test_products_without_a_category_count_and_are_no_category():
    hashes = [PLACEHOLDER] * 6 + [own(i) for i in range(20)]
    assert set(found(hashes, ["", "a", "b"]).values()) == {"shared by 6 products of 2 categories"}
    assert set(found(hashes, [""]).values()) == {"shared by 6 products of 0 categories"}


def test_blank_and_unreadable_pictures_are_no_shared_picture():
    assert found([None] * 20) == {} and found([]) == {}


def test_two_pictures_of_one_product_are_one_product():
    table = [{"product_id": f"p{i // 2}", "place": i % 2, "phash": PLACEHOLDER} for i in range(8)]
    assert not found([None] * 4, table=table)
