"""The names of the categories, and the category paths, in the texts."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from aisle.catalogue.taxonomy import PATH_SEPARATOR
from aisle.catalogue.text_forms import clean
from aisle.evaluation.leakage.base import FIELDS, Evidence, Finding, LeakageParams


def contain(texts: Iterable[str], phrase: str) -> np.ndarray:
    """Return which clean texts (n,) hold a phrase as whole words; an empty one is in none."""
    wanted = f" {clean(phrase)} "
    return np.array([wanted.strip() != "" and wanted in f" {text} " for text in texts], bool)


def category_names(evidence: Evidence, params: LeakageParams) -> Finding:
    """Look for the names of the categories in each field, as whole words.

    Returns
    -------
    Finding
        A row per field and category (value: share of its products whose text has its name, reference: share
        of the others whose text has it), and for each field `name_<field>` (share of products whose text has
        their own category's name), `name_<field>_other` (the expected share with the name of a random product
        of another category), and `name_suspected`: in some field most categories are named.
    """
    category = evidence.products["category"].to_numpy(str)
    names = np.unique(category)
    own = category[:, None] == names
    count = own.sum(axis=0)
    rows, figures, suspected = [], dict[str, Any](), False
    for field in FIELDS:
        has = np.column_stack([contain(evidence.texts[f"{field}_clean"], name) for name in names])
        inside = (has & own).sum(axis=0) / count
        outside = (has & ~own).sum(axis=0) / np.maximum((~own).sum(axis=0), 1)
        named = inside - outside >= params.name_excess
        suspected |= bool(named.mean() > params.max_categories)
        for i, name in enumerate(names):
            values = {"value": inside[i], "reference": outside[i], "suspected": named[i]}
            rows.append({"item": f"{field}: {name}", **values})
        others = np.where(own, 0, count)
        figures[f"name_{field}"] = (has & own).any(axis=1).mean()
        figures[f"name_{field}_other"] = ((has * others).sum(axis=1) / others.sum(axis=1)).mean()
    table = pd.DataFrame(rows).assign(check="category_name", limit=params.name_excess)
    return Finding(table, figures | {"name_suspected": suspected})


def category_paths(evidence: Evidence, params: LeakageParams) -> Finding:
    """Look for the segments of the category path, and for the whole path, in each field.

    A leaf often repeats the product's name: a segment alone is no sign, the whole path in a text is.

    Returns
    -------
    Finding
        A row per field and level (value: share of the products with that level whose text has its segment),
        one per field for the whole path (of products with two levels or more), and `path_share` (the most of
        any field), `path_suspected`.
    """
    paths = [str(path).split(PATH_SEPARATOR) for path in evidence.products["category_path"]]
    rows, most = [], 0.0
    for field in FIELDS:
        texts = list(evidence.texts[f"{field}_clean"])
        for level in range(max(map(len, paths))):
            has = [
                contain([text], segments[level])[0]
                for text, segments in zip(texts, paths, strict=True)
                if len(segments) > level
            ]
            rows.append({"item": f"{field}: level {level + 1}", "value": float(np.mean(has))})
        whole = [
            contain([text], " ".join(segments))[0]
            for text, segments in zip(texts, paths, strict=True)
            if len(segments) > 1
        ]
        share = float(np.mean(whole)) if whole else 0.0
        most = max(most, share)
        verdict = {"limit": params.max_path_share, "suspected": share > params.max_path_share}
        rows.append({"item": f"{field}: whole path", "value": share, **verdict})
    table = pd.DataFrame(rows).assign(check="category_path")
    return Finding(table, {"path_share": most, "path_suspected": most > params.max_path_share})
