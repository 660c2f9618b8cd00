"""Is a model right more often at one revision than at another: a paired test from two small tables in Git.

Each table is a `metrics/review/paired.csv`, as aisle/evaluation/paired.py makes it, with a row per product:
`digest` of its id, `group` of near-duplicates and, for each role, a text with one character for each run that
predicted it out of fold: 1 right, 0 wrong.
"""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aisle.pipeline.errors import AisleError, some

ROLES = ("champion", "baseline", "best")
CONFIDENCE, N_RESAMPLES, SEED = 0.95, 4999, 0
BATCH = 4_000_000
"""Numbers that a batch of resamples takes, 32 MB."""
BETTER, WORSE = "better", "worse"
SAME = "no difference that can be told from noise"


@dataclass(frozen=True)
class PairedTest:
    """One role at two revisions, on the products that both have.

    Attributes
    ----------
    before, after
        Mean accuracy over products and runs, 0 to 1.
    difference, low, high
        After minus before, and its interval (bootstrap of groups, percentiles) at `CONFIDENCE`.
    p
        Two-sided, of the sign-flip test over groups; exact where few groups differ.
    products, groups
        How many both revisions have.
    before_alone, after_alone
        How many products one revision alone has.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    products: int
    groups: int
    before_alone: int
    after_alone: int

    @property
    def verdict(self) -> str:
        """`BETTER` or `WORSE` if p is below 1 - `CONFIDENCE` and the interval is without 0; else `SAME`."""
        if self.p >= 1 - CONFIDENCE or self.low <= 0 <= self.high:
            return SAME
        return BETTER if self.difference > 0 else WORSE


def read_table(text: str, source: str) -> pd.DataFrame:
    """Return a committed table as text, indexed by digest.

    Parameters
    ----------
    text
        Its content, CSV.
    source
        What to call it in an error.

    Raises
    ------
    AisleError
        If it is no such table: says what is wrong.
    """
    try:  # all as text: 011 is no 11, and the digest 1234e567 no number
        table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' parser's errors are ValueErrors
        raise AisleError(f"{source} must be a CSV table, but: {error}") from None
    missing = [column for column in ("digest", "group") if column not in table]
    if missing:
        raise AisleError(f"{source} must have the columns digest and group; it lacks {some(missing)}")
    twice = table["digest"][table["digest"].duplicated()]
    if len(twice):
        raise AisleError(f"{source} must have one row per product; it has several for {some(twice)}")
    return table.set_index("digest")


def accuracy(table: pd.DataFrame, role: str, source: str) -> pd.Series:
    """Return the share of runs in which a role's model is right on each product, (n,), by digest.

    Raises
    ------
    AisleError
        If the role is missing, or its texts are not of 0 and 1 and all of one length.
    """
    if role not in table:
        raise AisleError(f"{source} must have a column {role}; it has none")
    outcomes = table[role]
    wrong = outcomes[~outcomes.str.fullmatch("[01]+")]
    if len(wrong):
        shown = some(f"{key}: {value!r}" for key, value in wrong.items())
        raise AisleError(f"{source} must have 0 or 1 for each run of the {role}; it has {shown}")
    if outcomes.str.len().nunique() > 1:
        lengths = some(sorted(outcomes.str.len().unique()))
        raise AisleError(
            f"{source} must have as many runs of the {role} for each product; it has {lengths} characters"
        )
    return outcomes.str.count("1") / outcomes.str.len()


def common_groups(before: pd.Series, after: pd.Series) -> np.ndarray:
    """Return a group (n,) such that products which either revision holds for near-duplicates share theirs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(before)
    numbers = [pd.factorize(groups)[0] for groups in (before, after)]
    # a graph of products and both revisions' groups, each product with an edge to its two
    others = np.concatenate([n + numbers[0], n + numbers[0].max() + 1 + numbers[1]])
    edges = (np.ones(2 * n), (np.tile(np.arange(n), 2), others))
    labels = connected_components(coo_array(edges, shape=(others.max() + 1,) * 2), directed=False)[1]
    return np.unique(labels[:n], return_inverse=True)[1]


def paired_test(before: pd.DataFrame, after: pd.DataFrame, role: str) -> PairedTest:
    """Test whether a role's model is right more often after than before, on the products of both tables.

    Products are paired by digest and near-duplicates are resampled together. What is tested is these
    predictions on other products of the same kind; the chance in training anew is not in it.

    Parameters
    ----------
    before, after
        As `read_table` returns them. Their numbers of runs may differ: a product counts with its mean.
    role
        Column of both.

    Raises
    ------
    AisleError
        If a table is not as it must be, or what they have in common is too little.
    """
    old, new = (
        accuracy(table, role, f"the table {when}") for table, when in ((before, "before"), (after, "after"))
    )
    both = old.index.intersection(new.index).sort_values()
    if both.empty:
        raise AisleError("both revisions must have products in common; they have none (another catalogue?)")
    groups = common_groups(before.loc[both, "group"], after.loc[both, "group"])
    if groups.max() == 0:
        raise AisleError("both revisions must have products of several groups in common; they have of one")
    difference = (new[both] - old[both]).to_numpy()
    low, high = interval(difference, groups)
    return PairedTest(
        before=float(old[both].mean()),
        after=float(new[both].mean()),
        difference=float(difference.mean()),
        low=low,
        high=high,
        p=sign_flip_p(difference, groups),
        products=len(both),
        groups=int(groups.max()) + 1,
        before_alone=len(old) - len(both),
        after_alone=len(new) - len(both),
    )


def group_sums(difference: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sum of `difference` (n,) in each group; thirds that cancel are 0."""
    return np.round(np.bincount(groups, difference), 12)


def interval(difference: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of `difference` (n,), whole groups being drawn."""
    from scipy.stats import bootstrap

    sums, sizes = group_sums(difference, groups), np.bincount(groups)
    if not sums.any():
        return 0.0, 0.0
    found = bootstrap(
        (sums, sizes),
        lambda sums, sizes, axis: sums.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        n_resamples=N_RESAMPLES,
        batch=max(1, BATCH // len(sums)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def sign_flip_p(difference: np.ndarray, groups: np.ndarray) -> float:
    """Return the two-sided p value of the sign-flip test of each group's sum of `difference` (n,).

    Groups without a difference say nothing, and are left out, so that few others are enumerated.
    """
    from scipy.stats import permutation_test

    sums = group_sums(difference, groups)
    sums = sums[sums != 0]
    if len(sums) < 2:
        return 1.0  # the one group that differs may as well have done so the other way
    found = permutation_test(
        (sums,),
        lambda sums, axis: sums.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=N_RESAMPLES,
        batch=max(1, BATCH // len(sums)),
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)
