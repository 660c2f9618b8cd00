"""Small results by hand, for the sections whose captions and points are checked."""

import io

import pandas as pd
import pytest
from PIL import Image

from aisle.report.blocks import Details
from aisle.report.data.results import Results

CATEGORIES = ("Clocks", "Lamps", "Mugs")
PRODUCTS = pd.DataFrame(
    {
        "product_id": [f"p{i}" for i in range(6)],
        "title": [f"Product {i}" for i in range(6)],
        "category": [CATEGORIES[i // 2] for i in range(6)],
    }
)
MODELS = {
    "baseline": ("Baseline", "text", "none", 0.80),
    "picture": ("Picture model", "image", "pretrained", 0.70),
    "both": ("Fusion", "image+text", "pretrained", 0.90),
    "drawn": ("Drawn", "image", "untrained", 0.95),
    "tuned": ("Tuned", "image", "pretrained", 0.75),
    "lost": ("Lost", "image", "not available", None),
}
"""Title, modalities, weights, accuracy; `tuned` has run the hold-out alone."""


def around(key, value, spread=0.02):
    return {key: value, f"{key}_low": value - spread, f"{key}_high": value + spread}


def scores(name):
    _, _, weights, accuracy = MODELS[name]
    if accuracy is None:
        return {"weights": weights}
    found = {"weights": weights, "holdout_mcnemar_p": 0.0004} | around("holdout_accuracy", accuracy)
    if name == "tuned":
        return found
    for key in ("accuracy", "ece", "ece_calibrated", "nll", "nll_calibrated"):
        found |= around(f"cv_{key}", accuracy)
    found |= around("cv_coverage_at_target_error", 0.6) | around("cv_error_at_coverage", 0.03, 0.01)
    found |= {"guaranteed_coverage": 0.7, "guaranteed_bound": 0.009}
    found |= {"cv_accuracy_sd": 0.05, "cv_input_share": 1.0}
    if name != "baseline":
        for key in ("cv_gain", "cv_over_single"):
            found |= around(key, accuracy - 0.8, 0.05) | {f"{key}_p": 0.01, f"{key}_p_holm": 0.02}
    return found | {"products_without_picture": 2, "cv_accuracy_without_picture": 0.5}


def said(name, wrong=()):
    """Return what a model says of each product: it takes the wrong ones for the next category."""
    rows = []
    for key, category in zip(PRODUCTS["product_id"], PRODUCTS["category"], strict=True):
        other = CATEGORIES[(CATEGORIES.index(category) + 1) % 3]
        first, second = (other, category) if key in wrong else (category, other)
        certain = 0.9 - int(key[1:]) / 100
        rows.append(
            {
                **{"model": name, "product_id": key, "category": category, "predicted": first},
                **{"predicted_probability": certain, "second": second, "second_probability": 1 - certain},
                **{"third": None, "third_probability": float("nan"), "available": True},
                "right_share": 0.0 if key in wrong else 1.0,
            }
        )
    return pd.DataFrame(rows)


def evaluation(names):
    ready = [name for name in names if MODELS[name][3] is not None]
    cross = [name for name in ready if name != "tuned"]
    listed = [
        {"model": name, "title": MODELS[name][0], "modalities": MODELS[name][1], "weights": MODELS[name][2]}
        for name in names
    ]
    per_class = [
        {"model": name, "protocol": "cv", "category": category, "precision": 0.5, "recall": 0.5, "support": 2}
        | {"f1": f1, "f1_low": f1 - 0.1, "f1_high": f1 + 0.1}
        for name in cross
        for category, f1 in zip(CATEGORIES, (0.9, 0.4, 0.6), strict=True)
    ]
    cells = {
        ("Clocks", "Clocks"): 1.5,
        ("Clocks", "Mugs"): 0.5,
        ("Lamps", "Lamps"): 2.0,
        ("Mugs", "Mugs"): 2.0,
    }
    confusion = [
        {"model": name, "actual": actual, "predicted": predicted, "products": products}
        for name in cross
        for (actual, predicted), products in cells.items()
    ]
    folds = [
        {"model": name, "fold": fold, "accuracy": MODELS[name][3] + step}
        for name in cross
        for fold, step in ((0, -0.05), (1, 0.05))
    ]
    curve = [
        {"model": name, "coverage": coverage, "error": error}
        for name in cross
        for coverage, error in ((0.01, 1.0), (0.5, 0.02), (1.0, 0.2))
    ]
    bins = [
        {"model": name, "probabilities": state, "bin": 9, "confidence": 0.9, "accuracy": 0.8, "share": 1.0}
        for name in cross
        for state in ("raw", "calibrated")
    ]
    chosen = [
        {"model": name, "protocol": "cv", "threshold": float("inf") if name == "picture" else 0.7}
        | {"temperature": 1.1, "coverage": 0.6, "error": 0.03, "target_error": 0.01, "confidence": 0.95}
        | {"accepted": 0 if name == "picture" else 700, "accepted_wrong": 2, "needed": 299}
        | {"guaranteed_bound": 0.009, "guaranteed_coverage": 0.7, "calibrated_on": 1000}
        | {"threshold_out_of_fold": float("inf") if name == "picture" else 0.65}
        for name in cross
    ]
    by_category = [
        {"model": name, "category": category, "products": 20, "coverage": 0.5, "coverage_low": 0.3}
        | {"coverage_high": 0.7, "error": 0.1 if category == CATEGORIES[0] else None, "error_low": 0.0}
        | {"error_high": 0.45}
        for name in cross
        for category in CATEGORIES
    ]
    review = pd.DataFrame(
        {
            **{
                "product_id": ["p3", "p0"],
                "title": ["Product 3", "Product 0"],
                "predicted": ["Mugs", "Lamps"],
            },
            "confidence": [0.4, 0.5],
        }
    )
    wrong = {"baseline": ["p0", "p3"], "picture": ["p0", "p1"], "both": ["p0"], "drawn": []}
    return {
        "models": pd.DataFrame(listed),
        "per_class": pd.DataFrame(per_class),
        "confusion": pd.DataFrame(confusion),
        "folds": pd.DataFrame(folds),
        "risk_coverage": pd.DataFrame(curve),
        "reliability": pd.DataFrame(bins),
        "by_category": pd.DataFrame(by_category),
        "decisions": pd.DataFrame(chosen),
        "review": review,
        "tree": pd.DataFrame(),
        "siblings": pd.DataFrame(),
        "products": pd.concat([said(name, wrong[name]) for name in cross], ignore_index=True),
    }


@pytest.fixture(scope="session")
def jpeg():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def make_results(jpeg):
    """Return a function that makes results of some models; what is given replaces what is made."""

    def make(*names, **given):
        names = names or tuple(MODELS)
        champion = around("champion_accuracy", 0.8) | {"champion": "baseline", "best": "both", "tied": 2}
        champion |= {
            "champion_megabytes": 1.0,
            "by_fields": {},
            "champion_behind": 0.1,
            "candidates": 3,
            "standard_errors": 1.0,
        }
        if "both" not in names:
            champion["best"] = "baseline"
        leakage = {"duplicates_suspected": False, "pairs": 4, "pairs_across_folds": 0, "path_share": 0.0}
        leakage |= {"name_suspected": False, "path_suspected": False, "word_suspected": True, "word_f1": 0.95}
        for field in ("title", "description", "specifications"):
            leakage |= {f"name_{field}": 0.1, f"name_{field}_other": 0.01}
        metrics = {
            "ingest": {"products": 6, "categories": 3},
            "models": {name: scores(name) for name in names},
            "champion": champion,
            "seeds": {},
            "leakage": leakage,
            "label_audit": {"model": "baseline"},
            "grad_cam": {"model": "none", "weights": "not available"},
        }
        metrics |= given.pop("metrics", {})
        nothing = pd.DataFrame()
        made = {
            **{"catalogue": "small", "metrics": metrics, "baseline": "baseline", "confidence": 0.95},
            **{"target_error": 0.01, "products": PRODUCTS, "rejects": nothing},
            **{"clusters": {}, "cluster_tables": {}, "label_issues": nothing, "tables": evaluation(names)},
            **{"thumbnails": pd.DataFrame({"product_id": ["p0", "p1", "p3"], "jpeg": [jpeg] * 3})},
            **{"histories": {}, "grad_cam": nothing, "shap_words": nothing, "shap_examples": nothing},
            **{"shap_fusion": {}, "candidates": CANDIDATES[CANDIDATES["model"].isin(names)]},
        }
        unused = dict.fromkeys(Results.__dataclass_fields__)  # of other sections
        return Results(**unused | made | given)

    return make


CANDIDATES = pd.DataFrame(
    {
        "model": ["both", "baseline", "picture"],
        "accuracy": [0.9, 0.8, 0.7],
        "megabytes": [100.0, 1.0, 10.0],
        "standard_error": [0.0, 0.12, 0.02],
        "tied": ["True", "True", "False"],
        "role": ["challenger", "champion", ""],
    }
)


@pytest.fixture(scope="session")
def flat():
    """Return a function that lists a section's blocks, those that are folded too."""

    def blocks(section):
        return [
            inner
            for block in section.blocks
            for inner in (block.blocks if isinstance(block, Details) else [block])
        ]

    return blocks


@pytest.fixture(scope="session")
def named(flat):
    """Return a function that finds a section's figure or pictures by name."""

    def find(section, name):
        (found,) = (block for block in flat(section) if getattr(block, "name", None) == name)
        return found

    return find
