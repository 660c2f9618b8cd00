"""cores.py: the same results in the same order on any number of processors; what goes wrong is told."""

import os
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from aisle.pipeline import cores
from aisle.pipeline.errors import AisleError

POOLS = [cores.in_processes, cores.in_threads]


@pytest.fixture
def processors(monkeypatch):
    """Return a function that sets how many processors there are."""

    def make(number):
        monkeypatch.setattr(cores, "processors", lambda: number)

    make(3)
    return make


def test_processors_are_those_that_the_process_may_use():
    allowed = os.sched_getaffinity(0)
    assert cores.processors() == len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores.processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("pool", POOLS)
def test_results_are_in_the_order_of_the_items(processors, pool):
    def slow_first(item):
        time.sleep(0.2 if item == 0 else 0)
        return item**2

    assert list(pool(slow_first, iter(range(7)))) == [item**2 for item in range(7)]
    assert list(pool(slow_first, [])) == []


def test_on_several_processors_work_runs_in_other_processes(processors):
    def who(item):
        time.sleep(0.05)
        return os.getpid()

    several = set(cores.in_processes(who, range(6)))
    assert 1 < len(several) <= 3 and os.getpid() not in several


def test_on_one_processor_or_for_one_item_no_process_is_started(processors):
    assert list(cores.in_processes(lambda item: os.getpid(), [1])) == [os.getpid()]
    processors(1)
    assert set(cores.in_processes(lambda item: os.getpid(), range(6))) == {os.getpid()}


def test_the_bytes_are_the_same_on_any_number_of_processors(processors):
    """And the arrays that the work holds need not be pickled."""
    held = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)

    def product(item):
        return (held[:, : 50 + item] @ held[: 50 + item]).tobytes()

    found = {}
    with threadpool_limits(1):  # as aisle.pipeline.cli.run
        for number in (1, 2, 3):
            processors(number)
            found[number] = list(cores.in_processes(product, range(5)))
    assert found[1] == found[2] == found[3] and len(set(found[1])) == 5


def test_a_process_has_one_thread_of_blas(processors):
    def threads(item):
        np.linalg.svd(np.eye(3))
        return [pool["num_threads"] for pool in threadpool_info()]

    with threadpool_limits(2):
        found = list(cores.in_processes(threads, range(4)))
    assert all(each and set(each) == {1} for each in found)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("error", [AisleError("p07 must have a title"), KeyError("p07")])
def test_an_exception_arrives_as_it_was_raised_and_the_next_call_works(processors, pool, error):
    def fail(item):
        if item == 2:
            raise error
        return item

    found = pool(fail, range(4))
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(type(error)) as caught:
        next(found)
    assert caught.value.args == error.args
    assert list(pool(lambda item: -item, range(4))) == [0, -1, -2, -3]


def test_the_next_call_forks_again_after_one_that_failed_or_was_left(processors):
    def fail(item):
        raise AisleError("no")

    with pytest.raises(AisleError):
        list(cores.in_processes(fail, range(4)))
    left = cores.in_processes(lambda item: item, range(4))
    next(left)
    left.close()
    assert os.getpid() not in set(cores.in_processes(lambda item: os.getpid(), range(4)))


def test_a_worker_does_not_fork_again(processors):
    def outer(item):
        return os.getpid(), list(cores.in_processes(lambda inner: (os.getpid(), item * inner), range(3)))

    for item, (pid, inner) in enumerate(cores.in_processes(outer, range(4))):
        assert pid != os.getpid()
        assert inner == [(pid, 0), (pid, item), (pid, 2 * item)]
