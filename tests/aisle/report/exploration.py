"""Results of a small catalogue, explored: what the sections of catalogue, pictures and texts are made of."""

import io
import json

import numpy as np
import pandas as pd
from PIL import Image

from aisle.catalogue.exploration import catalogue_counts, distributions, examples, terms, word_clouds
from aisle.report.data.results import Results

FORMS = ("raw", "clean", "tokens", "lemmas", "stems")


def jpeg() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(encoded, "JPEG")
    return encoded.getvalue()


def explored(products: pd.DataFrame, texts: list[str], readable: bool) -> Results:
    """Return results of products with these texts; `readable`: whether they have pictures."""
    n = len(products)
    pairs = catalogue_counts.specification_pairs(products)
    counts, names = terms.bag(texts)
    found = terms.table(counts, names, products["category"], 20)
    clouds = [
        word_clouds.layout(dict(zip(rows["term"], rows[kind], strict=True)), 10, 0).assign(
            category=category, kind=kind
        )
        for category, rows in found.groupby("category")
        for kind in ("count", "tfidf")
    ]
    words = pd.Series([len(text.split()) for text in texts])
    lengths = {
        f"{field}_{when}": words + (when == "before")
        for field in ("title", "description", "specifications")
        for when in ("before", "after")
    }
    sizes = pd.DataFrame({"width": [32.0] * n, "height": [64.0] * n}) if readable else None
    quality = {
        name: np.linspace(0.1, 0.9, n) for name in ("brightness", "contrast", "sharpness", "background")
    }
    blank = pd.DataFrame({"width": [np.nan] * n, "height": [np.nan] * n})
    measures = pd.DataFrame({"price": products["price"], **lengths, **(quality if readable else {})})
    columns = {f"{field}_{form}": texts for field in ("title", "description") for form in FORMS}
    duplicates = pd.DataFrame(
        [("p0", "p3", "text", 0.9), ("p1", "p2", "picture", 7)],
        columns=["product_id_left", "product_id_right", "kind", "value"],
    )
    alike = examples.near_duplicates(
        duplicates if readable else duplicates[:0],
        products,
        pd.Series(range(n), products["product_id"]),
        5,
        50,
    )
    shown = examples.sample(products if readable else products[:0], 1, 0)
    exploration = {
        "specification_keys": catalogue_counts.specification_keys(pairs),
        "specification_values": catalogue_counts.specification_values(pairs),
        "category_tree": catalogue_counts.category_tree(products),
        "brands": catalogue_counts.brands(products),
        "missing": catalogue_counts.missing(products, pd.Series([readable] * n)),
        "distributions": distributions.summary(measures, products["category"]),
        "histograms": distributions.histograms(
            measures[["description_before", "description_after"]].astype(int), 60
        ),
        "picture_sizes": distributions.picture_sizes(sizes if readable else blank, 32),
        "terms": found,
        "term_frequencies": terms.frequencies(counts, names, 50),
        "word_clouds": pd.concat(clouds)
        if clouds
        else pd.DataFrame(columns=["category", "kind", *word_clouds.COLUMNS]),
        "preprocessing": examples.preprocessing(
            pd.DataFrame({"product_id": products["product_id"], **columns}), 3
        ),
        "near_duplicates": alike.assign(
            jpeg=[jpeg() if kind == "picture" else None for kind in alike["kind"]]
        ),
        "pictures": shown.assign(jpeg=[jpeg()] * len(shown)),
    }
    tree_depth = products["category_path"].str.count(" >> ") + 1
    metrics = {
        "ingest": {
            "rows": n + 1,
            "products": n,
            "refused": 1,
            "without_description": 0,
            "without_brand": int(products["brand"].isna().sum()),
            "categories": products["category"].nunique(),
            "path_depth_min": int(tree_depth.min()),
            "path_depth_max": int(tree_depth.max()),
        },
        "images": {"readable": n if readable else 0},
        "folds": {
            "text_pairs": 1 if readable else 0,
            "picture_pairs": 1 if readable else 0,
            "products_in_groups_of_several": 4,
            "largest_group": 2,
            "groups_across_categories": 1,
        },
        "text": {
            f"{field}_{name}": 0.5 if name in ("reduction", "letters_lost_share") else 1000
            for field in ("title", "description", "specifications")
            for name in (
                *("words_before", "words_after", "reduction", "vocabulary"),
                *("letters_lost_share", "mostly_lost"),
            )
        }
        | {"script_devanagari_share": 0.25, "script_latin_share": 0.75, "script_other_share": 0.0},
    }
    known = {
        "catalogue": "tiny",
        "metrics": metrics,
        "products": products[["product_id", "title", "category"]],
        "rejects": pd.DataFrame(
            {"line": [3], "product_id": [""], "title": ["x"], "reason": ["its id is empty"]}
        ),
        "exploration": exploration,
    }
    return Results(**dict.fromkeys(Results.__dataclass_fields__) | known)


TEXTS = ["cup tea tea", "cup mug", "lamp bulb", "lamp lamp light", "lamp"]


def rich() -> Results:
    """Return five products of two categories, with everything."""
    products = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(5)],
            "title": [f"Product <b>{i}" for i in range(5)],
            "description": TEXTS,
            "category": ["Cups"] * 2 + ["Lamps & light"] * 3,
            "category_path": ["Cups >> a", "Cups >> b", *["Lamps & light >> a"] * 3],
            "brand": ["Acme", "Acme", "Bolt", None, None],
            "price": [1.0, 3.0, 10.0, 20.0, 30.0],
            "pictures": [[f"{i}.jpg"] for i in range(5)],
            "specifications": [
                json.dumps(pairs)
                for pairs in (
                    [["Type", "Mug"], ["Colour", "<i>Red"]],
                    [["Type", "Mug"]],
                    [["Type", "Desk"]],
                    [["", "loose"]],
                    [],
                )
            ],
        }
    )
    return explored(products, TEXTS, True)


def poor() -> Results:
    """Return three products of one category, of whom nothing is known but a title without a word."""
    products = pd.DataFrame(
        {
            "product_id": ["p0", "p1", "p2"],
            "title": ["the", "a", "of"],
            "description": "",
            "category": "Things",
            "category_path": "Things",
            "brand": None,
            "price": np.nan,
            "pictures": [[]] * 3,
            "specifications": "[]",
        }
    )
    return explored(products, ["", "", ""], False)
