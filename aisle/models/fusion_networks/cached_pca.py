"""Principal components of the pictures of a training part, kept from run to run.

A study fits each network dozens of times for every seed, and again for every variant of its params, on the
same training parts. So what the components are is kept in the item cache (aisle/pipeline/item_cache.py):
there the item is a training part as a whole.
"""

from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from aisle.pipeline.item_cache import ItemCache, folder

_LOCK = Lock()


def principal(part: np.ndarray, most: int) -> np.ndarray:
    """Return the components (k, columns) of a training part, of such length that their mean variance is 1.

    Parameters
    ----------
    part
        float32 (n, columns), standardised.
    most
        k, where there are as many products and columns.
    """
    part = np.ascontiguousarray(part, "<f4")
    columns = part.shape[1]
    with _LOCK:  # fits run side by side, and what is wrong with the cache is said once
        kept = _kept(columns, most, folder())
    (components,) = kept.get([part.tobytes()], lambda _: [_learn(part, most).astype("<f4").tobytes()])
    return np.frombuffer(components, "<f4").reshape(-1, columns).copy()


def _learn(part: np.ndarray, most: int) -> np.ndarray:
    import scipy.linalg  # noqa: F401  PCA calculates with it, so that its version must be part of the key
    from sklearn.decomposition import PCA  # a quarter of a second that only new parts need

    count = min(most, *part.shape)
    solver = "randomized" if count < min(part.shape) else "full"
    pca = PCA(count, svd_solver=solver, iterated_power=2, random_state=0)
    with threadpool_limits(1):  # what is kept must not depend on who asks first, on how many cores
        pca.fit(part)
    # one factor for all components: their sizes tell what matters
    spread = float(np.sqrt(pca.explained_variance_.mean())) or 1.0
    return pca.components_ / spread


@cache
def _kept(columns: int, most: int, store: Path | None) -> ItemCache:
    """Open the cache, once in a process."""
    return ItemCache(__name__, {"columns": columns, "most": most}, expendable=True)
