"""Duplicates in different folds, or in different parts of the hold-out."""

import pandas as pd

from aisle.catalogue.shared_text import without_shared
from aisle.evaluation.leakage.base import Evidence, Finding, LeakageParams
from aisle.models.predictions_table import repeats
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError, some


def identical(values: pd.Series, product_ids: pd.Series, kind: str) -> pd.DataFrame:
    """Return each product with the first one of the same value: product_id_left, product_id_right, kind."""
    here = values.notna() & (values != "")
    first = product_ids[here].groupby(values[here]).transform("first")
    table = pd.DataFrame({"product_id_left": first, "product_id_right": product_ids[here], "kind": kind})
    return table[table["product_id_left"] != table["product_id_right"]].drop_duplicates()


def duplicates(evidence: Evidence) -> pd.DataFrame:
    """Return the pairs of near-duplicates and those of identical pictures and descriptions.

    The pairs of make_folds are not trusted: what is identical is looked up again.

    Returns
    -------
    pandas.DataFrame
        product_id_left, product_id_right, kind.
    """
    ids, images, pairs = evidence.products[tables.KEY], evidence.images, evidence.pairs
    digests = images["sha256"].where(images["phash"].notna())  # blank pictures tell nothing
    own = pd.Series(without_shared(evidence.texts["description_clean"], evidence.shared_text), dtype=str)
    return pd.concat(
        [
            pairs.assign(kind="near-duplicate " + pairs["kind"]),
            identical(digests, images[tables.KEY], "identical picture"),
            identical(own, ids, "identical description"),
        ],
        ignore_index=True,
    )


def across_folds(evidence: Evidence, params: LeakageParams) -> Finding:
    """Count the pairs of duplicates that are in different folds, or in different parts of the hold-out.

    Returns
    -------
    Finding
        A row per kind of pair and column of the folds (value: pairs across, reference: all pairs), and
        `pairs`, `pairs_across_folds` (the most in any column, of all kinds), `duplicates_suspected`.

    Raises
    ------
    AisleError
        If a pair has a product that the folds lack.
    """
    pairs, by_id = duplicates(evidence), evidence.folds.set_index(tables.KEY)
    sides = [pairs[f"product_id_{side}"].astype(str) for side in ("left", "right")]
    if unknown := sorted({*sides[0], *sides[1]} - {*by_id.index}):
        raise AisleError(
            f"pairs of duplicates must be of products in data/folds.parquet; {some(unknown)} is not. "
            "Run `dvc repro`."
        )
    rows, most = [], 0
    for column in ["split", *repeats(evidence.folds)]:
        left, right = (side.map(by_id[column]).to_numpy() for side in sides)
        across = pd.Series(left != right, pairs.index)
        most = max(most, int(across.sum()))
        for kind, part in across.groupby(pairs["kind"]):
            rows.append({"item": f"{kind}: {column}", "value": int(part.sum()), "reference": len(part)})
    table = pd.DataFrame(rows, columns=["item", "value", "reference"])
    table = table.assign(check="duplicates_across_folds", limit=params.max_pairs)
    table["suspected"] = table["value"] > params.max_pairs
    suspected = most > params.max_pairs
    figures = {"pairs": len(pairs), "pairs_across_folds": most, "duplicates_suspected": suspected}
    return Finding(table, figures)
