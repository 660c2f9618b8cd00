"""Principal components of a feature set, and how much of its variance they explain."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.decomposition import PCA, KernelPCA
from sklearn.preprocessing import StandardScaler, normalize

Components = Literal["all", "elbow"] | Annotated[int, Field(ge=2)]
"""How many are kept: all, which keeps every distance, those up to the elbow, or a number."""
WIDE = 4
"""Values for each product above which principal components are found from the products' inner products."""


def elbow(variance: np.ndarray) -> int:
    """Return the number of components at the elbow of the explained variance.

    That is where its cumulative curve, from 0 components to all m, is farthest above its chord: the "knee" of
    Satopaa et al. 2011. As the chord rises by the mean share 1 / m, these are the components that explain
    more than the average one (the Kaiser-Guttman rule).

    Parameters
    ----------
    variance
        Share of the variance that each of all components explains, falling, (m,).
    """
    return max(int((variance > variance.mean()).sum()), 1)


def explained(variance: np.ndarray) -> pd.DataFrame:
    """Return the explained variance of all components as a table.

    Parameters
    ----------
    variance
        Share of the variance that each of all components explains, falling, (m,).

    Returns
    -------
    pandas.DataFrame
        A row per component: `component` (from 1), `variance` (share), `cumulative` (share of it and those
        before it).
    """
    return pd.DataFrame(
        {
            "component": np.arange(1, len(variance) + 1),
            "variance": variance,
            "cumulative": np.cumsum(variance),
        }
    )


def reduce(X: np.ndarray, scaling: str, wanted: str | int) -> tuple[np.ndarray, np.ndarray]:
    """Scale the columns or rows of X, then turn it to its principal components.

    Parameters
    ----------
    X
        Features (n, dimension).
    scaling
        `l2`: each row to length 1; `standard`: each column to mean 0 and sd 1; `none`.
    wanted
        `all`, which keeps every distance, `elbow`, or how many.

    Returns
    -------
    components : numpy.ndarray
        float64 (n, kept), at most min(n - 1, dimension).
    variance : numpy.ndarray
        Share of the variance that each of all components explains, (min(n - 1, dimension),).
    """
    X = X.astype(np.float64)
    if scaling != "none":
        X = normalize(X) if scaling == "l2" else StandardScaler().fit_transform(X)
    most = min(len(X) - 1, X.shape[1])
    if X.shape[1] > WIDE * len(X):  # the same components, much faster for VGG16's 25,088 values
        kernel = KernelPCA(most, eigen_solver="dense")
        components = kernel.fit_transform(X - X.mean(axis=0))
        variance = kernel.eigenvalues_ / kernel.eigenvalues_.sum()
    else:
        pca = PCA(most, svd_solver="full")
        components = pca.fit_transform(X)
        variance = pca.explained_variance_ratio_
    kept = {"all": len(variance), "elbow": elbow(variance)}.get(str(wanted), wanted)
    return components[:, : int(kept)], variance
