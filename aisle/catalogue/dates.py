"""Dates as exports write them, as ISO 8601 days."""

import re
from collections.abc import Sequence

import pandas as pd

from aisle.pipeline.errors import AisleError

FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y")
"""Tried in this order where a column is not ISO 8601; a time after the day is left out."""
SECONDS = "seconds since 1970"
_SECONDS = re.compile(r"[0-9]{9,13}")


def parse(texts: Sequence[str], form: str | None = None) -> tuple[pd.Series, str]:
    """Return days (`2016-03-25`, None where there is none), and the format that they were written in.

    Parameters
    ----------
    texts
        As in the source; "" where there is none.
    form
        `strptime` format; by default ISO 8601, seconds since 1970, or the one of `FORMATS` that reads most.

    Raises
    ------
    AisleError
        If two formats read the column equally well and differently: day and month could be either; or `form`
        is no format.
    """
    given = pd.Series(texts, dtype=object).replace("", None)
    filled = given.dropna()
    if filled.empty:
        return given.astype(object), ""
    if form is None and filled.str.fullmatch(_SECONDS).all():
        numbers = pd.to_numeric(filled)
        seconds = numbers.where(numbers < 10**11, numbers // 1000)
        return _days(pd.to_datetime(seconds, unit="s", errors="coerce"), given), SECONDS
    candidates = [form] if form else ["ISO8601", *FORMATS]
    days = {each: _read(filled, each) for each in candidates}
    best = max(candidates, key=lambda each: days[each].notna().sum())
    alike = [each for each in candidates if days[each].notna().sum() == days[best].notna().sum()]
    if best != "ISO8601" and any(not days[each].equals(days[best]) for each in alike):
        raise AisleError(
            f"dates must be read in one way; {filled.iloc[0]!r} and the others fit {' and '.join(alike)}. "
            "Set catalogue.format.date."
        )
    return _days(days[best], given), best


def _read(texts: pd.Series, form: str) -> pd.Series:
    texts = texts.where(texts.str.contains("[0-9]"))  # pandas takes `now` and `today` for days
    if form == "ISO8601":
        return pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    width = texts.str.split(r"[T ]\d+:", n=1, regex=True).str[0]
    try:
        return pd.to_datetime(width.str.strip(), format=form, utc=True, errors="coerce")
    except ValueError as error:
        raise AisleError(
            f"catalogue.format.date must be a format of strptime, not {form!r}: {error}"
        ) from None


def _days(read: pd.Series, given: pd.Series) -> pd.Series:
    days = read.dt.strftime("%Y-%m-%d")
    return days.reindex(given.index).astype(object).where(read.reindex(given.index).notna(), None)
