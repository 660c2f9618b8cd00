"""Prices as shops write them: a currency around them, and either mark between thousands or before cents."""

import re
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from aisle.catalogue.formats.records import Number

_AMOUNT = re.compile(
    r"\d{1,3}(?:[' \u00a0\u202f\u2019]\d{3})+(?:[.,]\d+)?(?!\d)|(?:(?<![\w.,])[.,])?\d(?:[\d.,]*\d)?"
)
"""A mark at the start is that before cents (`.99`), unless a currency ends with it (`Rs.99`)."""
_GROUPS = re.compile(r"[' \u00a0\u202f\u2019]")
_THOUSANDS = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
"""Between thousands, or as in India between hundreds above them: 1,23,456."""


def _amount(text: str) -> str | None:
    """Return the one amount in a text, without spaces and apostrophes; None if there is none, or a range."""
    found = _AMOUNT.findall(text)
    return _GROUPS.sub("", found[0]) if len(found) == 1 else None


def _mark(amount: str) -> str | None:
    """Return the decimal mark that an amount proves; None where it has none, or could be either."""
    marks = [mark for mark in ",." if mark in amount]
    if len(marks) == 2:
        last = max(marks, key=amount.rfind)
        return last if amount.count(last) == 1 else None
    if len(marks) == 1 and amount.count(marks[0]) == 1:
        return None if _THOUSANDS.fullmatch(amount) and not amount.startswith("0") else marks[0]
    return None


def decimal_mark(values: Sequence[Any]) -> str | None:
    """Return the decimal mark that a column's prices prove, None if none does or they disagree."""
    amounts = (_amount(value) for value in values if isinstance(value, str) and not isinstance(value, Number))
    proven = {mark for amount in amounts if amount and (mark := _mark(amount))}
    return proven.pop() if len(proven) == 1 else None


def _number(amount: str, decimal: str | None) -> float:
    """Return an amount as a number, NaN where its marks make no sense under the decimal mark.

    One mark before exactly three digits stands between thousands, unless the column (or the catalogue's
    setting) has it before cents.
    """
    mark = _mark(amount) or (decimal if decimal and amount.count(decimal) == 1 else None)
    whole, _, cents = amount.rpartition(mark) if mark else (amount, "", "")
    other = [each for each in ",." if each in whole]
    if len(other) > 1 or (other and not _THOUSANDS.fullmatch(whole)) or (mark and mark in whole):
        return np.nan
    number = float(f"{re.sub('[.,]', '', whole) or '0'}.{cents or '0'}")
    return number if isfinite(number) else np.nan


def parse(values: Sequence[Any], decimal: str | None = None) -> np.ndarray:
    """Return prices as float64 (n,), NaN where a value is none (empty, words, a range).

    Parameters
    ----------
    values
        Texts, `Number` where the source's format says that it is one.
    decimal
        The mark before cents where a price alone does not tell; by default what the column's others prove.
    """
    decimal = decimal or decimal_mark(values)

    def one(value: Any) -> float:
        if isinstance(value, Number):
            return float(value) if isfinite(float(value)) else np.nan
        amount = _amount(value) if isinstance(value, str) else None
        return _number(amount, decimal) if amount else np.nan

    return np.array([one(value) for value in values], dtype=float)
