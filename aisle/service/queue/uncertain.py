"""The least certain first: the smallest margin between the two most probable categories."""

import numpy as np

from aisle.service.queue.registry import Candidates, Chosen


class LeastMargin:
    """Margin sampling (Scheffer et al. 2001); of as certain ones, the first to have come."""

    def choose(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Chosen:
        """Return the `n` least certain candidates."""
        places = np.argsort(candidates.margins, kind="stable")[:n]
        return Chosen(places, np.zeros(len(places)))


Strategy = LeastMargin
