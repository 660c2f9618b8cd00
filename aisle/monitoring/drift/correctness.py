"""Whether a prediction is right, learned from the reference as it is and as it could become.

The reference's products, as the champion predicts them out of fold, say what a right and a wrong prediction
look like today. What a week could be is planted into them (`CONDITIONS`): a picture of another product, a
text or a picture that is less like all that is known, a category that nobody knows. A logistic regression
tells each condition, right and wrong apart by figures of a product (`evidence`); in a week the shares of
these are estimated by EM, as the shares of categories are (label_shift.py), and the accuracy is the share of
all that are right.

The champion predicts none of the planted products: it has learned from them. A stand-in does, a weighted
product of what each modality's neighbours say, whose weights are fitted to the champion's own predictions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aisle.monitoring.drift import label_shift, neighbours
from aisle.monitoring.drift.neighbours import Heard, Neighbours
from aisle.monitoring.observed import Observed

CONDITIONS = ("as it is", "swapped", "unknown", "unlike")
MOST = 2000
"""Products of the reference that are learned from: neighbours cost their square."""
PLANTED = 0.5
"""What the planted products together weigh, in units of the reference."""
LEAST_LIKE = 0.4
"""Share of its likeness to the known that a product keeps at least under `unlike`."""
TINY = 1e-6


@dataclass(frozen=True)
class Model:
    """What tells right from wrong; see `fit`.

    Attributes
    ----------
    modalities
        Modality to the products that vote by it.
    usual
        Modality to the sorted distances of the reference.
    fitted
        Of `evidence`; its classes are twice a condition's place, and 1 more where the prediction is right.
    shares
        (classes,): of what it was fitted on.
    accuracy, groups
        Of the reference, and how many near-duplicate groups it is known from.
    """

    modalities: Mapping[str, Neighbours]
    usual: Mapping[str, np.ndarray]
    fitted: Pipeline
    shares: np.ndarray
    accuracy: float
    groups: int

    def posterior(self, batch: Observed) -> np.ndarray:
        """Return the probability of each class, (m, classes), where they had the shares `shares`."""
        heard = {name: each.ask(batch.vectors[name]) for name, each in self.modalities.items()}
        return np.asarray(self.fitted.predict_proba(evidence(batch.probabilities, heard, self.usual)))

    def expected(self, posterior: np.ndarray) -> float:
        """Return the accuracy of the products of a posterior."""
        shares = label_shift.em(posterior, self.shares, prior=0)
        right = self.fitted[-1].classes_ % 2 == 1
        return float(label_shift.reweighted(posterior, shares / self.shares)[:, right].sum(axis=1).mean())


def evidence(
    probabilities: np.ndarray, heard: Mapping[str, Heard], usual: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return what tells whether predictions are right, (n, figures).

    The champion's confidence; of each modality how probable its neighbours hold the prediction and their own
    favourite, whether these are the same, and how far they are (a quantile of the reference); over the
    modalities whether they agree, and the least distance.
    """
    rows, predicted = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    found = [np.log(confidence + TINY) - np.log(1 - confidence + 1e-4)]
    together, far = np.ones_like(probabilities), []
    for name, each in heard.items():
        votes = each.probabilities
        together = together * votes
        far.append(np.searchsorted(usual[name], each.distance) / len(usual[name]))
        found += [np.log(votes[rows, predicted] + TINY), np.log(votes.max(axis=1) + TINY)]
        found += [votes.argmax(axis=1) == predicted, far[-1]]
    favourites = np.stack([each.probabilities.argmax(axis=1) for each in heard.values()])
    found += [np.log(together.sum(axis=1) + TINY), np.min(far, axis=0)]
    return np.column_stack([*found, (favourites == favourites[0]).all(axis=0)]).astype(float)


def combined(heard: Mapping[str, Heard], weights: np.ndarray) -> np.ndarray:
    """Return the stand-in's probabilities (n, k): the weighted product of the modalities'."""
    logs = [w * np.log(h.probabilities + TINY) for w, h in zip(weights, heard.values(), strict=True)]
    return np.asarray(softmax(sum(logs), axis=1))


