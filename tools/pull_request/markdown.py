"""Values, tables and folded parts as GitHub Markdown; what comes from data is shown as text."""

import html
import re
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from aisle.evaluation.metric_noise import is_number

ROWS = 100
"""Of a folded table; GitHub takes 65,536 characters a comment."""


def code(text: Any) -> str:
    """Return `text` as a Markdown code span that is safe in a table and mentions nobody."""
    line = " ".join(str(text).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line if len(line) <= 100 else line[:97] + '...'}`"


def html_code(text: Any) -> str:
    """Return `text` as code for a line that is HTML, such as a summary."""
    return f"<code>{html.escape(str(text))}</code>"


def show(value: Any, digits: int = 4) -> str:
    """Return a value as a table cell, a float to so many significant digits."""
    if isinstance(value, float) and is_number(value):
        return f"{value:.{max(digits - 4, 0)}f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
    return "-" if value is None else str(value) if is_number(value) else code(value)


def show_pair(before: Any, after: Any) -> list[str]:
    """Return both values with as many digits as it takes to tell them apart."""
    pairs = [[show(before, digits), show(after, digits)] for digits in (4, 6, 9, 17)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def plural(count: int, noun: str) -> str:
    """Return ``1 stage``, ``2 stages``."""
    return f"{count} {noun}" + "s" * (count != 1)


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Return the first names, and that there are more."""
    return ", ".join(names[:limit]) + ", ..." * (len(names) > limit)


def table(headers: str, rows: Sequence[Sequence[str]], limit: int = ROWS) -> str:
    """Return the first rows as a table and the number of those left out; "" without any."""
    text = (
        tabulate(rows[:limit], headers.split(", "), tablefmt="github", disable_numparse=True) if rows else ""
    )
    left = f"\n\n{plural(len(rows) - limit, 'further row')} left out." if len(rows) > limit else ""
    return re.sub("-{4,}", "---", re.sub(" {2,}", " ", text)) + left


def folded(summary: str, text: str) -> str:
    """Return Markdown behind a click, "" if there is none; the summary is HTML."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>" if text else ""
