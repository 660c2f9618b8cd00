"""models/fusion_networks/cached_pca.py: scikit-learn's components, learned once for each training part."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from aisle.models import estimator_file
from aisle.models.fusion_networks import cached_pca
from aisle.models.fusion_networks.cached_pca import principal
from aisle.models.fusion_networks.networks import Parts
from aisle.pipeline.code_version import libraries


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))


@pytest.fixture
def learned(monkeypatch):
    """Return the shapes of the parts that had to be learned."""
    shapes = []

    class Spy(PCA):
        def fit(self, X):
            shapes.append(X.shape)
            return super().fit(X)

    monkeypatch.setattr("sklearn.decomposition.PCA", Spy)
    return shapes


def part(seed=0, products=40, columns=12):
    values = np.random.default_rng(seed).normal(size=(products, columns)) * np.arange(1, columns + 1)
    return (values - values.mean(axis=0)).astype(np.float32)


def forget():
    """Do as another process, which has the store alone."""
    cached_pca._kept.cache_clear()


@pytest.mark.parametrize(("products", "most", "k"), [(40, 4, 4), (40, 12, 12), (40, 99, 12), (7, 99, 7)])
def test_they_are_those_of_scikit_learn_with_a_mean_variance_of_1(products, most, k):
    X = part(products=products)
    axes = principal(X, most)
    assert axes.shape == (k, 12) and axes.dtype == np.float32
    ours, theirs = X @ axes.T, PCA(k, svd_solver="full").fit_transform(X)
    assert ours.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-4)
    scale = np.sqrt(theirs.var(axis=0, ddof=1).mean())
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs) / scale, atol=2e-3)


def test_a_part_is_learned_once_and_read_bit_for_bit(learned):
    first = principal(part(), 4)
    forget()
    np.testing.assert_array_equal(principal(part(), 4), first)
    assert learned == [(40, 12)]


def test_another_part_or_number_of_components_is_learned():
    first = principal(part(), 4)
    changed = part()
    changed[0, 0] += 1
    assert not np.array_equal(principal(changed, 4), first)
    assert principal(part(), 5).shape == (5, 12)
    assert principal(part(columns=24, products=20), 4).shape == (4, 24)  # as many bytes


def test_with_the_cache_off_it_is_learned_each_time(learned, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", "off")
    np.testing.assert_array_equal(principal(part(), 4), principal(part(), 4))
    assert len(learned) == 2


def test_threads_share_it(learned, capsys):
    parts = [part(seed) for seed in range(40)]
    alone = [principal(each, 4) for each in parts]
    forget()
    with ThreadPoolExecutor(8) as pool:
        np.testing.assert_array_equal(list(pool.map(lambda each: principal(each, 4), parts)), alone)
    fresh = [part(seed) for seed in range(100, 140)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: principal(each, 4), fresh))
    assert len(learned) == 80 and capsys.readouterr().err == ""


def test_a_store_that_cannot_be_used_is_said_once_and_parts_are_learned(learned, capsys, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", __file__)  # no folder
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: principal(part(seed), 4), range(16)))
    assert len(learned) == 16
    assert capsys.readouterr().err.count("warning") == 1


def test_the_key_has_the_versions_of_what_calculates():
    assert {"numpy", "scipy", "scikit-learn"} <= libraries("aisle.models.fusion_networks.cached_pca").keys()


def test_they_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", "off")
    X = part(products=660, columns=400)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(principal(X, 64))
    np.testing.assert_array_equal(*found)


def test_a_network_s_parts_are_the_same_bytes_learned_or_read(learned):
    X = np.hstack([part(1, columns=3), part()])

    def saved():
        forget()
        parts = Parts((3, 12), 4, "root")
        parts.fit_transform(X)
        return estimator_file.dumps(parts)

    assert saved() == saved()
    assert len(learned) == 1
