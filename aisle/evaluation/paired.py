"""What a paired test between two revisions needs: who is right on each product, small enough for Git."""

from collections.abc import Mapping
from hashlib import sha256

import pandas as pd

from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError

DIGITS = 8
"""Of a product's digest: two of 10,000 products share theirs with a probability of 1 %."""


def digest(product_id: str) -> str:
    """Return what stands for a product in a committed table: DIGITS hexadecimal digits of its id's sha256."""
    return sha256(product_id.encode()).hexdigest()[:DIGITS]


def paired_table(products: pd.DataFrame, group: pd.Series, roles: Mapping[str, str]) -> pd.DataFrame:
    """Return which runs of each role's model are right on each product.

    Parameters
    ----------
    products
        The table of reports/evaluation/products.parquet: model, product_id, outcomes.
    group
        Near-duplicate group by product_id: what a test resamples.
    roles
        Role (champion, baseline, best) to its model.

    Returns
    -------
    pandas.DataFrame
        A row per product, by digest: digest, group, and a column per role: a string with a character for
        each seed and repeat of its model, 1 right and 0 wrong. Products whose digests are the same are left
        out: they could not be told apart in another revision.

    Raises
    ------
    AisleError
        If a model has no cross-validated predictions, or the products differ: names them.
    """
    columns: dict[str, pd.Series] = {}
    for role, model in roles.items():
        rows = products[products["model"] == model].astype({tables.KEY: str, "outcomes": str})
        if rows.empty:
            raise AisleError(f"the {role} must have cross-validated predictions; {model} has none")
        ids = next(iter(columns.values())).index if columns else rows[tables.KEY]
        rows = tables.align(rows, ids, f"the outcomes of the {role}", "those of the other roles")
        columns[role] = rows.set_index(tables.KEY)["outcomes"]
    table = pd.DataFrame(columns)
    known = pd.DataFrame({tables.KEY: group.index.astype(str), "group": group.to_numpy()})
    known = tables.align(known, table.index, "the near-duplicate groups", "the evaluated products")
    table.insert(0, "group", known["group"].to_numpy())
    table.insert(0, "digest", [digest(key) for key in table.index])
    return table[~table["digest"].duplicated(keep=False)].sort_values("digest", ignore_index=True)
