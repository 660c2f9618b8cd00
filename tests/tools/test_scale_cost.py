"""tools/scale/cost.py and docker/rayjob.yaml: what is said of clusters follows from what is committed."""

import re
import shlex
from pathlib import Path

import pytest

from aisle import predict
from aisle.pipeline.params import read_yaml
from tools.scale import cost

ROOT = Path(__file__).parents[2]


def test_hours_are_items_by_rate_and_cores():
    assert cost.hours(7_200, 2.0, 1) == 1
    assert cost.hours(10_000_000, 100.0, 16) == pytest.approx(1.736, abs=1e-3)


def test_a_rate_is_of_one_core_and_names_its_source():
    encoders = {
        "cores": 4,
        "texts": {"minilm": {"items_per_second": {"framework": 1, "fp32": 40}}},
        "pictures": {name: {"items_per_second": {"bf16": 8}} for name in ("mobilenet_v2", "clip")},
    }
    scale = {"peers": {"batch_prediction": {"products": 100, "aisle": {"cpu_seconds": 2}}}}
    found = {rate.what: rate for rate in cost.rates(encoders, scale)}
    assert {name: rate.per_core for name, rate in found.items()} == {
        "batch prediction, text model": 50,
        "minilm, fp32": 10,
        "mobilenet_v2, bf16": 2,
        "clip, bf16": 2,
    }
    assert found["clip, bf16"].source == "encoders.json: pictures.clip.items_per_second.bf16"


def test_the_page_has_the_table_of_the_committed_figures():
    assert cost.table() in (ROOT / "docs/scale.md").read_text(encoding="utf-8")


def test_the_rayjob_runs_a_command_that_there_is():
    job = read_yaml(ROOT / "docker/rayjob.yaml")
    python, _, module, *arguments = shlex.split(job["spec"]["entrypoint"])
    said = predict.parser().parse_args(arguments)
    assert (job["kind"], python, module, said.engine) == ("RayJob", "python", "aisle.predict", "ray")
    pinned = re.search(r"(?m)^ray==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    cluster = job["spec"]["rayClusterSpec"]
    assert pinned and cluster["rayVersion"] == pinned[1]
    specs = [each["template"]["spec"] for each in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    claims = [each["volumes"][0]["persistentVolumeClaim"]["claimName"] for each in specs]
    mounts = [each["containers"][0]["volumeMounts"][0]["mountPath"] for each in specs]
    assert len({*claims}) == 1 and all(said.model.startswith(mount) for mount in mounts)
