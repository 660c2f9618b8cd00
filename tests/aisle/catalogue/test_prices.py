"""catalogue/prices.py: either mark, whatever stands around."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisle.catalogue import prices
from aisle.catalogue.formats.records import Number


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1.299 €", 1299),
        ("1.299,00 €", 1299),
        ("19,99", 19.99),
        ("1 299,00", 1299),
        ("1\u202f299,00 €", 1299),
        ("$1,299.00", 1299),
        ("Rs. 499", 499),
        ("12.50 - 19.90", np.nan),
        ("1,299", 1299),
        ("£5", 5),
        ("free", np.nan),
        ("1\u2019299.00", 1299),
        ("0.299", 0.299),
        ("12.3456", 12.3456),
        ("1.299.000", 1299000),
        ("1.29.00", np.nan),
        ("", np.nan),
        ("5.-", 5),
        (".99", 0.99),
        ("$,50", 0.5),
        ("Rs.99", 99),
        ("₹1,23,456.00", 123456),
        ("1,23,456", 123456),
        ("9" * 400, np.nan),
    ],
)
def test_a_price_by_itself(text, price):
    assert prices.parse([text])[0] == pytest.approx(price, nan_ok=True)


def test_the_column_decides_what_a_price_alone_does_not():
    assert list(prices.parse(["1.299", "12.50"])) == [1.299, 12.5]
    assert list(prices.parse(["1.299", "12,50"])) == [1299, 12.5]
    assert list(prices.parse(["1.299", "12,50", "13.50"])) == [1299, 12.5, 13.5]
    assert list(prices.parse(["1.299"], decimal=".")) == [1.299]


def test_numbers_of_a_typed_format_are_what_they_are():
    assert list(prices.parse([Number("1.299"), Number("1e3")])) == [1.299, 1000]
    assert prices.decimal_mark([Number("1,5"), "2"]) is None
    assert np.isnan(prices.parse([Number("1e999"), Number("inf")])).all()


@given(
    st.integers(0, 10**9),
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", ".")]),
    st.sampled_from(["{}", "€ {}", "{} kr", "EUR{}"]),
)
def test_what_a_shop_writes_is_read(cents, marks, around):
    thousands, decimal = marks
    text = f"{cents / 100:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    assert prices.parse([around.format(text)])[0] == pytest.approx(cents / 100)


@given(st.text(max_size=60))
def test_any_text_is_a_price_or_none(text):
    assert prices.parse([text]).shape == (1,)
