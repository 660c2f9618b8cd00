"""tools/figures.py: the same figures as the report's, as files that need no script."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from aisle.pipeline.errors import AisleError
from aisle.report import page
from aisle.report.blocks import FigureBlock, Section
from tools import figures

ROOT = Path(__file__).parents[2]


class Shown:
    """What of the results tells which figures are wanted."""

    best = "stacking"
    clusters = dict.fromkeys(["bow", "drawn", "tiny", "tfidf"])
    metrics = {  # noqa: RUF012
        "cluster/bow": {"ari": 0.2, "weights": "none"},
        "cluster/drawn": {"ari": 0.9, "weights": "untrained"},
        "cluster/tiny": {"ari": None, "weights": "none"},
        "cluster/tfidf": {"ari": 0.5, "weights": "none"},
    }
    tables = {"tree": pd.DataFrame({"node": ["A"]})}  # noqa: RUF012


@pytest.fixture
def report(monkeypatch):
    """Make the report one of the wanted figures; return their blocks, to be changed by a test."""
    found = [
        FigureBlock(
            name,
            f"caption of {name} [1, 2]",
            go.Figure(go.Scatter(x=[1, 2], y=[2, number])),
            untrained=name == "ari",
        )
        for number, name in enumerate(figures.wanted(Shown()).values())
    ]
    monkeypatch.setattr(figures, "read_folder", lambda folder: Shown())
    monkeypatch.setattr(page, "build", lambda results: [Section("all", "All", found)])
    return found


def test_the_map_is_that_of_the_best_trained_set():
    assert figures.wanted(Shown())["map"] == "map-tfidf"
    assert figures.wanted(Shown())["confusion"] == "confusion-stacking"


def test_a_study_of_a_flat_list_without_feature_sets_has_neither_tree_nor_clusters(monkeypatch):
    monkeypatch.setattr(Shown, "clusters", {})
    monkeypatch.setattr(Shown, "tables", {"tree": pd.DataFrame()})
    assert set(figures.wanted(Shown())) == {"accuracy", "risk_coverage", "confusion"}


def test_files_and_lines(report, tmp_path, capsys):
    figures.write(tmp_path, tmp_path / "figures")
    files = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert files == {"accuracy", "risk_coverage", "confusion", "ari", "map", "tree"}
    printed = capsys.readouterr().out
    assert "![caption of map-tfidf \\[1, 2\\]](figures/map.png)\n\ncaption of map-tfidf" in printed
    assert printed.count("Random weights had a part in it.") == printed.count("caption of ari") == 2
    picture = Image.open(tmp_path / "figures/ari.png").convert("RGB")
    assert picture.width == figures.WIDTH
    assert picture.getpixel((2, 2)) == (255, 255, 255)
    assert len(picture.getcolors(1 << 20)) > 10  # a line was drawn


def test_same_figure_same_bytes(report):
    first, second = (figures.png(report[0].figure) for _ in range(2))
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (figures.WIDTH, 420)


def test_a_figure_with_a_picture_is_not_published():
    figure = go.Figure().add_layout_image(source="data:image/png;base64,AAAA")
    with pytest.raises(AisleError, match="must show no picture"):
        figures.png(figure)


def test_a_figure_that_the_report_lacks_is_named(report, tmp_path):
    del report[-1]
    with pytest.raises(AisleError, match="must have a figure 'map-tfidf'"):
        figures.write(tmp_path, tmp_path / "figures")


def test_a_folder_without_outputs_is_one_clear_error(tmp_path):
    tool = Path(figures.__file__)
    command = [sys.executable, tool, str(tmp_path), str(tmp_path / "figures")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def test_the_readmes_show_figures_that_are_there():
    """Of the real catalogue's study: README two, the study's page all."""
    study = ROOT / "docs/studies/flipkart1050"
    files = {path.name for path in (study / "figures").glob("*.png")}
    assert {f"{name}.png" for name in ("accuracy", "risk_coverage", "confusion", "ari", "map")} == files
    link = re.compile(r"!\[.+\]\((\S+\.png)\)")
    shown = link.findall((study / "README.md").read_text(encoding="utf-8"))
    assert {Path(path).name for path in shown} == files
    shown = [
        path for path in link.findall((ROOT / "README.md").read_text(encoding="utf-8")) if "studies" in path
    ]
    assert len(shown) == 2 and all((ROOT / path).is_file() for path in shown)
    assert sum(path.stat().st_size for path in (study / "figures").iterdir()) < 1e6
