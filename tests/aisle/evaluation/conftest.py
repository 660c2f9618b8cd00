"""The small models of examples.py."""

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation import path_scores
from tests.aisle.evaluation.examples import NAMES, REPEATS, K, N, made, model


@pytest.fixture(scope="module")
def folds():
    """Return 80 products of 4 categories, two of each in a group; the last 8 have no picture."""
    rng = np.random.default_rng(0)
    group = np.arange(N) // 2
    table = pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(N)],
            "category": np.array(NAMES)[group % 4],
            "group": group,
            "split": np.select([group % 5 == 4, group % 5 == 3], ["test", "validation"], "train"),
        }
    )
    for repeat in range(REPEATS):
        order = np.concatenate([rng.permutation(K) for _ in range(N // 2 // K)])
        table[f"cv_{repeat}"] = order[group]
    return table


@pytest.fixture(scope="module")
def tables_of(folds):
    """Return predictions by name: two of text, one of pictures that lacks 8, one worse."""
    return {
        "baseline": made(folds, 1, 0.6),
        "text": made(folds, 2, 0.5),
        "picture": made(folds, 3, 0.7, np.arange(N) < N - 8),
        "noise": made(folds, 4, 5),
    }


@pytest.fixture(scope="module")
def models(tables_of):
    kinds = {"picture": ("image",)}
    return {name: model(table, kinds.get(name, ("text",))) for name, table in tables_of.items()}


@pytest.fixture(scope="module")
def levels(folds):
    """Return levels of category paths: ant and bee below X, cow and dog below Y; two kinds of each."""
    above = folds["category"].map({"ant": "X", "bee": "X", "cow": "Y", "dog": "Y"})
    kind = np.where(folds["group"] // 4 % 5 == 0, "rare", "usual")
    paths, ids = above + " >> " + folds["category"] + " " + kind + " >> leaf", folds["product_id"]
    return path_scores.path_levels(paths.set_axis(ids), folds["category"].set_axis(ids))


@pytest.fixture(params=range(4))
def table(request):
    """Return random predictions; in the last case one category is never predicted and one has no product."""
    rng = np.random.default_rng(request.param)
    n = 120
    probabilities = rng.dirichlet(np.ones(4), n)
    category = rng.choice(NAMES, n, p=[0.5, 0.2, 0.2, 0.1])
    if request.param == 3:
        probabilities[:, 1] = 0
        category[category == "cow"] = "dog"
    return pd.DataFrame(
        {
            "seed": -1,
            "repeat": np.repeat([0, 1], 60),
            "fold": np.tile(np.arange(3), 40),
            "category": category,
            "available": rng.random(n) < 0.9,
            **{f"p_{name}": probabilities[:, i] for i, name in enumerate(NAMES)},
        }
    )


@pytest.fixture(scope="module")
def holdout_only(tables_of):
    table = tables_of["text"]
    return model(table[table["protocol"] == "holdout"], ("image",))
