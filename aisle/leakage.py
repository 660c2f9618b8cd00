"""Signs of a leak: duplicates across folds, the category in the text, one word that tells.

A sign is no proof. What is natural (`watches` in the text of some watches) is below the limits; what is above
them in most categories at once was most likely written from the label.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from aisle import tables
from aisle.errors import AisleError, some
from aisle.metrics import corrected_t_test
from aisle.params import Section
from aisle.predictions import repeats
from aisle.text import clean

FIELDS = ("title", "description", "specifications")
SEPARATOR = " >> "
"""Between the segments of `category_path`."""
COLUMNS = ["check", "item", "word", "value", "reference", "low", "high", "p", "limit", "suspected"]
"""Of reports/leakage.csv."""
KINDS = {name: object if name in ("word", "suspected") else float for name in COLUMNS[2:]}
"""Their types; `suspected` is empty where there is no limit."""


class LeakageParams(Section):
    """Section `leakage`.

    Parameters
    ----------
    models
        Compared with grouped and with ungrouped folds (`aisle.ungrouped.ComparedModel`).
    confidence
        Of the interval of a difference.
    max_optimism
        Accuracy that ungrouped folds may give too much.
    max_pairs
        Pairs of duplicates that may be in different folds.
    name_excess
        A category counts as named in a field if its name stands in this share more of its own products than
        of others.
    max_path_share
        Share of products whose text may hold their whole category path.
    word_f1
        A category counts as told by one word at this F1.
    max_categories
        Share of the categories that may be named, or told by one word.
    """

    models: dict[str, dict[str, str]] = Field(min_length=1)
    confidence: float = Field(gt=0.5, lt=1)
    max_optimism: float = Field(ge=0, lt=1)
    max_pairs: int = Field(ge=0)
    name_excess: float = Field(gt=0, le=1)
    max_path_share: float = Field(ge=0, lt=1)
    word_f1: float = Field(gt=0, le=1)
    max_categories: float = Field(ge=0, lt=1)


Result = tuple[pd.DataFrame, dict[str, Any]]
"""Rows of reports/leakage.csv and entries of metrics/leakage.json."""


def _contain(texts: Iterable[str], phrase: str) -> np.ndarray:
    """Return which clean texts (n,) hold a phrase as whole words; an empty one is in none."""
    wanted = f" {clean(phrase)} "
    return np.array([wanted.strip() != "" and wanted in f" {text} " for text in texts], bool)


def identical(values: pd.Series, product_ids: pd.Series, kind: str) -> pd.DataFrame:
    """Return each product with the first one of the same value: product_id_left, product_id_right, kind."""
    here = values.notna() & (values != "")
    first = product_ids[here].groupby(values[here]).transform("first")
    table = pd.DataFrame({"product_id_left": first, "product_id_right": product_ids[here], "kind": kind})
    return table[table["product_id_left"] != table["product_id_right"]]


def across_folds(pairs: pd.DataFrame, folds: pd.DataFrame, params: LeakageParams) -> Result:
    """Count the pairs of duplicates that are in different folds, or in different parts of the hold-out.

    Parameters
    ----------
    pairs
        product_id_left, product_id_right, kind.
    folds
        The table of data/folds.parquet.
    params
        `max_pairs`.

    Returns
    -------
    tuple
        A row per kind of pair and column of the folds (value: pairs across, reference: all pairs), and
        `pairs_across_folds` (the most in any column, of all kinds), `duplicates_suspected`.

    Raises
    ------
    AisleError
        If a pair has a product that the folds lack.
    """
    by_id = folds.set_index(tables.KEY)
    sides = [pairs[f"product_id_{side}"].astype(str) for side in ("left", "right")]
    if unknown := sorted({*sides[0], *sides[1]} - {*by_id.index}):
        raise AisleError(
            f"pairs of duplicates must be of products in data/folds.parquet; {some(unknown)} is not. "
            "Run `dvc repro`."
        )
    rows, most = [], 0
    for column in ["split", *repeats(folds)]:
        left, right = (side.map(by_id[column]).to_numpy() for side in sides)
        across = pd.Series(left != right, pairs.index)
        most = max(most, int(across.sum()))
        for kind, part in across.groupby(pairs["kind"]):
            rows.append({"item": f"{kind}: {column}", "value": int(part.sum()), "reference": len(part)})
    table = pd.DataFrame(rows, columns=["item", "value", "reference"])
    table = table.assign(check="duplicates_across_folds", limit=params.max_pairs)
    table["suspected"] = table["value"] > params.max_pairs
    return table, {
        "pairs": len(pairs),
        "pairs_across_folds": most,
        "duplicates_suspected": most > params.max_pairs,
    }


def category_names(texts: pd.DataFrame, category: pd.Series, params: LeakageParams) -> Result:
    """Look for the names of the categories in each field, as whole words.

    Parameters
    ----------
    texts
        Columns <field>_clean, n rows.
    category
        (n,).
    params
        `name_excess`, `max_categories`.

    Returns
    -------
    tuple
        A row per field and category (value: share of its products whose text has its name, reference: share
        of the others whose text has it), and for each field `name_<field>` (share of products whose text has
        their own category's name), `name_<field>_other` (the expected share with the name of a random product
        of another category), and `name_suspected`: in some field most categories are named.
    """
    own, names = category.to_numpy(str), np.unique(category.to_numpy(str))
    mine = own[:, None] == names
    count = mine.sum(axis=0)
    rows, entries, suspected = [], dict[str, Any](), False
    for field in FIELDS:
        has = np.column_stack([_contain(texts[f"{field}_clean"], name) for name in names])
        inside = (has & mine).sum(axis=0) / count
        outside = (has & ~mine).sum(axis=0) / np.maximum((~mine).sum(axis=0), 1)
        named = inside - outside >= params.name_excess
        suspected |= bool(named.mean() > params.max_categories)
        for i, name in enumerate(names):
            values = {"value": inside[i], "reference": outside[i], "suspected": named[i]}
            rows.append({"item": f"{field}: {name}", **values})
        others = np.where(mine, 0, count)
        entries[f"name_{field}"] = (has & mine).any(axis=1).mean()
        entries[f"name_{field}_other"] = ((has * others).sum(axis=1) / others.sum(axis=1)).mean()
    table = pd.DataFrame(rows).assign(check="category_name", limit=params.name_excess)
    return table, entries | {"name_suspected": suspected}


def category_paths(texts: pd.DataFrame, path: pd.Series, params: LeakageParams) -> Result:
    """Look for the segments of the category path, and for the whole path, in each field.

    A leaf often repeats the product's name: a segment alone is no sign, the whole path in a text is.

    Returns
    -------
    tuple
        A row per field and level (value: share of the products with that level whose text has its segment),
        one per field for the whole path (of products with two levels or more), and `path_share` (the most of
        any field), `path_suspected`.
    """
    segments = [str(each).split(SEPARATOR) for each in path]
    deep = np.array([len(each) > 1 for each in segments])
    rows, most = [], 0.0
    for field in FIELDS:
        column = list(texts[f"{field}_clean"])
        for level in range(max(map(len, segments))):
            has = [
                _contain([text], each[level])[0]
                for text, each in zip(column, segments, strict=True)
                if len(each) > level
            ]
            rows.append({"item": f"{field}: level {level + 1}", "value": float(np.mean(has))})
        whole = [
            _contain([text], " ".join(each))[0]
            for text, each, is_deep in zip(column, segments, deep, strict=True)
            if is_deep
        ]
        share = float(np.mean(whole)) if whole else 0.0
        most = max(most, share)
        verdict = {"limit": params.max_path_share, "suspected": share > params.max_path_share}
        rows.append({"item": f"{field}: whole path", "value": share, **verdict})
    table = pd.DataFrame(rows).assign(check="category_path")
    return table, {"path_share": most, "path_suspected": most > params.max_path_share}


def single_words(texts: pd.DataFrame, category: pd.Series, split: pd.Series, params: LeakageParams) -> Result:
    """Find for each category the one word whose presence tells it best.

    Parameters
    ----------
    texts, category
        As of `category_names`; a word may be in any field.
    split
        Part of the hold-out: the word is chosen on `train`, its F1 measured on `test`.
    params
        `word_f1`, `max_categories`.

    Returns
    -------
    tuple
        A row per category (word; value: F1 on test, reference: on train), and `word_f1` (median over the
        categories), `word_categories` (share of them at or above the limit), `word_suspected`.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    joined = texts[[f"{field}_clean" for field in FIELDS]].agg(" ".join, axis=1)
    vectorizer = CountVectorizer(binary=True, token_pattern=r"\S+", lowercase=False)
    has, words = vectorizer.fit_transform(joined).tocsr(), vectorizer.get_feature_names_out()
    own, rows = category.to_numpy(str), []
    parts = {name: np.flatnonzero(split.to_numpy(str) == name) for name in ("train", "test")}
    for name in np.unique(own):
        f1 = {}
        for part, where in parts.items():
            mine = own[where] == name
            hits = np.asarray(has[where][mine].sum(axis=0)).ravel()
            f1[part] = 2 * hits / np.maximum(np.asarray(has[where].sum(axis=0)).ravel() + mine.sum(), 1)
        best = int(f1["train"].argmax())  # the first of equals, in the order of the alphabet
        values = {"value": f1["test"][best], "reference": f1["train"][best]}
        rows.append({"item": name, "word": words[best], **values})
    table = pd.DataFrame(rows).assign(check="single_word", limit=params.word_f1)
    table["suspected"] = table["value"] >= params.word_f1
    share = float(table["suspected"].mean())
    return table, {
        "word_f1": table["value"].median(),
        "word_categories": share,
        "word_suspected": share > params.max_categories,
    }


