"""Products made by hand: three categories, text and picture around centres, near-duplicates in pairs."""

from collections.abc import Callable

import numpy as np
import pytest

from aisle.monitoring.observed import Observed

NAMES = ("Clocks", "Lamps", "Mugs")
DIMENSION = 12


@pytest.fixture(scope="session")
def observed() -> Callable[..., Observed]:
    """Return a function that draws products; what is given shifts them."""

    def draw(n, seed, shares=(1 / 3, 1 / 3, 1 / 3), text=0.0, image=0.0, foreign=0, bare=0.0, swapped=False):
        rng = np.random.default_rng([seed, 77])
        half = (n + 1) // 2
        label = np.repeat(rng.choice(3, half, p=shares), 2)[:n]
        group = np.repeat(np.arange(half), 2)[:n] + 10_000 * seed
        centres = np.eye(DIMENSION)[:3] * 1.6
        pair = 0.7 * np.repeat(rng.normal(size=(half, DIMENSION)), 2, axis=0)[:n]  # near-duplicates are alike
        vectors = {
            name: (centres[label] + pair + 0.2 * rng.normal(size=(n, DIMENSION))).astype(np.float32)
            for name in ("text", "image")
        }
        vectors["text"][:, 5] += text
        vectors["image"][:, 6] += image
        for each in vectors.values():
            each[:foreign] = rng.normal(size=(foreign, DIMENSION)) * 0.5
            each[:foreign, :3] -= 6
        if swapped:
            vectors["image"] = vectors["image"][rng.permutation(n)]
        score = vectors["text"][:, :3] * 1.6 / 0.53  # what Bayes' rule says of normal classes
        probabilities = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        names = np.array(NAMES, object)
        return Observed(
            ids=np.array([f"p{seed}-{i}" for i in range(n)], object),
            group=group,
            probabilities=probabilities,
            categories=NAMES,
            vectors=vectors,
            quality=rng.normal(size=(n, 4)),
            present={"title": np.ones(n, bool), "description": rng.random(n) >= bare},
            label=names[label],
            texts=np.array(["some words"] * n, object),
        )

    return draw
