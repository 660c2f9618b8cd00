"""Products to be shown: one text step by step through preprocessing, near-duplicates, sample pictures."""

from itertools import pairwise

import pandas as pd

from aisle.catalogue.text_selection import FORMS


def preprocessing(texts: pd.DataFrame, n_words: int) -> pd.DataFrame:
    """Return the forms of one product's text, step by step.

    The product is one whose text changes at every step, of these the one whose text is nearest to `n_words`
    words, of these the first by id. Descriptions are looked at before titles.

    Parameters
    ----------
    texts
        The table of data/text.parquet.
    n_words
        Words wanted in the raw text.

    Returns
    -------
    pandas.DataFrame
        product_id, field, form (FORMS, in order), words, text. No row where there is no text.
    """
    ordered = texts.sort_values("product_id", ignore_index=True)
    for field in ("description", "title"):
        names = [f"{field}_{form}" for form in FORMS]
        words = ordered[names[0]].str.count(r"\S+")
        filled = (ordered[names] != "").all(axis=1)
        changes = sum(ordered[one].ne(other).astype(int) for one, other in pairwise(names))
        if not filled.any():
            continue
        off = (words - n_words).abs()
        order = pd.DataFrame({"changes": -changes, "off": off, "id": ordered["product_id"]})[filled]
        row = ordered.loc[order.sort_values(["changes", "off", "id"]).index[0]]
        return pd.DataFrame(
            {
                "product_id": row["product_id"],
                "field": field,
                "form": FORMS,
                "words": [len(row[name].split()) for name in names],
                "text": [row[name] for name in names],
            }
        )
    return pd.DataFrame(columns=["product_id", "field", "form", "words", "text"])


def near_duplicates(
    pairs: pd.DataFrame, products: pd.DataFrame, groups: pd.Series, n_pairs: int, n_characters: int
) -> pd.DataFrame:
    """Return the most similar pairs of each kind, one of each group, those of two categories first.

    Parameters
    ----------
    pairs
        The table of data/near_duplicates.csv.
    products
        Columns product_id, title, category, description.
    groups
        Near-duplicate group by product id.
    n_pairs
        Of each kind, at most.
    n_characters
        Of a description, at most.

    Returns
    -------
    pandas.DataFrame
        kind (text, picture), value (cosine; bits of 256), similarity (0-1 of either), and with _left and
        _right: product_id, title, category, text.
    """
    keyed = products.set_index("product_id")
    table = pairs[pairs["product_id_left"] != pairs["product_id_right"]].copy()
    value = table["value"].astype(float)
    table["similarity"] = value.where(table["kind"].eq("text"), 1 - value / 256)
    for side in ("left", "right"):
        ids = table[f"product_id_{side}"]
        for name in ("title", "category"):
            table[f"{name}_{side}"] = keyed.loc[ids, name].to_numpy()
        full = keyed.loc[ids, "description"].to_numpy(str)
        table[f"text_{side}"] = [
            text if len(text) <= n_characters else text[:n_characters].rstrip() + "…" for text in full
        ]
    table["same"] = table["category_left"] == table["category_right"]
    table["group"] = groups.loc[table["product_id_left"]].to_numpy()
    ordered = table.sort_values(
        ["kind", "same", "similarity", "product_id_left", "product_id_right"],
        ascending=[False, True, False, True, True],
    )
    kept = ordered.drop_duplicates(["kind", "group"]).groupby("kind", sort=False).head(n_pairs)
    columns = ["kind", "value", "similarity"]
    columns += [
        f"{name}_{side}" for side in ("left", "right") for name in ("product_id", "title", "category", "text")
    ]
    return kept[columns].reset_index(drop=True)


def sample(products: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return product_id and category of `count` products of each category, or of all where they are fewer.

    Parameters
    ----------
    products
        Columns product_id and category, of the products to choose from.
    count
        Of each category, at most.
    seed
        Of the choice.
    """
    ordered = products[["product_id", "category"]].sort_values("product_id", ignore_index=True)
    mixed = ordered.sample(frac=1, random_state=seed)
    return mixed.groupby("category").head(count).sort_values(["category", "product_id"], ignore_index=True)
