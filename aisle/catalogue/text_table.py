"""data/text.parquet: every field of every product in five forms, and how many words each step leaves."""

from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle.catalogue import letters, preprocessing, specifications, text_forms, text_selection


def preprocess(
    products: pd.DataFrame, params: text_forms.TextParams
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any], list[str]]:
    """Return the tables of data/text.parquet and data/text_statistics.csv, the totals, and warnings.

    Parameters
    ----------
    products
        product_id, title, description, specifications.
    params
        Section `text`.

    Returns
    -------
    texts : pandas.DataFrame
        A row per product: product_id, <field>_<form>.
    statistics : pandas.DataFrame
        A row per product and field: product_id, field, words_before, words_after, reduction.
    totals : dict
        The figures of metrics/text.json.
    warnings : list of str
        Of fields of which preprocessing leaves little (`letters.warnings`).
    """
    fields = {
        "title": products["title"],
        "description": products["description"],
        "specifications": products["specifications"].map(specifications.as_text),
    }
    columns: dict[str, pd.Series] = {"product_id": products["product_id"]}
    statistics: list[pd.DataFrame] = []
    totals: dict[str, Any] = {}
    counter = letters.Letters()
    for field, raw in fields.items():
        progress = tqdm(raw, desc=field, unit="text", disable=None)
        rows = list(preprocessing.preprocess(progress, params))
        forms = pd.DataFrame(rows, columns=list(text_selection.FORMS))
        columns |= {f"{field}_{form}": forms[form] for form in text_selection.FORMS}
        counted = text_forms.statistics(raw, forms["tokens"])
        statistics.append(counted.assign(product_id=products["product_id"], field=field))
        totals |= _totals(field, counted, forms["lemmas"])
        counter.add(field, forms["raw"], forms["tokens"])
    table = pd.concat(statistics).sort_values(["product_id", "field"])
    order = ["product_id", "field", "words_before", "words_after", "reduction"]
    totals |= counter.totals()
    texts = {field: int(columns[f"{field}_raw"].ne("").sum()) for field in fields}
    return pd.DataFrame(columns), table[order], totals, letters.warnings(totals, texts)


def _totals(field: str, counted: pd.DataFrame, lemmas: pd.Series) -> dict[str, Any]:
    before, after = int(counted["words_before"].sum()), int(counted["words_after"].sum())
    return {
        f"{field}_words_before": before,
        f"{field}_words_after": after,
        f"{field}_reduction": 1 - after / before if before else 0.0,
        f"{field}_vocabulary": len(set(" ".join(lemmas).split())),
    }
