"""t-SNE of a feature set, from several seeds."""

import copy

import numpy as np
from pydantic import Field

from aisle.pipeline.params import Section

LARGE = 20_000
"""Products above which neighbours are approximate."""


class TsneParams(Section):
    """What of section `clustering` t-SNE reads."""

    perplexity: float = Field(gt=1)
    n_iter: int = Field(ge=30)
    seed: int


class Tsne:
    """t-SNE of one set of vectors; the neighbours are found once for all seeds, with one thread.

    van der Maaten and Hinton 2008; openTSNE, Barnes-Hut. Early exaggeration is 12 in the first quarter of the
    iterations; momentum is 0.5, then 0.8; the learning rate is n / 12, at least 200: scikit-learn's defaults
    (it calls a quarter of that the learning rate, for its gradient is four times as long). So is the start,
    the first two components (Kobak and Berens 2019), but with noise of a tenth of its sd, which is what
    varies from seed to seed: without it every seed would give the same map.

    Parameters
    ----------
    components
        Principal components (n, at least 1).
    params
        See `TsneParams`.
    """

    def __init__(self, components: np.ndarray, params: TsneParams) -> None:
        from openTSNE import affinity

        n = len(components)
        self.n_iter, self.rate = params.n_iter, max(n / 12, 200)
        self.affinities = affinity.PerplexityBasedNN(
            components,
            perplexity=min(params.perplexity, (n - 1) / 3),
            method="exact" if n <= LARGE else "approx",
            n_jobs=1,
            random_state=params.seed,
        )
        self.plane = np.zeros((n, 2))
        self.plane[:, : components.shape[1]] = components[:, :2] / (components[:, 0].std() or 1)

    def embed(self, seed: int) -> np.ndarray:
        """Return the map float64 (n, 2) of a seed."""
        from openTSNE import TSNEEmbedding

        early = self.n_iter // 4
        start = 1e-4 * (self.plane + np.random.default_rng(seed).normal(0, 0.1, self.plane.shape))
        # openTSNE scales the affinities in place: without a copy the second seed sees rounding errors
        embedding = TSNEEmbedding(
            start,
            copy.deepcopy(self.affinities),
            negative_gradient_method="bh",
            learning_rate=self.rate,
            n_jobs=1,
            random_state=seed,
        )
        embedding = embedding.optimize(early, exaggeration=12, momentum=0.5)
        return np.asarray(embedding.optimize(self.n_iter - early, momentum=0.8))
