"""What every format's reader gives, and what it may be told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydantic import Field

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section


class Number(str):
    """A number of a typed format (JSON, Excel, Parquet), as it is written there: never `1.299` for 1,299."""

    __slots__ = ()


class FormatParams(Section):
    """Section `catalogue.format`: what is detected unless it is said."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1)
    encoding: str | None = None
    decimal: str | None = Field(default=None, pattern=r"^[.,]$")
    date: str | None = None
    sheet: str | None = None
    picture_separator: str | None = Field(default=None, min_length=1)


@dataclass
class Records:
    """The records of a table.

    Parameters
    ----------
    table
        One row per record, indexed by the line on which it begins; a value is text (`Number` where the
        format says that it is one), bytes, a list or a dict of such values, or "" where there is none.
    problems
        Line to what is wrong with its record, in words; the record is in the table all the same.
    detected
        What was found out about the format, for people: name to value.
    """

    table: pd.DataFrame
    problems: dict[Any, str] = field(default_factory=dict)
    detected: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """Return what was found out about the format, in words."""
        kind = self.detected.get("format")
        rest = ", ".join(f"{name} {value}" for name, value in self.detected.items() if name != "format")
        return f"read as {kind}{f' ({rest})' if rest else ''}" if kind else f"read {rest}"


def check_names(names: Sequence[str], where: str) -> None:
    """See that no column is there twice, those without a name aside.

    Raises
    ------
    AisleError
        If one is; `where` says whose header it is.
    """
    if twice := [name for name, count in Counter(names).items() if name and count > 1]:
        raise AisleError(f"{where} must have each column once; its header repeats {some(twice)}")


def plain(value: Any) -> Any:
    """Return a value of a typed format as `Records` holds it.

    Whole numbers have no fraction (an id that a table holds as 7.0 is 7), dates are ISO 8601, what is
    missing is "".
    """
    if isinstance(value, str | bytes):
        return value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return Number(int(value) if value.is_integer() and abs(value) < 2**53 else repr(value))
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