def optimism(compared: dict[str, pd.DataFrame], params: LeakageParams) -> Result:
    """Return how much more accurate each model looks with folds that ignore near-duplicates.

    Parameters
    ----------
    compared
        Model to its reports/ungrouped/<name>.csv; one without rows has no weights here.
    params
        `confidence`, `max_optimism`.

    Returns
    -------
    tuple
        A row per model (value: mean difference, with interval and p of the Nadeau-Bengio corrected t-test;
        reference: accuracy with grouped folds), and for each model `accuracy_ungrouped_<name>`,
        `optimism_<name>` with `_low`, `_high`, `_p`; `optimism_suspected`: some model gains more than the
        limit, and not by chance. That is a leak in a study whose folds are not grouped; this one's are.
    """
    rows, entries = [], dict[str, Any]()
    for model, table in compared.items():
        if table.empty:
            continue
        grouped, free = (table[f"accuracy_{name}"].to_numpy(float) for name in ("grouped", "ungrouped"))
        test_share = 1 / (table["fold"].nunique() - 1)
        gain = corrected_t_test(free - grouped, test_share, params.confidence)
        value, low, high, p = (gain[name] for name in ("gain", "gain_low", "gain_high", "gain_p"))
        beyond = value > params.max_optimism and low > 0
        row = {"item": model, "value": value, "reference": grouped.mean(), "low": low, "high": high, "p": p}
        rows.append(row | {"limit": params.max_optimism, "suspected": beyond})
        entries |= {f"accuracy_ungrouped_{model}": free.mean(), f"optimism_{model}": value}
        entries |= {f"optimism_{model}_low": low, f"optimism_{model}_high": high, f"optimism_{model}_p": p}
    found = pd.DataFrame(rows, columns=["item", *COLUMNS[3:]]).assign(check="ungrouped_folds")
    return found, entries | {"optimism_suspected": any(row["suspected"] for row in rows)}
