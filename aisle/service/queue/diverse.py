"""The least certain first, without near-duplicates of one another: no two questions are the same."""

import numpy as np

from aisle.service.queue.registry import NEAR, Candidates, Chosen


class DiverseMargin:
    """Margin sampling that passes over what is a near-duplicate of one that it has chosen."""

    def choose(self, candidates: Candidates, n: int, rng: np.random.Generator) -> Chosen:
        """Return at most `n` candidates; fewer where all others are near-duplicates of these."""
        found: list[int] = []
        free = np.ones(len(candidates), bool)
        for place in np.argsort(candidates.margins, kind="stable"):
            if len(found) == n:
                break
            if not free[place]:
                continue
            found.append(int(place))
            alike = (candidates.vectors @ candidates.vectors[[place]].T).toarray().ravel()
            free &= alike < NEAR
        return Chosen(np.array(found, int), np.zeros(len(found)))


Strategy = DiverseMargin
