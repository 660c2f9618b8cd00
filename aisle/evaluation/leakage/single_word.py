"""One word whose presence tells the category."""

import numpy as np
import pandas as pd

from aisle.evaluation.leakage.base import FIELDS, Evidence, Finding, LeakageParams


def single_words(evidence: Evidence, params: LeakageParams) -> Finding:
    """Find for each category the one word, in any field, whose presence tells it best.

    It is chosen on the hold-out's part `train`, its F1 measured on `test`.

    Returns
    -------
    Finding
        A row per category (word; value: F1 on test, reference: on train), and `word_f1` (median over the
        categories), `word_categories` (share of them at or above the limit), `word_suspected`.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    joined = evidence.texts[[f"{field}_clean" for field in FIELDS]].agg(" ".join, axis=1)
    vectorizer = CountVectorizer(binary=True, token_pattern=r"\S+", lowercase=False)
    has, words = vectorizer.fit_transform(joined).tocsr(), vectorizer.get_feature_names_out()
    category, split = (
        evidence.products["category"].to_numpy(str),
        evidence.folds["split"].to_numpy(str),
    )
    parts = {name: np.flatnonzero(split == name) for name in ("train", "test")}
    rows = []
    for name in np.unique(category):
        f1 = {}
        for part, where in parts.items():
            own = category[where] == name
            hits = np.asarray(has[where][own].sum(axis=0)).ravel()
            f1[part] = 2 * hits / np.maximum(np.asarray(has[where].sum(axis=0)).ravel() + own.sum(), 1)
        best = int(f1["train"].argmax())  # the first of equals, in the order of the alphabet
        values = {"value": f1["test"][best], "reference": f1["train"][best]}
        rows.append({"item": name, "word": words[best], **values})
    table = pd.DataFrame(rows).assign(check="single_word", limit=params.word_f1)
    table["suspected"] = table["value"] >= params.word_f1
    share = float(table["suspected"].mean())
    verdict = {"word_categories": share, "word_suspected": share > params.max_categories}
    return Finding(table, {"word_f1": table["value"].median()} | verdict)
