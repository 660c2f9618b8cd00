"""Simulate weeks with and without drift: false alarms, power, and the error of the accuracy without labels.

Near-duplicate groups of a catalogue are drawn as a week again and again; the others are the reference, on
which a classifier of text and picture is fitted out of fold as the pipeline does it. Nothing is changed in
null weeks. In the others one thing is: `SHIFTS`. Pictures are re-encoded where they are blurred, texts where
words are changed. Writes docs/benchmarks/drift.json.

  python tools/simulate_drift.py --workspace .studies/flipkart1050

The accuracy without labels is told four ways: as `monitor` does it (aisle/monitoring/drift/correctness.py),
by the mean confidence, by the share above a threshold of confidence (Garg et al. 2022, Leveraging unlabeled
data to predict out-of-distribution performance), and by how often the neighbours by text disagree more than
in the reference. Of a shift that is like a condition which is planted to learn from (`PLANTED`), it is also
told without that condition: `unseen`.

A trial costs one to three seconds of a core; they run side by side, each on one thread.
"""

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.utils.extmath import randomized_svd
from statsmodels.stats.proportion import proportion_confint
from tqdm import tqdm

from aisle.catalogue import picture_rows
from aisle.deployment.predictor import encode, encoder
from aisle.evaluation.calibration import fit_temperature, scale
from aisle.monitoring import encodings
from aisle.monitoring.drift import accuracy, correctness, judge, neighbours
from aisle.monitoring.drift.two_sample import unit_length
from aisle.monitoring.observed import QUALITY, Observed
from aisle.monitoring.reference import TEXTS
from aisle.monitoring.stream import picture_figures
from aisle.pipeline import atomic, cli, cores, tables
from aisle.representations.recipes import VectorRecipe

RESULT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks" / "drift.json"
PICTURES = "efficientnet_lite0"
BLUR = 6  # pixels, of pictures of at most 512
CHANGED = 0.5  # share of a week's products that a shift of single products meets
UNKNOWN = 0.25  # share of a week that is of a kind held back from the reference
GROWN = 5.0  # how many times as frequent a category becomes
COMPONENTS = 64  # that the classifier reads
FOLDS = 5  # as `folds.n_splits` of params.yaml
TEMPLATE = "willkommen bei nordwind versand lieferung frei haus rückgabe innerhalb dreissig tagen artikel"
SEED = 2027  # the features of correctness.py were chosen on the first weeks of 2026
PARAMS = judge.DriftParams.model_validate({"n_bootstrap": 40})


@dataclass(frozen=True)
class Catalogue:
    """n labelled products with all that a shift can change.

    Attributes
    ----------
    title, description
        (n,): clean texts.
    blurred, blurred_quality
        Encodings (n, d) and figures (n, 4) of the pictures out of focus.
    products
        The same products as they are; `probabilities` are none yet.
    """

    title: np.ndarray
    description: np.ndarray
    blurred: np.ndarray
    blurred_quality: np.ndarray
    products: Observed


def hashed(title: np.ndarray, description: np.ndarray) -> np.ndarray:
    """Return texts as `aisle.monitoring.encodings` has them of a package without a text encoder."""
    texts = [" ".join(filter(None, both)) for both in zip(title, description, strict=True)]
    found = HashingVectorizer(n_features=encodings.DIMENSION, alternate_sign=True).transform(texts)
    vectors = found.toarray().astype(np.float32)
    vectors[[not text for text in texts]] = np.nan
    return vectors


