"""Records that are one product: its variants and further pictures, as Shopify writes them."""

from typing import Any, Literal

import pandas as pd

Rows = Literal["auto", "single", "grouped"]
"""`grouped`: records with the same id are one product. `auto`: a record belongs to that directly before it
if it has the same id, and neither a title nor a category. `single`: every record is a product."""


def join_rows(table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
    """Return a row per product: the first value that its records have of each column, all of their lists.

    Parameters
    ----------
    table
        From `columns.map_columns`: product_id, title, path and others; lists are joined, each item once.
        Malformed records (`_problem`) stay by themselves.
    rows
        Which records belong together.
    """
    leaders = _leaders(table, rows)
    if all(leader == place for place, leader in enumerate(leaders)):
        return table
    columns = {name: table[name].tolist() for name in table}
    members: dict[int, list[int]] = {}
    for place, leader in enumerate(leaders):
        members.setdefault(leader, []).append(place)
    for leader, places in members.items():
        for values in columns.values():
            values[leader] = _first_or_all([values[place] for place in places])
    kept = list(members)
    return pd.DataFrame(
        {
            name: pd.Series([values[i] for i in kept], dtype=table[name].dtype)
            for name, values in columns.items()
        }
    ).set_axis(table.index[kept])


def _leaders(table: pd.DataFrame, rows: Rows) -> list[int]:
    """Return for each record the place of the one that it belongs to, its own if that is itself."""
    ids, titles, paths = table["product_id"].tolist(), table["title"].tolist(), table["path"].tolist()
    problems = table["_problem"].tolist()
    first: dict[str, int] = {}
    leaders: list[int] = []
    for place, identifier in enumerate(ids):
        leader = place
        if rows == "grouped" and identifier and not problems[place]:
            leader = first.setdefault(identifier, place)
        elif (
            rows == "auto"
            and place
            and identifier
            and identifier == ids[leaders[-1]]
            and not (titles[place] or paths[place] or problems[place] or problems[leaders[-1]])
            and titles[leaders[-1]]
        ):
            leader = leaders[-1]
        leaders.append(leader)
    return leaders


def _first_or_all(values: list[Any]) -> Any:
    if isinstance(values[0], list):
        return [*dict.fromkeys(item for value in values for item in value)]
    for value in values:
        if not (value is None or value == "" or value == () or value is False or value != value):
            return value
    return values[0]
