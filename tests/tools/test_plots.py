"""The plots of dvc.yaml: each names columns that its table has, with a template that DVC can fill."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from aisle.models import fit_all
from aisle.models.fine_tuning import base as tuners
from aisle.report.sections import clusters

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / ".dvc" / "plots"
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
DVC = {"rev", "filename", "field"}
"""Columns that DVC adds to each row."""


def plots() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name to (path, properties) of every plot, of stages and of the whole pipeline."""
    found = {}
    for stage, definition in PIPELINE["stages"].items():
        for entry in definition.get("do", definition).get("plots", []):
            ((path, properties),) = entry.items()
            found[f"{stage} {path}"] = (path, dict(properties))
    for entry in PIPELINE["plots"]:
        ((name, properties),) = entry.items()
        ((path, y),) = properties["y"].items()
        found[name] = (path, {**properties, "y": y})
    return found


PLOTS = plots()


@pytest.fixture(scope="module")
def columns(built):
    """Return a function from the path of a plot's table to its columns."""

    def of(path: str) -> list[str]:
        folder, name = path.rsplit("/", 1)
        if folder.startswith("reports/histories"):
            assert fit_all.HISTORY == tuners.HISTORY
            return [*tuners.HISTORY, "catalogue"]
        if name == "feature_sets.csv":
            return ["feature_set", *clusters.COMPARED, "catalogue"]
        name = name.replace("${key}", "tfidf")
        return list(pd.read_csv(built.root / folder / name, nrows=1))

    return of


def used(template: Any) -> set[str]:
    """Return the columns that a Vega-Lite template reads, those that it makes itself aside."""
    found, made = set(), set()

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each)
        if not isinstance(node, dict):
            return
        for key, value in node.items():
            if key == "field" and isinstance(value, str):
                found.add(value)
            elif key in ("fields", "fold", "groupby"):
                found.update(value)
            elif key == "as":
                made.update([value] if isinstance(value, str) else value)
            elif key == "values" and isinstance(value, list):
                made.update(name for row in value for name in row)
            elif isinstance(value, str):
                found.update(re.findall(r"datum\.(\w+)", value))
            walk(value)

    walk(template)
    return {name for name in found - made if not name.startswith("<DVC_METRIC")}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_names_columns_that_its_table_has(name, columns):
    path, properties = PLOTS[name]
    there = columns(path)
    assert {properties["x"], properties["y"]} <= set(there)
    template = json.loads((TEMPLATES / f"{properties['template']}.json").read_text())
    assert used(template) <= {*there, *DVC}


@pytest.mark.parametrize("name", PLOTS)
def test_dvc_can_fill_the_template(name, columns):
    from dvc_render import VegaRenderer

    path, properties = PLOTS[name]
    rows = [{"rev": "workspace"} | dict.fromkeys(columns(path), "0")]
    filled = VegaRenderer(rows, path, template_dir=str(TEMPLATES), **properties).get_filled_template()
    assert "<DVC_METRIC" not in json.dumps(filled)
    assert filled["data"]["values"][0]["rev"] == "workspace"


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.json")), ids=lambda path: path.stem)
def test_facets_wrap(path):
    """Inside `facet` Vega-Lite ignores `columns`: all models would stand in one row, 5,000 pixels wide."""
    template = json.loads(path.read_text())
    assert "columns" not in template.get("facet", {})
    if "field" in template.get("facet", {}):
        assert template["columns"] in (2, 3)


def test_every_template_is_used():
    assert {path.stem for path in TEMPLATES.glob("*.json")} == {
        properties["template"] for _, properties in PLOTS.values()
    }


def test_what_a_template_reads_is_found():
    template = {
        "transform": [{"calculate": "datum.a + 1", "as": "made"}, {"fold": ["b", "c"], "as": ["d", "e"]}],
        "layer": [{"encoding": {"x": {"field": "made"}, "y": {"field": "f"}, "x2": {"field": "d"}}}],
        "params": [{"select": {"fields": ["g"]}}],
    }
    assert used(template) == {"a", "b", "c", "f", "g"}
