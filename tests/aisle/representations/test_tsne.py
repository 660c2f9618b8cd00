"""representations/tsne.py: a seed's map is its own."""

import numpy as np

from aisle.representations.tsne import Tsne, TsneParams

PARAMS = TsneParams(perplexity=15, n_iter=400, seed=0)


def test_a_seeds_map_does_not_depend_on_the_seeds_before_it():
    components = np.random.default_rng(0).normal(size=(75, 10))
    tsne = Tsne(components, PARAMS)
    third, fourth = tsne.embed(3), tsne.embed(4)
    assert Tsne(components, PARAMS).embed(4).tobytes() == fourth.tobytes()
    assert third.tobytes() != fourth.tobytes()
