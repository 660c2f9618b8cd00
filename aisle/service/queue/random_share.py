"""Any of them, each with the same probability: what is said of these is true of all."""

import numpy as np

from aisle.service.queue.registry import Candidates, Chosen


class SimpleRandom:
    """A simple random sample without replacement, with its weights."""

    def choose(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Chosen:
        """Return `n` candidates, or all; each has been chosen with probability n / N."""
        total = len(candidates)
        places = rng.permutation(total)[:n]
        return Chosen(places, np.full(len(places), total / max(len(places), 1)))


Strategy = SimpleRandom