def blur(picture: bytes) -> bytes:
    """Return a JPEG out of focus."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.filter(ImageFilter.GaussianBlur(BLUR)).save(file, "JPEG", quality=90)
    return file.getvalue()


def read(workspace: Path, weights: Path) -> Catalogue:
    """Return the labelled products of a workspace, their pictures encoded twice."""
    folds = tables.read(workspace / "data/folds.parquet", [tables.KEY, "category", "group"])
    folds = folds[folds["category"].notna()].reset_index(drop=True)
    texts = tables.read(workspace / "data/text.parquet").set_index(tables.KEY).loc[folds[tables.KEY]]
    images = tables.read(
        workspace / "data/images.parquet", [tables.KEY, "place", "problem", "picture", *QUALITY]
    )
    first = picture_rows.first(images).set_index(tables.KEY).loc[folds[tables.KEY]]
    recipe = VectorRecipe(
        modality="image", encoder="efficientnet_lite", weights=PICTURES, learned=False,
        options={"pooling": "avg", "precision": "fp32"},
    )  # fmt: skip
    made = encoder(recipe, weights / PICTURES)
    sharp = [[each] if isinstance(each, bytes) else [] for each in first["picture"]]
    soft = [[blur(each) for each in own] for own in sharp]
    present = {name: (texts[f"{name}_clean"] != "").to_numpy() for name in TEXTS}
    title, description = (texts[f"{name}_clean"].to_numpy(object) for name in TEXTS[:2])
    names = tuple(sorted(folds["category"].unique()))
    products = Observed(
        ids=folds[tables.KEY].to_numpy(object),
        group=folds["group"].to_numpy(),
        probabilities=np.zeros((len(folds), len(names))),
        categories=names,
        vectors={"text": hashed(title, description), "image": encode(made, recipe, sharp)},
        quality=first[[*QUALITY]].to_numpy(float),
        present=present | {"image": first["problem"].isna().to_numpy()},
        label=folds["category"].to_numpy(object),
        texts=description,
    )
    quality = np.array([picture_figures(own[0] if own else None) for own in soft])
    return Catalogue(title, description, encode(made, recipe, soft), quality, products)


@dataclass
class Week:
    """A week before it is predicted: which products, and what they have.

    Attributes
    ----------
    rows
        (m,): places in the catalogue.
    title, description, products
        As in `Catalogue`, of these products.
    hit
        Boolean (m,): those that a shift of single products meets.
    """

    rows: np.ndarray
    title: np.ndarray
    description: np.ndarray
    products: Observed
    hit: np.ndarray


Shift = Callable[[Catalogue, Week, np.random.Generator], None]


def _texts(week: Week, title: np.ndarray, description: np.ndarray) -> None:
    vectors = {**week.products.vectors, "text": hashed(title, description)}
    present = {**week.products.present, "title": title != "", "description": description != ""}
    week.products = replace(week.products, vectors=vectors, present=present, texts=description)


def translated(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Every word of half of the titles is a word of another language, here spelt backwards."""
    words = [" ".join(word[::-1] for word in text.split()) for text in week.title]
    _texts(week, np.where(week.hit, np.array(words, object), week.title), week.description)


