"""Combine the predictions of several models: fitted on inner rows, so that the test part is never seen."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from aisle.models import predictions_table
from aisle.models.model_folder import SavedModel
from aisle.models.predictions_table import MIN_PROBABILITY, PREFIX, TEST, categories, probabilities
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section, check
from aisle.pretrained.status import ABSENT, NONE, combined

Method = Literal["log_mean", "vote", "stack"]


class FusionParams(Section):
    """Section `fusions.<name>`: which classifiers are combined, at least two, and how."""

    title: str
    method: Method
    models: Annotated[list[str], Field(min_length=2)]
    options: dict[str, Any] = Field(default_factory=dict)


class Combination(Protocol):
    """What combines m models' probabilities of k categories."""

    def fit(self, each: np.ndarray, available: np.ndarray, y: np.ndarray) -> "Combination":
        """Learn from probabilities (n, m, k), who had input (n, m), and categories 0 to k - 1."""

    def combine(self, each: np.ndarray, available: np.ndarray) -> np.ndarray:
        """Return probabilities (n, k); the mean of the models' where none had input."""


def log_mean(each: np.ndarray, available: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean of log-probabilities, renormalised, over the models that had input.

    Where none had, or only such of weight 0, the models count alike.
    """
    return mean_of_logs(logarithms(each), available, weights)


def logarithms(each: np.ndarray) -> np.ndarray:
    """Return log-probabilities, of probabilities not below MIN_PROBABILITY."""
    logs = np.clip(each, MIN_PROBABILITY, None)
    return np.log(logs, out=logs)


def mean_of_logs(logs: np.ndarray, available: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `log_mean` of probabilities whose `logarithms` are given."""
    shares = np.where(available, weights, 0.0)
    alike = np.where(available.any(axis=1, keepdims=True), available, 1.0)
    shares = np.where(shares.sum(axis=1, keepdims=True) < MIN_PROBABILITY, alike, shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return softmax(np.einsum("nm,nmk->nk", shares, logs), axis=1)


def prior_where_nothing(mixed: np.ndarray, each: np.ndarray, available: np.ndarray) -> np.ndarray:
    """Return combined probabilities (n, k), the members' mean where none had input.

    What a member says without input are the categories' shares. A vote, or weights learned where there was
    input, would make of these a choice that nothing speaks for.
    """
    return np.where(np.asarray(available.any(axis=1))[:, None], mixed, each.mean(axis=1))


class LogMean:
    """Weighted mean of log-probabilities; the weights minimise the negative log-likelihood.

    Parameters
    ----------
    weights
        m weights, brought to a sum of 1; or None to learn them.
    """

    def __init__(self, weights: Sequence[float] | None = None) -> None:
        self.weights = weights

    def fit(self, each: np.ndarray, available: np.ndarray, y: np.ndarray) -> "LogMean":
        """Choose the weights: a softmax of m free numbers, found by BFGS from equal weights."""
        rows = np.arange(len(y))
        if self.weights is not None:
            if len(self.weights) != each.shape[1] or not sum(self.weights) > 0:
                raise AisleError(
                    f"weights must be {each.shape[1]} numbers, not all 0, one per model; found {self.weights}"
                )
            self.weights_ = np.asarray(self.weights, float) / sum(self.weights)
            return self

        logs = logarithms(each)

        def loss(free: np.ndarray) -> float:
            mixed = mean_of_logs(logs, available, softmax(free))
            likelihood = np.log(np.clip(mixed[rows, y], MIN_PROBABILITY, None)).mean()
            return float(-likelihood + 1e-4 * (free**2).sum())

        self.weights_ = softmax(minimize(loss, np.zeros(each.shape[1]), method="BFGS").x).round(4)
        return self

    def combine(self, each: np.ndarray, available: np.ndarray) -> np.ndarray:
        """Return the weighted mean."""
        return prior_where_nothing(log_mean(each, available, self.weights_), each, available)


class Vote:
    """Each model with input has a vote; the mean of their probabilities is one more, and decides ties."""

    def fit(self, each: np.ndarray, available: np.ndarray, y: np.ndarray) -> "Vote":
        """Learn nothing."""
        return self

    def combine(self, each: np.ndarray, available: np.ndarray) -> np.ndarray:
        """Return shares of the votes; the members' mean where none has one."""
        counted = available[:, :, None]
        votes = np.eye(each.shape[2])[each.argmax(axis=2)]
        n = np.maximum(counted.sum(axis=1), 1)
        mixed = ((votes * counted).sum(axis=1) + (each * counted).sum(axis=1) / n) / (n + 1)
        return prior_where_nothing(mixed, each, available)


class Stack:
    """Logistic regression on the models' log-probabilities and on whether each had input (Wolpert 1992).

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty.
    """

    def __init__(self, C: float = 0.1) -> None:
        self.model = LogisticRegression(C=C, max_iter=1000)

    @staticmethod
    def _inputs(each: np.ndarray, available: np.ndarray) -> np.ndarray:
        logs = np.log(np.clip(each, 1e-4, None))
        logs -= logs.mean(axis=2, keepdims=True)
        return np.hstack([(logs * available[:, :, None]).reshape(len(each), -1), available])

    def fit(self, each: np.ndarray, available: np.ndarray, y: np.ndarray) -> "Stack":
        """Fit the regression; where all are of one category, that is the answer."""
        self.n_categories_ = each.shape[2]
        model = clone(self.model) if len(np.unique(y)) > 1 else DummyClassifier()
        self.model_ = model.fit(self._inputs(each, available), y)
        return self

    def combine(self, each: np.ndarray, available: np.ndarray) -> np.ndarray:
        """Return its probabilities, 0 for a category that it has not seen; the mean where none had input."""
        result = np.zeros((len(each), self.n_categories_))
        result[:, self.model_.classes_] = self.model_.predict_proba(self._inputs(each, available))
        return prior_where_nothing(result, each, available)


class LogMeanOptions(Section):
    """Options of `LogMean`."""

    weights: list[NonNegativeFloat] | None = None


class VoteOptions(Section):
    """`Vote` has none."""


class StackOptions(Section):
    """Options of `Stack`."""

    C: float = Field(0.1, gt=0)


METHODS: dict[Method, tuple[type[Section], type]] = {
    "log_mean": (LogMeanOptions, LogMean),
    "vote": (VoteOptions, Vote),
    "stack": (StackOptions, Stack),
}


def create(method: Method, options: dict[str, Any]) -> Combination:
    """Return an unfitted combination.

    Raises
    ------
    AisleError
        If an option is unknown or wrong.
    """
    section, factory = METHODS[method]
    checked = check(options, section, f"options of the fusion method {method!r}")
    combination: Combination = factory(**checked.model_dump())
    return combination


def stacked(
    members: Sequence[pd.DataFrame], rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (n, m, k), availability (n, m) and true categories (n,) of aligned tables.

    Of the n `rows` by their places, all if None.
    """
    rows = np.arange(len(members[0])) if rows is None else rows
    each = np.empty((len(rows), len(members), len(categories(members[0]))))
    for number, table in enumerate(members):
        each[:, number] = probabilities(table.iloc[rows])
    available = np.stack([table["available"].to_numpy(bool)[rows] for table in members], axis=1)
    y = pd.Categorical(members[0]["category"].iloc[rows], categories(members[0])).codes.astype(int)
    return each, available, y


def fuse(members: Sequence[pd.DataFrame], method: Method, options: dict[str, Any]) -> pd.DataFrame:
    """Return the predictions table of a fusion.

    For each test fold the combination is fitted on its inner rows. The fusion's own inner rows, on which its
    temperature is fitted, come from combinations fitted on the inner folds other than the row's.

    Parameters
    ----------
    members
        Predictions of the members, with the same rows in the same order.
    method, options
        See `METHODS`.
    """
    keys, names = members[0], [PREFIX + name for name in categories(members[0])]
    mixed, known = np.empty((len(keys), len(names))), np.empty(len(keys), bool)
    inner = keys["inner_fold"].to_numpy()
    for _, where in keys.groupby(["protocol", "repeat", "fold"]).indices.items():
        folds = inner[where]
        # of one fold at a time: all rows of all members side by side would be most of the memory
        each, available, y = stacked(members, np.asarray(where))
        known[where] = available.any(axis=1)
        for number in np.unique(folds):
            target = folds == number
            learn = (folds != TEST) & ~target
            if not learn.any():  # one inner fold, as of a hold-out with a single repeat: fitted on itself
                learn = folds != TEST
            combination = create(method, options).fit(each[learn], available[learn], y[learn])
            mixed[where[target]] = combination.combine(each[target], available[target])
    rest = [name for name in keys.columns if not name.startswith(("weight_", PREFIX))]
    result = keys[rest].assign(available=known)
    columns = pd.DataFrame(mixed, columns=names, index=result.index)
    return pd.concat([result, columns], axis=1, copy=False)  # type: ignore[call-overload]


def run(
    name: str, params: FusionParams, members: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, SavedModel]:
    """Return a fusion's predictions, with the rows of its first member by their keys, and its model.

    The model is the combination fitted on all out-of-fold predictions, to be used with its members.

    Parameters
    ----------
    name, params
        Of the fusion.
    members
        Name of each member to its predictions.

    Raises
    ------
    AisleError
        If the members are not of the same products, folds and categories.
    """
    # in one order whatever the file's: the last bits of what is fitted depend on it
    first = members[params.models[0]]
    keys = predictions_table.renumbered(first)[predictions_table.KEYS]
    if not keys.equals(ordered := keys.sort_values(predictions_table.KEYS)):
        first = first.take(ordered.index.to_numpy())
    first = predictions_table.renumbered(first)
    aligned = [first] + [
        predictions_table.align(
            members[member], first, f"predictions of {member}", f"those of {params.models[0]}"
        )
        for member in params.models[1:]
    ]
    table = fuse(aligned, params.method, params.options)
    label = combined([member.attrs.get("weights", NONE) for member in members.values()])
    combination = None
    if label != ABSENT:
        of_cv = np.flatnonzero((first["protocol"] == "cv") & (first["inner_fold"] == TEST))
        combination = create(params.method, params.options).fit(*stacked(aligned, of_cv))
    kinds = {kind for member in members.values() for kind in member.attrs["modalities"].split("+")}
    table.attrs = {"weights": label, "modalities": "+".join(sorted(kinds)), "title": params.title}
    prior = predictions_table.shares(table.drop_duplicates(tables.KEY)["category"])
    about = {"fusions": params.model_dump(mode="json")}
    model = SavedModel(
        name,
        params.title,
        list(prior),
        list(prior.values()),
        label,
        members=params.models,
        params=about,
        estimator=combination,
    )
    return table, model
