"""tools/bench_service.py and tools/fuzz_service.py: what they read from what other programs say."""

import pytest

from aisle.pipeline.errors import AisleError
from tools import bench_service, fuzz_service

WRK = """  Latency Distribution
     50%   80.17ms
     90%    1.20s
     99%  912.00us
Requests/sec:    387.53
"""


def test_percentiles_of_wrk_are_milliseconds():
    found = [bench_service._ms(WRK, share) for share in (50, 90, 99)]
    assert found == pytest.approx([80.17, 1200, 0.912])
    with pytest.raises(AisleError, match="wrk must tell"):
        bench_service._ms("", 50)


def test_the_probabilities_of_each_server_are_read():
    expected = {"a": 0.25, "b": 0.75}
    ours = {"predictions": [{"category": "b", "probabilities": expected}]}
    of_mlflow = {"predictions": [{"predicted_category": "b", "p_a": 0.25, "p_b": 0.75}]}
    for answer in (ours, of_mlflow, {"probabilities": expected}):
        assert bench_service.probability(answer) == expected


def test_the_ratios_are_of_the_best_peer():
    servers = {"aisle": (100, 11), "unbatched": (20, 10), "mlflow": (10, 9), "litserve": (80, 8)}
    found = {name: {"rps": rps, "idle_p95_ms": p95} for name, (rps, p95) in servers.items()}
    assert bench_service.summary(found) == {
        "rps_vs_mlflow": 10,
        "rps_vs_best_peer": 1.25,
        "idle_p95_ratio": 1.1,
        "saturated_ratio": 5,
    }
    del found["litserve"]
    assert bench_service.summary(found)["rps_vs_best_peer"] == 10


def test_the_number_of_cases_is_read():
    assert fuzz_service.SUMMARY.search("  2,514 generated, 2,514 passed").groups() == ("2,514", "2,514")