def bare(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Half of the descriptions are missing."""
    _texts(week, week.title, np.where(week.hit, "", week.description))


def template(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Every description stands in another shop's template."""
    _texts(week, week.title, np.array([f"{TEMPLATE} {text} {TEMPLATE}" for text in week.description], object))


def blurred(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Half of the pictures are out of focus."""
    image, quality = week.products.vectors["image"].copy(), week.products.quality.copy()
    of_hit = week.rows[week.hit]
    image[week.hit] = catalogue.blurred[of_hit]
    quality[week.hit] = catalogue.blurred_quality[of_hit]
    week.products = replace(week.products, vectors={**week.products.vectors, "image": image}, quality=quality)


def swapped(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Half of the products have another one's picture."""
    order, places = np.arange(len(week.rows)), np.flatnonzero(week.hit)
    order[places] = np.roll(rng.permutation(places), 1)
    vectors = {**week.products.vectors, "image": week.products.vectors["image"][order]}
    week.products = replace(week.products, vectors=vectors, quality=week.products.quality[order])


def nothing(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Change nothing."""


def meaning(catalogue: Catalogue, week: Week, rng: np.random.Generator) -> None:
    """Half of the products of one category are filed under another: concept drift."""
    names, label = week.products.categories, week.products.label.copy()
    label[(label == names[0]) & week.hit] = names[1]
    week.products = replace(week.products, label=label)


SHIFTS: dict[str, Shift] = {
    "null": nothing,
    "category_vanishes": nothing,
    "category_grows": nothing,
    "new_kind": nothing,
    "titles_translated": translated,
    "descriptions_missing": bare,
    "other_template": template,
    "pictures_blurred": blurred,
    "pictures_swapped": swapped,
    "concept_drift": meaning,
}
PLANTED = {
    "new_kind": "unknown",
    "titles_translated": "unlike",
    "descriptions_missing": "unlike",
    "other_template": "unlike",
    "pictures_blurred": "unlike",
    "pictures_swapped": "swapped",
}
"""Shift to the condition of correctness.py that is most like it."""
METHODS = ("expected", "unseen", "mean_confidence", "thresholded_confidence", "disagreement")


def draw(
    catalogue: Catalogue, shift: str, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the reference's products, and of a week's, some `size` of them in whole groups."""
    group, label = catalogue.products.group, catalogue.products.label
    names, kept = catalogue.products.categories, np.ones(len(group), bool)
    special = rng.choice(np.array(names, object))
    order = rng.permutation(np.unique(group))
    pool = np.isin(group, order[: len(order) * 2 // 5])  # weeks are drawn of these, the rest learns
    weights = np.ones(len(group))
    if shift == "category_vanishes":
        weights[label == special] = 0
    if shift == "category_grows":
        weights[label == special] = GROWN
    if shift == "new_kind":
        kept = label != special
        of_kind = (label == special).mean()
        weights[label == special] = UNKNOWN / (1 - UNKNOWN) * (1 - of_kind) / of_kind
    first = np.unique(group, return_index=True)[1]
    mean = {group[i]: weights[group == group[i]].mean() for i in first if pool[i]}
    keys = np.array([*mean])
    chance = np.array([mean[key] for key in keys])
    number = min(int((chance > 0).sum()), round(size * len(keys) / pool.sum()))
    taken = rng.choice(keys, number, replace=False, p=chance / chance.sum())
    week = np.isin(group, taken)
    return np.flatnonzero(~pool & kept), np.flatnonzero(week & (weights > 0))


def features(products: Observed, axes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return components of text and picture side by side, and the axes that they are along."""
    X = np.concatenate(
        [np.nan_to_num(unit_length(products.vectors[name])) for name in ("text", "image")], axis=1
    )
    if axes is None:
        axes = randomized_svd(X - X.mean(axis=0), COMPONENTS, n_iter=2, random_state=0)[2].T
    return X @ axes, axes


def predict(reference: Observed, week: Observed, known: tuple[str, ...]) -> tuple[Observed, Observed]:
    """Return both with calibrated probabilities: the reference's out of fold, the week's by all of it.

    The axes are those of what is learned from, as in the pipeline: with the reference's own axes its products
    would be told apart more surely than the week's.
    """
    y = np.array([known.index(each) for each in reference.label])
    out = np.zeros((len(y), len(known)))
    for train, test in GroupKFold(FOLDS).split(y, y, reference.group):
        out[test] = fitted(reference.take(train), y[train], reference.take(test), len(known))
    temperature = fit_temperature(out, y)
    new = fitted(reference, y, week, len(known))
    return (
        replace(reference, probabilities=scale(out, temperature), categories=known),
        replace(week, probabilities=scale(new, temperature), categories=known),
    )


def fitted(known: Observed, y: np.ndarray, asked: Observed, k: int) -> np.ndarray:
    """Return the probabilities (m, k) of the products `asked`, by a model of the products `known`."""
    X, axes = features(known)
    model = LogisticRegression(C=30.0, max_iter=300).fit(X, y)
    found = np.zeros((len(asked), k))
    found[:, model.classes_] = model.predict_proba(features(asked, axes)[0])
    return found


def trial(catalogue: Catalogue, shift: str, size: int, seed: int) -> dict[str, Any]:
    """Return what is said of one simulated week: alarms by detector, and the accuracy expected and true."""
    rng = np.random.default_rng([SEED, [*SHIFTS].index(shift), seed])
    old, new = draw(catalogue, shift, size, rng)
    week = Week(
        new,
        catalogue.title[new],
        catalogue.description[new],
        catalogue.products.take(new),
        rng.random(len(new)) < CHANGED,
    )
    SHIFTS[shift](catalogue, week, rng)
    reference = catalogue.products.take(old)
    known = tuple(name for name in catalogue.products.categories if name in {*reference.label})
    reference, observed = predict(reference, week.products, known)
    found = judge.judge(reference, observed, PARAMS, seed)
    alarms = {*found.detectors.loc[found.detectors["alarm"], "detector"]}
    return {
        "shift": shift,
        "alarms": alarms,
        "true": float(np.mean(observed.right)),
        **expectations(reference, observed, PLANTED.get(shift), seed),
    }


def expectations(reference: Observed, week: Observed, planted: str | None, seed: int) -> dict[str, Any]:
    """Return the accuracy of a week without its labels by each of `METHODS`, and the first one's interval."""
    rng = np.random.default_rng([SEED, seed])
    model = correctness.fit(reference, PARAMS.n_neighbors, rng)
    told = accuracy.estimate(model, week, PARAMS.confidence, PARAMS.n_bootstrap, rng)
    unseen = told.value
    if planted:
        others = [each for each in correctness.CONDITIONS if each != planted]
        without = correctness.fit(reference, PARAMS.n_neighbors, rng, others)
        unseen = without.expected(without.posterior(week))
    right, confidence = reference.right.mean(), reference.probabilities.max(axis=1)
    limit = np.quantile(confidence, 1 - right)
    text = model.modalities["text"]
    label = np.array([reference.categories.index(each) for each in reference.label])
    _, heard, _ = neighbours.fit(
        reference.vectors["text"], label, reference.group, len(reference.categories), PARAMS.n_neighbors
    )
    before = np.mean(heard.probabilities.argmax(axis=1) == reference.predicted)
    now = np.mean(text.ask(week.vectors["text"]).probabilities.argmax(axis=1) == week.predicted)
    return {
        "expected": told.value,
        "low": told.low,
        "high": told.high,
        "unseen": unseen,
        "mean_confidence": float(week.probabilities.max(axis=1).mean()),
        "thresholded_confidence": float(np.mean(week.probabilities.max(axis=1) >= limit)),
        "disagreement": float(right + now - before),
    }


def summary(rows: list[dict[str, Any]], baseline: float) -> dict[str, Any]:
    """Return the figures of one shift's trials; `baseline` is the accuracy of null weeks."""
    true = np.array([row["true"] for row in rows])
    off = {name: np.array([row[name] for row in rows]) - true for name in METHODS}
    covers = [row["low"] <= row["true"] <= row["high"] for row in rows]
    detectors = sorted({name for row in rows for name in row["alarms"]})
    alarms = [bool(row["alarms"]) for row in rows]
    low, high = proportion_confint(sum(alarms), len(alarms), 0.05, "wilson")
    return {
        "weeks": len(rows),
        "alarm_share": float(np.mean(alarms)),
        "alarm_share_low": float(low),
        "alarm_share_high": float(high),
        "alarm_share_by_detector": {
            name: float(np.mean([name in row["alarms"] for row in rows])) for name in detectors
        },
        "accuracy": float(true.mean()),
        "costs": float(baseline - true.mean()),
        "expected_accuracy": float((true + off["expected"]).mean()),
        "estimate_off_by": {name: float(each.mean()) for name, each in off.items()},
        "estimate_mean_absolute_error": {name: float(np.abs(each).mean()) for name, each in off.items()},
        "interval_covers": float(np.mean(covers)),
    }


def simulate(catalogue: Catalogue, size: int, null: int, shifted: int) -> dict[str, Any]:
    """Return the figures of every shift.

    Parameters
    ----------
    catalogue
        Of `read`.
    size
        Products of a week.
    null, shifted
        Weeks without drift, and of each shift.
    """
    weeks = [
        (shift, seed)
        for seed in range(max(null, shifted))
        for shift in SHIFTS
        if seed < (null if shift == "null" else shifted)
    ]
    made = cores.in_processes(lambda week: trial(catalogue, week[0], size, week[1]), weeks)
    rows = [*tqdm(made, total=len(weeks), unit="week", disable=None)]
    return {"products_of_a_week": size, "alpha": PARAMS.alpha, **totals(rows)}


def totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of the shifts' trials, and those that stand for all of them."""
    own = {shift: [row for row in rows if row["shift"] == shift] for shift in SHIFTS}
    baseline = float(np.mean([row["true"] for row in own["null"]]))
    found = {shift: summary(own[shift], baseline) for shift in SHIFTS}
    others = [each for name, each in found.items() if name not in ("null", "concept_drift")]
    costly = [each["alarm_share"] for each in others if each["costs"] >= 0.02]
    return {
        "false_alarm_share": found["null"]["alarm_share"],
        "power_least_where_it_costs_2_points": min(costly) if costly else None,
        "estimate_off_by_mean": {
            name: float(np.mean([abs(each["estimate_off_by"][name]) for each in others])) for name in METHODS
        },
        "shifts": found,
    }


def main() -> None:
    """Read the command line, simulate, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, default=Path(), metavar="FOLDER", help="with data/ (.)")
    parser.add_argument("--size", type=int, default=150, metavar="N", help="products of a week (150)")
    parser.add_argument("--null", type=int, default=200, metavar="N", help="weeks without drift (200)")
    parser.add_argument("--shifted", type=int, default=100, metavar="N", help="of each shift (%(default)s)")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="PATH", help="result")
    args = parser.parse_args()
    catalogue = read(args.workspace, Path("models/pretrained"))
    label = tables.read(args.workspace / "data/folds.parquet", [tables.KEY]).attrs["catalogue"]
    found = {"catalogue": label, "products": len(catalogue.products)}
    found |= simulate(catalogue, args.size, args.null, args.shifted)
    atomic.write_text(args.json, json.dumps(found, indent=1) + "\n")
    print(json.dumps({key: value for key, value in found.items() if key != "shifts"}, indent=1))


if __name__ == "__main__":
    cli.run(main)