def stand_in(probabilities: np.ndarray, heard: Mapping[str, Heard]) -> np.ndarray:
    """Return the weights of the modalities with which `combined` is most like the champion."""
    logs = np.stack([np.log(each.probabilities + TINY) for each in heard.values()])

    def loss(weights: np.ndarray) -> float:
        mixed = log_softmax(np.tensordot(weights, logs, 1), axis=1)
        return float(-(probabilities * mixed).sum(axis=1).mean())

    found = minimize(loss, np.ones(len(heard)), method="Nelder-Mead", options={"maxiter": 60})
    return np.asarray(found.x)


def unlike(heard: Heard, rng: np.random.Generator) -> Heard:
    """Return what is heard of products that are less like all that is known: farther, and told less apart."""
    share = rng.uniform(LEAST_LIKE, 1, len(heard.distance))
    votes = softmax(share[:, None] * np.log(heard.probabilities + TINY), axis=1)
    return Heard(votes, 1 - share * (1 - heard.distance))


def planted(
    heard: Mapping[str, Heard],
    foreign: Mapping[str, Heard],
    conditions: Collection[str],
    rng: np.random.Generator,
) -> list[tuple[str, dict[str, Heard]]]:
    """Return what would be heard of the reference under each condition but the first."""
    found = []
    first, *others = heard
    if "swapped" in conditions and others:  # a picture of another product; the text is the product's own
        for _ in range(2):
            order = rng.permutation(len(heard[first].distance))
            found.append(("swapped", {**heard, **{name: heard[name].take(order) for name in others}}))
    if "unknown" in conditions:
        found.append(("unknown", dict(foreign)))
    if "unlike" in conditions:
        found += [("unlike", {**heard, name: unlike(heard[name], rng)}) for name in heard]
    return found


def fit(
    reference: Observed, n_neighbors: int, rng: np.random.Generator, conditions: Collection[str] = CONDITIONS
) -> Model:
    """Return what tells right predictions from wrong ones.

    Parameters
    ----------
    reference
        Labelled products, predicted out of fold.
    n_neighbors
        Of the distance.
    rng
        Draws what is planted, and `MOST` of a large reference.
    conditions
        Which of `CONDITIONS` are planted: a measurement leaves out what it tests.
    """
    if len(reference) > MOST:
        reference = reference.take(np.sort(rng.choice(len(reference), MOST, replace=False)))
    label = np.array([reference.categories.index(each) for each in reference.label])
    parts = {
        name: neighbours.fit(vectors, label, reference.group, len(reference.categories), n_neighbors)
        for name, vectors in reference.vectors.items()
    }
    modalities = {name: part[0] for name, part in parts.items()}
    heard = {name: part[1] for name, part in parts.items()}
    foreign = {name: part[2] for name, part in parts.items()}
    usual = {name: np.sort(each.distance) for name, each in heard.items()}
    weights = stand_in(reference.probabilities, heard)
    X, kind = [evidence(reference.probabilities, heard, usual)], [reference.right.astype(int)]
    for condition, told in planted(heard, foreign, conditions, rng):
        probabilities = combined(told, weights)
        right = (probabilities.argmax(axis=1) == label) & (condition != "unknown")
        X.append(evidence(probabilities, told, usual))
        kind.append(2 * CONDITIONS.index(condition) + right)
    y, n = np.concatenate(kind), len(label)
    weight = np.where(np.arange(len(y)) < n, 1, PLANTED * n / max(len(y) - n, 1))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(np.concatenate(X), y, logisticregression__sample_weight=weight)
    shares = np.array([weight[y == each].sum() for each in model[-1].classes_]) / weight.sum()
    accuracy, groups = float(reference.right.mean()), len(np.unique(reference.group))
    return Model(modalities, usual, model, shares, accuracy, groups)
