"""`make demo`: the whole loop, from a champion of few labels to a better one that the service swaps in."""

import json
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.pipeline


def test_the_loop_goes_round(repo, tmp_path):
    done = subprocess.run(
        [sys.executable, "tools/demo.py", "--folder", str(tmp_path / "demo")],
        cwd=repo,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    steps = [line for line in done.stdout.splitlines() if line.startswith("[")]
    found = [
        next((i for i, line in enumerate(steps) if re.search(pattern, line)), None)
        for pattern in (
            r"drift: [1-9]\d* alarms in 6 weeks", r"experiment suggestions: stop", r"the service answers on",
            r"are for people", r"reviewed: [1-9]\d* questions answered", r"a candidate learns",
            r"without a restart", r"report: ",
        )
    ]  # fmt: skip
    assert None not in found and found == sorted(found), steps
    assert re.search(r"retrain/\w+: may be merged: all of 7 gates are passed", done.stdout)
    workspace = tmp_path / "demo/demo"
    counts = json.loads((workspace / "metrics/ingest.json").read_text())
    assert counts["labels"] > 50 and counts["labels_unknown_products"] == 0
    (gates,) = (workspace / ".retrain").glob("*.json")
    assert json.loads(gates.read_text())["passed"]
    digests = re.findall(r"with ([0-9a-f]{12})", done.stdout)
    assert len(digests) == 2 and digests[0] != digests[1]
    assert "New products" in (workspace / "reports/tables.md").read_text()
