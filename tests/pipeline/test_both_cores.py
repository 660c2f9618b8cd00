"""A second cold run, elsewhere and on one core, gives the same bytes as one on all."""

import pytest

pytestmark = pytest.mark.pipeline


def test_one_core_gives_the_same_bytes_from_cold(make_copy, tmp_path, request):
    """Neither threads, nor processes, nor their number, nor the place change a bit of any output."""
    alone = make_copy(tmp_path / "elsewhere")
    ran = alone.from_cold("taskset", "-c", "0")
    cold = request.getfixturevalue("cold")  # now: another process may have made it meanwhile
    assert sorted(ran) == sorted(cold.stages())
    assert alone.lock() == cold.lock()
    assert alone.outputs() == cold.outputs()
