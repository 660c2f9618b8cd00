"""CONTRIBUTING.md's examples as they stand: each runs what it concerns, and nothing beside it."""

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline
GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
NEW = ("minilm_neighbours", "efficientnet_lite0_small", "two_to_one", "stack_of_four")
"""The models that are added."""


def examples(title: str) -> list[str]:
    """Return the code blocks of a section."""
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md must have a section {title!r}"
    return re.findall(r"```(?:python|yaml|diff)\n(.*?)```", found[1], re.DOTALL)


def patch(copy, file: str, diff: str) -> None:
    """Do to a file what a diff's parts, with dots between them, say."""
    for part in diff.split("...\n"):
        lines = [(line[0], line[1:] + "\n") for line in part.splitlines()]
        before = "".join(text for sign, text in lines if sign == " ")
        copy.edit(file, before, "".join(text for sign, text in lines))


@pytest.fixture(scope="module")
def grown(make_warm, tmp_path_factory):
    """Return a copy to which one of each kind was added, and what each of them ran."""
    copy, ran = make_warm(tmp_path_factory.mktemp("grown")), {}

    module, diff = examples("Adding a figure or section")
    copy.write("aisle/report/sections/sizes.py", module)
    patch(copy, "aisle/report/page.py", diff)
    copy.edit("aisle/report/sections/clusters.py", "import pandas as pd", "import pandas as pd  # a comment")
    ran["section"] = copy.repro()

    module, entry, feature_set = examples("An encoder")
    copy.write("aisle/representations/encoders/text/characters.py", module)
    copy.edit("params.yaml", "  image:\n    descriptors:\n", entry + "  image:\n    descriptors:\n")
    copy.edit("params.yaml", "feature_sets:\n", "feature_sets:\n" + feature_set)
    ran["encoder"] = copy.repro("cluster")

    module, entry = examples("A classifier")
    copy.write("aisle/models/classifiers/feature_neighbours.py", module)
    copy.edit("params.yaml", "classifiers:\n", "classifiers:\n" + entry)
    ran["classifier"] = copy.repro("classify")

    (entry,) = examples("A head or a fusion network")
    copy.edit("params.yaml", "  heads:\n", "  heads:\n" + entry)
    ran["head"] = copy.repro("train_heads")

    (entries,) = examples("A fusion")
    copy.edit("params.yaml", "fusions:\n", "fusions:\n" + entries)
    ran["fusion"] = copy.repro("fuse")

    (diff,) = examples("A metric")
    patch(copy, "aisle/evaluation/metrics.py", diff)
    ran["metric"] = copy.repro("evaluate")
    return copy, ran


@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        ("section", ["digest_code", "report"]),
        ("encoder", ["digest_code", "embed_text@characters", "cluster@characters"]),
        ("classifier", ["digest_code", "classify@minilm_neighbours"]),
        ("head", ["train_heads@efficientnet_lite0"]),
        ("fusion", ["fuse"]),
        ("metric", ["digest_code", "evaluate", "list_models"]),
    ],
)
def test_it_runs_what_it_concerns(grown, kind, stages):
    assert sorted(grown[1][kind]) == sorted(stages)


def test_the_section_stands_in_the_report(grown):
    path = grown[0].path / "reports"
    assert 'id="figure-sizes"' in (path / "index.html").read_text(encoding="utf-8")
    assert "categories; the smallest has" in (path / "tables.md").read_text(encoding="utf-8")


def test_the_encoder_is_clustered(grown):
    found = json.loads((grown[0].path / "metrics/cluster/characters.json").read_text(encoding="utf-8"))
    assert found["ari"] is not None


@pytest.mark.parametrize("name", NEW)
def test_the_model_has_every_score_and_the_metric_an_interval_and_an_sd(grown, name):
    models = json.loads((grown[0].path / "metrics/models.json").read_text(encoding="utf-8"))
    assert {*models[name]} >= {*models["text_baseline"]}
    balanced = {part: models[name][f"cv_balanced_accuracy{part}"] for part in ("", "_low", "_high", "_sd")}
    assert balanced["_low"] <= balanced[""] <= balanced["_high"] and balanced["_sd"] > 0
    assert models[name]["cv_accuracy"] > 0.5
    assert "holdout_balanced_accuracy" in models[name]
