"""tools/simulate_experiments.py: a fraction of it runs, and the committed result is within its limits."""

import json
from pathlib import Path

from tools import simulate_experiments

RESULT = Path(__file__).parents[2] / "docs" / "benchmarks" / "experiments.json"


def false_alarms(found):
    parts = (found["paired"], found["ratio"], found["effect"])
    return [value for part in parts for key, value in part.items() if key.startswith("false_alarms")]


def test_a_fraction_of_the_simulation():
    found = simulate_experiments.simulate(100, 2)
    assert len(false_alarms(found)) == 6 and max(false_alarms(found)) <= 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    assert found["ratio"]["found_declared_50"] > 0.8 and found["effect"]["power"] > 0.5


def test_the_committed_result():
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    assert found["experiments"] >= 2000 and max(false_alarms(found)) <= found["alpha"]
    assert found["effect"]["sequences"] >= 2000 and found["effect"]["sequences_ever_wrong"] <= found["alpha"]
    for name in simulate_experiments.PAIRED:
        assert 0.8 < found["paired"][f"power_{name}"] < found["paired"][f"power_{name}_fixed_sample"]
